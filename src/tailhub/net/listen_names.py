"""Names in ``HOST:PORT``, looked up once at the start as Go's ``net.Listen`` does: for the original's ``-a``.

Of a name's addresses the first IPv4 one is listened on, else the first IPv6 one; a service is one of TCP's, whatever
its case (Go: ``net/lookup.go``, ``net/ipsock.go``). Our own flags take no names but `listen_spec`'s.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from ipaddress import ip_address

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Place
from tailhub.net.listen_spec import SERVICES

__all__ = ["look_up_names"]

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


def _addresses(name: str) -> list[str]:
    """In the order of the system's resolver. Raises `OSError`."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for family, _, _, _, sockaddr in found if family in (socket.AF_INET, socket.AF_INET6)]


def look_up_names(text: str, place: Place, addresses: Callable[[str], list[str]] = _addresses) -> str:
    """``HOST:PORT`` with an address and a number; what has no names, or is not of that form, as it is.

    Raises `UsageError` for a name or a service that is not known. May take as long as the resolver does.
    """
    host, colon, port = text.rpartition(":")
    if not colon:
        return text
    number = _port(port, place) if _NAME.fullmatch(port) and not port.isdigit() else port
    return f"{_address(host, number, place, addresses) if _is_name(host) else host}:{number}"


def _port(service: str, place: Place) -> str:
    name = service.lower()
    try:
        return str(SERVICES.get(name) or socket.getservbyname(name, "tcp"))
    except OSError:
        raise UsageError(findings.service_unknown(place, service)) from None


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return _NAME.fullmatch(host) is not None and not re.fullmatch(r"[0-9.]+", host)
    return False


def _address(name: str, port: str, place: Place, addresses: Callable[[str], list[str]]) -> str:
    try:
        found = addresses(name)
    except (OSError, UnicodeError) as exc:  # the latter for a label that is too long
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise UsageError(findings.listen_name_unknown(place, name, port, reason)) from exc
    chosen = next((one for one in found if ":" not in one), found[0])
    return f"[{chosen}]" if ":" in chosen else chosen
