"""What stands in front of a listener and what it stands in front of: trusted proxies, names that go to another server.

Read from the configuration, without opening anything. What is done with it: `tailhub.server.incoming`, `passthrough`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Finding
from tailhub.preface.forwarded import TrustedProxies

if TYPE_CHECKING:
    from tailhub.server.config import ListenerConfig

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PATTERN = re.compile(rf"\*|(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_BACKEND = re.compile(rf"(?P<host>\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*):(?P<port>[0-9]{{1,5}})")
_PROXY = "proxy:"
_MAPPED_LEN = 96  # bits before an IPv4 address inside IPv6
_UNIX = "unix:"


class Backend(NamedTuple):
    """Another server: `host` and `port`, or the `path` of a unix socket. With `header` it is told the client's address.

    `text` is how it was written.
    """

    text: str
    host: str
    port: int
    path: str
    header: bool


class Routes:
    """Which backend gets a name (SNI): the name itself before ``*.example.com``, that before ``*``."""

    __slots__ = ("_any", "_below", "_exact")

    def __init__(self, routes: Mapping[str, Backend]) -> None:
        self._any = routes.get("*")
        self._exact = {name: backend for name, backend in routes.items() if "*" not in name}
        self._below = {name[2:]: backend for name, backend in routes.items() if name.startswith("*.")}

    def named(self, name: str) -> Backend | None:
        """The backend of a name that was written out."""
        return self._exact.get(name)

    def other(self, name: str) -> Backend | None:
        """The backend of a name that is meant by a star; the longest pattern wins."""
        rest = name
        while self._below and rest:
            rest = rest.partition(".")[2]
            if rest in self._below:
                return self._below[rest]
        return self._any


@dataclass(frozen=True, slots=True)
class Front:
    """One listener's surroundings. `hostname` is its own name, which no route takes away."""

    tls: bool = True
    is_unix: bool = False
    hostname: str = ""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    routes: Routes | None = None

    def trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        """Whether this peer may speak for others; who can open our unix socket (None) may."""
        return self.is_unix if address is None else address in self.proxies

    def backend(self, name: str, has_certificate: bool) -> Backend | None:
        """Who gets a connection for `name`, None for the relay itself; `has_certificate`: we have one for it."""
        if self.routes is None or name == self.hostname or _is_address(name):
            return None
        return self.routes.named(name) or (None if has_certificate else self.routes.other(name))


def front_of(listener: ListenerConfig) -> Front:
    """Read a listener's settings. Raises `UsageError` for the first fault."""
    front, found = _read(listener)
    for finding in found:
        raise UsageError(finding)
    return front


def front_findings(listener: ListenerConfig) -> Iterator[Finding]:
    """All that is wrong with a listener's settings."""
    yield from _read(listener)[1]


def _plain_network(text: str) -> IPv4Network | IPv6Network:
    """Read a network; IPv4 inside IPv6 is IPv4, as everywhere. Raises `ValueError`."""
    network = ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_LEN:
        return network
    return ip_network(f"{mapped}/{network.prefixlen - _MAPPED_LEN}")


def _read(listener: ListenerConfig) -> tuple[Front, list[Finding]]:
    found: list[Finding] = []
    networks = []
    for text in listener.trusted_proxies:
        try:
            networks.append(_plain_network(text))
        except ValueError:
            found.append(findings.bad_trusted_proxy(text, _network_meant(text), listener.place("trusted_proxies")))
    hostname = listener.hostname.lower()
    place = listener.place("passthrough")
    routes: dict[str, Backend] = {}
    for text in listener.passthrough:
        name, _, target = text.partition("=")
        name, backend = name.strip().lower().rstrip("."), _backend(target.strip())
        if backend is None or not _PATTERN.fullmatch(name) or _is_address(name) or name in routes:
            found.append(findings.bad_passthrough(text, place))
        elif backend.path and listener.listen == f"{_UNIX}{backend.path}":
            found.append(findings.passthrough_to_itself(text, place))
        elif name == hostname:
            found.append(findings.passthrough_own_name(name, place))
        else:
            routes[name] = backend
    if routes and not listener.tls:
        found.append(findings.passthrough_needs_tls(place, findings.sibling(place, "tls")))
    front = Front(
        tls=listener.tls,
        is_unix=listener.listen.startswith(_UNIX),
        hostname=hostname,
        proxies=TrustedProxies(networks),
        routes=Routes(routes) if routes else None,
    )
    return front, found


def _network_meant(text: str) -> str:
    """The network of ``192.0.2.7/24``, an address of it; "" for anything else."""
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return ""


def _backend(text: str) -> Backend | None:
    target = text.removeprefix(_PROXY)
    header = target != text
    if target.startswith(_UNIX + "/"):
        return Backend(text, "", 0, target.removeprefix(_UNIX), header)
    match = _BACKEND.fullmatch(target)
    if match is None or not 0 < int(match["port"]) <= 0xFFFF:
        return None
    host = match["host"].strip("[]")
    if (":" in host or host.replace(".", "").isdigit()) and not _is_address(host):
        return None
    return Backend(text, host, int(match["port"]), "", header)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
