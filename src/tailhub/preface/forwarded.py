"""``X-Forwarded-For``: whose request it is that a proxy passes on. Pure.

Each proxy adds at the right whom it got the request from, and whoever sends a request may write anything at the left of
that. So the list is read from the right, past the proxies that are trusted; what is left of the first other address is
never looked at. Source: there is no RFC; this is how nginx's realip and Traefik read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address


class TrustedProxies:
    """Addresses whose word about other addresses is taken."""

    __slots__ = ("_networks",)

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._networks = tuple(networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: object) -> bool:
        return any(address in network for network in self._networks if isinstance(address, IPv4Address | IPv6Address))


def header_values(headers: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """All values of the header among `headers`, names in lower case, in order."""
    return [value for name, value in headers if name == b"x-forwarded-for"]


def forwarded_for(values: Sequence[bytes], proxies: TrustedProxies) -> Address | None:
    """The client's address, from all values of the header in order; None if they do not tell one.

    It is the rightmost one that is not a trusted proxy's, the leftmost one if all are.
    """
    found = None
    for entry in reversed(b",".join(values).split(b",")):
        address = _parse(entry.strip())
        if address is None:
            break
        found = address
        if address not in proxies:
            break
    return found


def _parse(entry: bytes) -> Address | None:
    """An address, also with a port: ``192.0.2.7``, ``192.0.2.7:4711``, ``2001:db8::7``, ``[2001:db8::7]:4711``."""
    if len(entry) > 64:
        return None
    text = entry.decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
