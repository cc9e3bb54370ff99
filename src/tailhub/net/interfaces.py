"""The machine's addresses: which there are, where the default routes lead, and which of them others could use.

Reading is small and never sends a packet; judging (`kind_of`, `role_of`, `usable_by_others`) is pure. What to advertise
is not decided here (`tailhub.server.address`).

Sources: proc(5), ``net/ipv6/addrconf.c`` for the flags in ``/proc/net/if_inet6``, the IANA special-purpose address
registries, RFC 6598 (100.64.0.0/10), Tailscale's ``net/tsaddr`` for the tailnet's own ranges.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

IPAddress = IPv4Address | IPv6Address

PROC = Path("/proc")


class Kind(StrEnum):
    """What range an address is from. Only `GLOBAL` can be reached from everywhere."""

    GLOBAL = "global"
    PRIVATE = "private"  # RFC 1918 and unique local IPv6
    CARRIER = "carrier"  # behind the provider's NAT: 100.64.0.0/10, 192.0.0.0/29
    TAILNET = "tailnet"  # Tailscale's own IPv6 range; its IPv4 range is CARRIER and told by the interface
    LINK_LOCAL = "link-local"
    LOOPBACK = "loopback"
    FAKE = "fake"  # 198.18.0.0/15: benchmarks, in practice the fake-ip range of proxy programs
    RESERVED = "reserved"  # documentation, multicast, tunnels nobody runs any more, everything else


class Role(StrEnum):
    """What an interface is for, as its name tells."""

    ORDINARY = "ordinary"
    LOOPBACK = "loopback"
    TAILNET = "tailnet"
    TUNNEL = "tunnel"  # a VPN or the TUN of a proxy
    CONTAINERS = "containers"  # a bridge or pair that exists for containers or virtual machines


_V4: tuple[tuple[IPv4Network, Kind], ...] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("127.0.0.0/8", Kind.LOOPBACK),
        ("10.0.0.0/8", Kind.PRIVATE),
        ("172.16.0.0/12", Kind.PRIVATE),
        ("192.168.0.0/16", Kind.PRIVATE),
        ("100.64.0.0/10", Kind.CARRIER),
        ("192.0.0.0/29", Kind.CARRIER),  # DS-Lite and 464XLAT (RFC 7335)
        ("169.254.0.0/16", Kind.LINK_LOCAL),
        ("198.18.0.0/15", Kind.FAKE),
        ("0.0.0.0/8", Kind.RESERVED),
        ("192.0.0.0/24", Kind.RESERVED),
        ("192.0.2.0/24", Kind.RESERVED),
        ("192.88.99.0/24", Kind.RESERVED),
        ("198.51.100.0/24", Kind.RESERVED),
        ("203.0.113.0/24", Kind.RESERVED),
        ("224.0.0.0/3", Kind.RESERVED),
    )
)
_V6: tuple[tuple[IPv6Network, Kind], ...] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::1/128", Kind.LOOPBACK),
        ("fe80::/10", Kind.LINK_LOCAL),
        ("fd7a:115c:a1e0::/48", Kind.TAILNET),
        ("fc00::/7", Kind.PRIVATE),
        ("2001:db8::/32", Kind.RESERVED),
        ("2001::/23", Kind.RESERVED),  # Teredo, ORCHID and benchmarks among them
        ("2002::/16", Kind.RESERVED),  # 6to4
        ("3fff::/20", Kind.RESERVED),
        ("2000::/3", Kind.GLOBAL),
        ("::/0", Kind.RESERVED),
    )
)
_TAILNET_V4 = IPv4Network("100.64.0.0/10")

_ROLES: tuple[tuple[re.Pattern[str], Role], ...] = tuple(
    (re.compile(pattern), role)
    for pattern, role in (
        (r"lo\d*", Role.LOOPBACK),
        (r"tailscale.*", Role.TAILNET),
        # Docker names the bridges of its networks br- and 12 hex digits; br-lan or br-ex are somebody's real uplink.
        (
            r"docker\d*|docker_gwbridge|br-[0-9a-f]{12}|veth.*|virbr.*|vnet\d+|podman\d*|cni.*|flannel.*|cali.*",
            Role.CONTAINERS,
        ),
        (
            r"cilium.*|lxc.*|lxd.*|incusbr.*|kube-.*|nodelocaldns|weave|vmnet\d*|vboxnet\d*|vEthernet.*|bridge1\d\d",
            Role.CONTAINERS,
        ),
        (
            r"tun.*|tap\d*|utun\d*|wg.*|zt.*|nebula.*|warp.*|CloudflareWARP|mihomo|Meta|clash.*|sing-?box.*|easytier.*",
            Role.TUNNEL,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of one interface that is up.

    `temporary` (RFC 8981), `deprecated` and `tentative` are IPv6's and known on Linux only; `permanent` is false for an
    address that a router's advertisement made and may take away.
    """

    interface: str
    address: IPAddress
    temporary: bool = False
    deprecated: bool = False
    tentative: bool = False
    permanent: bool = True


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """Where packets for the whole Internet go.

    `interface` is the routing table's (None where it cannot be read); `source` is the address that the kernel would
    send from right now, policy rules and VPNs included, so the two can point to different interfaces.
    """

    interface: str | None
    source: IPAddress | None


def kind_of(address: IPAddress) -> Kind:
    """The range that `address` is from; an IPv4-mapped IPv6 address counts as IPv4."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _V4 if address in network), Kind.GLOBAL)
    return next(kind for network, kind in _V6 if address in network)


def role_of(interface: str) -> Role:
    """What an interface of this name is for."""
    return next((role for pattern, role in _ROLES if pattern.fullmatch(interface)), Role.ORDINARY)


def is_tailnet(found: InterfaceAddress) -> bool:
    """Is this an address inside the tailnet (which devices outside it cannot use)?"""
    if role_of(found.interface) is Role.TAILNET or kind_of(found.address) is Kind.TAILNET:
        return True
    # macOS names Tailscale's interface utunN; a tunnel with an address from 100.64/10 can hardly be anything else.
    return role_of(found.interface) is Role.TUNNEL and found.address in _TAILNET_V4


def usable_by_others(found: InterfaceAddress) -> bool:
    """May this address stand in a DERP map for the Internet: global, there to stay, not a tunnel's or a container's?"""
    return (
        kind_of(found.address) is Kind.GLOBAL
        and not (found.temporary or found.deprecated or found.tentative)
        and role_of(found.interface) is Role.ORDINARY
    )


def usable_on_the_lan(found: InterfaceAddress) -> bool:
    """Can neighbours in the same private network use this address?"""
    return (
        kind_of(found.address) is Kind.PRIVATE
        and not (found.temporary or found.deprecated or found.tentative)
        and role_of(found.interface) is Role.ORDINARY
    )


def list_addresses(proc: Path = PROC) -> list[InterfaceAddress]:
    """All addresses of interfaces that are up, in the system's order. Scope ids (``%eth0``) are cut off.

    Where the system does not say which are up (Linux without /proc), those of all.
    """
    import psutil

    entries_of = psutil.net_if_addrs()
    try:
        up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    except OSError:
        up = set(entries_of)
    flags = parse_if_inet6(_read(proc / "net/if_inet6"))
    found = []
    for interface, entries in entries_of.items():
        if interface not in up:
            continue
        for entry in entries:
            if entry.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            address = ip_address(entry.address.partition("%")[0])
            known = flags.get((interface, address)) if isinstance(address, IPv6Address) else None
            found.append(known or InterfaceAddress(interface, address))
    return found


def default_route(family: int, proc: Path = PROC) -> DefaultRoute | None:
    """The default route of `family` (`AF_INET` or `AF_INET6`), or None when there is no way to the Internet."""
    if family == socket.AF_INET:
        interface = parse_route(_read(proc / "net/route"))
    else:
        interface = parse_ipv6_route(_read(proc / "net/ipv6_route"))
    source = preferred_source(family)
    return None if interface is None and source is None else DefaultRoute(interface, source)


def preferred_source(family: int) -> IPAddress | None:
    """The address the kernel would send from to a far host. Connecting a UDP socket only looks up the route."""
    # Two of the DNS root servers: no route but the default one is likely to cover them.
    far = ("198.41.0.4", 53) if family == socket.AF_INET else ("2001:503:ba3e::2:30", 53)
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(far)
            return ip_address(probe.getsockname()[0].partition("%")[0])
    except OSError:
        return None


def pick_stable(candidates: Iterable[InterfaceAddress], preferred: IPAddress | None) -> InterfaceAddress | None:
    """The best of several good addresses of one interface: set by hand before advertised, then the kernel's choice."""
    return min(candidates, key=lambda found: (not found.permanent, found.address != preferred), default=None)


_TEMPORARY, _DAD_FAILED, _DEPRECATED, _TENTATIVE, _PERMANENT = 0x01, 0x08, 0x20, 0x40, 0x80


def parse_if_inet6(text: str) -> dict[tuple[str, IPAddress], InterfaceAddress]:
    """``/proc/net/if_inet6``: address, index, prefix length, scope, flags (hex), interface; bad lines are skipped."""
    found: dict[tuple[str, IPAddress], InterfaceAddress] = {}
    for line in text.splitlines():
        fields = line.split()
        try:
            digits, _, _, _, flag_digits, interface = fields
            address, flags = IPv6Address(bytes.fromhex(digits)), int(flag_digits, 16)
        except ValueError:
            continue
        found[interface, address] = InterfaceAddress(
            interface,
            address,
            temporary=bool(flags & _TEMPORARY),
            deprecated=bool(flags & _DEPRECATED),
            tentative=bool(flags & (_TENTATIVE | _DAD_FAILED)),
            permanent=bool(flags & _PERMANENT),
        )
    return found


def parse_route(text: str) -> str | None:
    """``/proc/net/route``: the interface of the usable default route with the lowest metric."""
    return _best_default(
        (fields[0], fields[6], int(fields[3], 16))
        for fields in map(str.split, text.splitlines()[1:])
        if len(fields) >= 8 and fields[1] == fields[7] == "0" * 8
    )


def parse_ipv6_route(text: str) -> str | None:
    """``/proc/net/ipv6_route``: the same; the kernel's own unreachable default on ``lo`` does not count."""
    return _best_default(
        (fields[9], "0x" + fields[5], int(fields[8], 16))
        for fields in map(str.split, text.splitlines())
        if len(fields) == 10 and fields[0] == "0" * 32 and fields[1] == "00" and fields[9] != "lo"
    )


_RTF_UP, _RTF_REJECT = 0x0001, 0x0200  # linux/route.h


def _best_default(routes: Iterable[tuple[str, str, int]]) -> str | None:
    usable = [
        (int(metric, 0), interface) for interface, metric, flags in routes if flags & (_RTF_UP | _RTF_REJECT) == _RTF_UP
    ]
    return min(usable, key=lambda route: route[0])[1] if usable else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""  # not Linux, or a container without IPv6
