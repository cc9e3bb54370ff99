"""Findings about ports, addresses to listen on, and limits of the process."""

from __future__ import annotations

from typing import Protocol

from tailhub.findings.finding import Finding
from tailhub.findings.place import name_of

_IPV6_SWITCH = "net.ipv6.conf.all.disable_ipv6"


class Program(Protocol):
    """A running program, as far as a sentence about it goes."""

    @property
    def program(self) -> str:
        """Its name."""

    @property
    def pid(self) -> int:
        """Its process id."""


def listen_name_unknown(place: str, name: str, port: str, reason: str) -> Finding:
    """`place` says to listen on the addresses of `name`, which has none; `reason` is the resolver's."""
    return Finding("TH240", {"place": place, "name": name, "port": port, "reason": reason})


def service_unknown(place: str, service: str) -> Finding:
    """`place` names a port by a TCP `service` that this machine does not know."""
    return Finding("TH241", {"place": place, "service": service})


def port_taken(
    flag: str, protocol: str, port: int, owner: Program | None, free_port: int | None, host: str = ""
) -> Finding:
    """`port` of `protocol` ("TCP", "UDP"), asked for by `flag`, is held by `owner` (None: not known).

    `host` is HOST as it was written: another port must not open what was for this machine only.
    """
    values = {
        "flag": flag,
        "host": host,
        "protocol": protocol,
        "port": port,
        "program": owner.program if owner else None,
        "pid": owner.pid if owner else None,
        "free_port": free_port,
        "ss_flags": "-lunp" if protocol == "UDP" else "-ltnp",
    }
    return Finding("TH030", values)


def port_needs_privilege(
    flag: str, protocol: str, port: int, free_port: int | None, python: str = "", host: str = ""
) -> Finding:
    """`port` is a privileged one and this user has no privilege.

    `python`: path of the running interpreter; `host` as for `port_taken`.
    """
    if not python:
        import sys

        python = sys.executable
    values = {
        "flag": flag,
        "host": host,
        "protocol": protocol,
        "port": port,
        "free_port": free_port,
        "python": python,
    }
    return Finding("TH031", values)


def address_not_here(flag: str, host: str, port: int) -> Finding:
    """No interface has the address `host`."""
    # A loopback address is missing when its family is switched off; the operator's pages are for this machine only.
    is_private = host.startswith(("127.", "::1")) or name_of(flag) == "admin_listen"
    return Finding("TH032", {"flag": flag, "host": host, "port": port, "private": is_private})


def malformed_address(flag: str, text: str, suggestion: str = "") -> Finding:
    """`text` is no HOST:PORT; `suggestion` is what was probably meant."""
    quoted = any(quote in text for quote in "\"'“”‘’")
    return Finding("TH033", {"flag": flag, "text": text, "suggestion": suggestion, "quoted": quoted})


def family_missing(family: str, flag: str) -> Finding:
    """The kernel lacks `family` ("IPv4", "IPv6"), which the wildcard in `flag` would have used."""
    return Finding("TH034", {"family": family, "flag": flag, "sysctl": _IPV6_SWITCH if family == "IPv6" else None})


def cannot_listen(flag: str, text: str, reason: str) -> Finding:
    """Listening on `text` fails for another reason, in the system's words; it is a HOST:PORT, or a unix socket's path.

    `flag` "unix" is for the socket that is in the state directory.
    """
    values = {"flag": flag, "text": text, "reason": reason, "unix": flag == "unix", "path": text.startswith("/")}
    return Finding("TH035", values)


def socket_twice(one: str, other: str, path: str) -> Finding:
    """Two listeners want the same unix socket."""
    return Finding("TH231", {"one": one, "other": other, "path": path})


def descriptor_limit_low(limit: int, clients: int) -> Finding:
    """The hard limit of open files leaves room for about `clients` clients."""
    return Finding("TH036", {"limit": limit, "clients": clients})


def socket_unused(name: str) -> Finding:
    """The service manager passed a socket, bound to `name`, that no listener asks for."""
    return Finding("TH150", {"name": name})


def nothing_to_serve() -> Finding:
    """Both ``--listen`` and ``--stun-listen`` are off."""
    return Finding("TH037")
