"""Who is asking for a page: whether a caller sits on this machine, and what its Host header says.

Sources: RFC 9110 §7.2 (Host), RFC 3986 §3.2.2 (host names and literals).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from tailhub.web.message import Request

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[^:\[\]]{1,255})(?::([0-9]{1,5})?)?")
_SAME_SITE = (b"same-origin", b"none")  # of Sec-Fetch-Site; "none": somebody typed the address
_SCHEMES = (b"http://", b"https://")
# A proxy on this machine makes every caller look local; those that say so are believed.
_PROXY_HEADERS = (b"x-forwarded-for", b"x-real-ip", b"forwarded")


@dataclass(frozen=True, slots=True)
class Host:
    """A Host header that is well-formed: `name` in lower case, IPv6 without brackets; `port` None if not given."""

    name: str
    port: int | None
    is_ip: bool

    @property
    def url_name(self) -> str:
        """The name as a URL has it: IPv6 in brackets."""
        return f"[{self.name}]" if ":" in self.name else self.name

    @property
    def is_loopback_name(self) -> bool:
        """Whether it is ``localhost`` or a name under it, which no DNS answer of others can point here (RFC 6761)."""
        return self.name == "localhost" or self.name.endswith(".localhost")


def parse_host(value: bytes) -> Host | None:
    """Read a Host header or a URL's authority; None if it is no host name or address with an optional port."""
    match = _HOST.fullmatch(value)
    if match is None:
        return None
    name = match[1].decode("latin-1").lower()
    port = int(match[2]) if match[2] else None
    if port is not None and port > 65535:
        return None
    bare = name.strip("[]")
    if _is_ip(bare) and ((":" in bare) is name.startswith("[")):
        return Host(bare, port, is_ip=True)
    return Host(name, port, is_ip=False) if _NAME.fullmatch(name) else None


def request_host(request: Request) -> Host | None:
    """The host a request is for: from an absolute target, else from its one Host header (RFC 9112 §3.2)."""
    values = [value for name, value in request.headers if name == b"host"]
    if len(values) > 1:
        return None
    origin = request.origin
    if origin is not None:
        return parse_host(origin)
    return parse_host(values[0]) if values else None


def is_loopback(ip: str) -> bool:
    """Whether an address is this machine talking to itself. IPv4 inside IPv6 counts as IPv4."""
    if not _is_ip(ip):
        return False
    address: IPv4Address | IPv6Address = ip_address(ip)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_on_this_machine(request: Request) -> bool:
    """Whether the caller is on this machine itself, not somebody behind a proxy on it."""
    return is_loopback(request.peer_ip) and not any(name in _PROXY_HEADERS for name, _ in request.headers)


def is_own_page(request: Request) -> bool:
    """Does nothing say that a page of another origin asks (RFC 6454 section 7, Fetch Metadata)?"""
    sites = [value.strip().lower() for name, value in request.headers if name == b"sec-fetch-site"]
    if any(site not in _SAME_SITE for site in sites):
        return False
    origins = [value.strip().lower() for name, value in request.headers if name == b"origin"]
    if not origins:
        return True
    host = request_host(request)
    scheme = next((one for one in _SCHEMES if origins[0].startswith(one)), None)
    if len(origins) > 1 or scheme is None or host is None:
        return False
    origin = parse_host(origins[0].removeprefix(scheme))
    # Both leave the port out where it is the scheme's own.
    return origin is not None and (origin.name, origin.port) == (host.name, host.port)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
