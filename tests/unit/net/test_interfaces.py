"""What addresses and interfaces are, and reading Linux's tables of them."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from tailhub.net.interfaces import (
    InterfaceAddress,
    Kind,
    Role,
    default_route,
    is_tailnet,
    kind_of,
    list_addresses,
    parse_if_inet6,
    parse_ipv6_route,
    parse_route,
    pick_stable,
    preferred_source,
    role_of,
    usable_by_others,
    usable_on_the_lan,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8.8.8.8", Kind.GLOBAL),
        ("100.63.255.255", Kind.GLOBAL),
        ("100.64.0.0", Kind.CARRIER),
        ("100.127.255.255", Kind.CARRIER),
        ("100.128.0.0", Kind.GLOBAL),
        ("192.0.0.2", Kind.CARRIER),
        ("192.0.0.9", Kind.RESERVED),
        ("10.1.2.3", Kind.PRIVATE),
        ("172.15.0.1", Kind.GLOBAL),
        ("172.17.0.2", Kind.PRIVATE),
        ("172.32.0.1", Kind.GLOBAL),
        ("192.168.1.1", Kind.PRIVATE),
        ("198.17.255.255", Kind.GLOBAL),
        ("198.18.0.1", Kind.FAKE),
        ("198.19.255.255", Kind.FAKE),
        ("169.254.1.1", Kind.LINK_LOCAL),
        ("127.0.0.1", Kind.LOOPBACK),
        ("0.0.0.0", Kind.RESERVED),
        ("192.0.2.1", Kind.RESERVED),
        ("198.51.100.1", Kind.RESERVED),
        ("203.0.113.1", Kind.RESERVED),
        ("224.0.0.1", Kind.RESERVED),
        ("255.255.255.255", Kind.RESERVED),
        ("2400:3200::1", Kind.GLOBAL),
        ("::1", Kind.LOOPBACK),
        ("::", Kind.RESERVED),
        ("fe80::1", Kind.LINK_LOCAL),
        ("fd00::1", Kind.PRIVATE),
        ("fd7a:115c:a1e0::1", Kind.TAILNET),
        ("fd7a:115c:a1e1::1", Kind.PRIVATE),
        ("2001:db8::1", Kind.RESERVED),
        ("2001::1", Kind.RESERVED),
        ("2002:808:808::1", Kind.RESERVED),
        ("64:ff9b::808:808", Kind.RESERVED),
        ("ff02::1", Kind.RESERVED),
        ("::ffff:8.8.8.8", Kind.GLOBAL),
        ("::ffff:10.0.0.1", Kind.PRIVATE),
    ],
)
def test_kind_of(text: str, kind: Kind) -> None:
    """Each address is of the kind that its registry says."""
    assert kind_of(ip_address(text)) is kind


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("lo", Role.LOOPBACK),
        ("lo0", Role.LOOPBACK),
        ("eth0", Role.ORDINARY),
        ("enp0s31f6", Role.ORDINARY),
        ("wlan0", Role.ORDINARY),
        ("ppp0", Role.ORDINARY),
        ("vmbr0", Role.ORDINARY),
        ("br0", Role.ORDINARY),
        ("br-lan", Role.ORDINARY),
        ("bond0.12", Role.ORDINARY),
        ("Wi-Fi", Role.ORDINARY),
        ("docker0", Role.CONTAINERS),
        ("br-0123456789ab", Role.CONTAINERS),
        ("veth12ab34c", Role.CONTAINERS),
        ("virbr0", Role.CONTAINERS),
        ("cni0", Role.CONTAINERS),
        ("cni-podman0", Role.CONTAINERS),
        ("podman1", Role.CONTAINERS),
        ("flannel.1", Role.CONTAINERS),
        ("lxdbr0", Role.CONTAINERS),
        ("lxcbr0", Role.CONTAINERS),
        ("tailscale0", Role.TAILNET),
        ("tun0", Role.TUNNEL),
        ("utun4", Role.TUNNEL),
        ("wg0", Role.TUNNEL),
        ("wgcf", Role.TUNNEL),
        ("mihomo", Role.TUNNEL),
        ("CloudflareWARP", Role.TUNNEL),
    ],
)
def test_role_of(name: str, role: Role) -> None:
    """An interface's name tells what it is for."""
    assert role_of(name) is role


def _on(interface: str, text: str, **flags: bool) -> InterfaceAddress:
    return InterfaceAddress(interface, ip_address(text), **flags)


@pytest.mark.parametrize(
    ("found", "usable"),
    [
        (_on("eth0", "8.8.8.8"), True),
        (_on("eth0", "2400:3200::1"), True),
        (_on("eth0", "2400:3200::1", permanent=False), True),
        (_on("eth0", "2400:3200::1", temporary=True), False),
        (_on("eth0", "2400:3200::1", deprecated=True), False),
        (_on("eth0", "2400:3200::1", tentative=True), False),
        (_on("tailscale0", "100.100.1.1"), False),
        (_on("eth0", "100.64.1.1"), False),
        (_on("tailscale0", "fd7a:115c:a1e0::1"), False),
        (_on("docker0", "8.8.8.8"), False),
        (_on("wg0", "2400:3200::1"), False),
        (_on("eth0", "198.18.0.1"), False),
        (_on("eth0", "203.0.113.7"), False),
        (_on("eth0", "192.168.1.5"), False),
        (_on("eth0", "fe80::1"), False),
        (_on("eth0", "fd00::1"), False),
    ],
)
def test_usable_by_others(found: InterfaceAddress, usable: bool) -> None:
    """Only a lasting global address of an ordinary interface may stand in a map."""
    assert usable_by_others(found) is usable


def test_usable_on_the_lan() -> None:
    """Neighbours can use private addresses of ordinary interfaces, not those of a container bridge."""
    assert usable_on_the_lan(_on("eth0", "192.168.1.5"))
    assert not usable_on_the_lan(_on("docker0", "172.17.0.1"))
    assert not usable_on_the_lan(_on("eth0", "8.8.8.8"))


def test_is_tailnet() -> None:
    """Tailscale's addresses are known by the interface, by the IPv6 range, and on a tunnel by 100.64.0.0/10."""
    assert is_tailnet(_on("tailscale0", "100.64.0.9"))
    assert is_tailnet(_on("eth0", "fd7a:115c:a1e0::9"))
    assert is_tailnet(_on("utun3", "100.101.102.103"))
    assert not is_tailnet(_on("eth0", "100.101.102.103"))


IF_INET6 = """\
fe80000000000000021122fffe334455 02 40 20 80     eth0
24003200000000000000000000000001 02 40 00 80     eth0
240032000000000000000000000000aa 02 40 00 01     eth0
240032000000000000000000000000bb 02 40 00 20     eth0
240032000000000000000000000000cc 02 40 00 40     eth0
240032000000000000000000000000dd 02 40 00 88     eth0
240032000000000000000000000000ee 02 40 00 00     eth0
not a line
zz 02 40 00 00     eth0
"""


def test_if_inet6() -> None:
    """The kernel's flags tell temporary, deprecated, tentative (or duplicate) and permanent addresses."""
    found = {str(address): entry for (_, address), entry in parse_if_inet6(IF_INET6).items()}
    flags = {text: (f.temporary, f.deprecated, f.tentative, f.permanent) for text, f in found.items()}
    assert flags == {
        "fe80::211:22ff:fe33:4455": (False, False, False, True),
        "2400:3200::1": (False, False, False, True),
        "2400:3200::aa": (True, False, False, False),
        "2400:3200::bb": (False, True, False, False),
        "2400:3200::cc": (False, False, True, False),
        "2400:3200::dd": (False, False, True, True),
        "2400:3200::ee": (False, False, False, False),
    }


def test_pick_stable() -> None:
    """An address set by hand is taken before an advertised one, and among equals the kernel's choice."""
    advertised, by_hand, second = (
        _on("eth0", "2400::1", permanent=False),
        _on("eth0", "2400::2"),
        _on("eth0", "2400::3"),
    )
    assert pick_stable([advertised, by_hand, second], None) is by_hand
    assert pick_stable([advertised, by_hand, second], advertised.address) is by_hand
    assert pick_stable([advertised, by_hand, second], second.address) is second
    assert pick_stable([], None) is None


ROUTE_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("lines", "interface"),
    [
        ("", None),
        ("eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", None),
        ("eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n", "eth0"),
        (
            "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
            "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",
            "eth0",
        ),
        ("*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n", None),
        ("tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n", None),
        ("eth0\t00000000\n", None),
    ],
)
def test_route(lines: str, interface: str | None) -> None:
    """The IPv4 default route is the usable one to 0.0.0.0/0 with the lowest metric."""
    assert parse_route(ROUTE_HEAD + lines) == interface


def _route6(prefix_len: str, metric: str, flags: str, interface: str) -> str:
    zero = "0" * 32
    return f"{zero} {prefix_len} {zero} 00 {zero} {metric} 00000001 00000000 {flags} {interface:>8}\n"


@pytest.mark.parametrize(
    ("text", "interface"),
    [
        ("", None),
        (_route6("00", "ffffffff", "00200200", "lo"), None),
        (_route6("00", "00000400", "00000003", "eth0") + _route6("00", "ffffffff", "00200200", "lo"), "eth0"),
        (_route6("00", "00000400", "00000003", "wlan0") + _route6("00", "00000064", "00450003", "eth0"), "eth0"),
        (_route6("03", "00000064", "00000003", "tun0"), None),
        (_route6("00", "00000064", "00000200", "eth0"), None),
    ],
)
def test_ipv6_route(text: str, interface: str | None) -> None:
    """The IPv6 default route is found alike, and the kernel's unreachable one on lo does not count."""
    assert parse_ipv6_route(text) == interface


def test_this_machine_has_loopback() -> None:
    """Listing this machine's addresses finds 127.0.0.1 on a loopback interface."""
    assert any(f.address == ip_address("127.0.0.1") and role_of(f.interface) is Role.LOOPBACK for f in list_addresses())


def test_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody says which interfaces are up, the addresses of all are listed."""

    def nothing() -> None:
        raise FileNotFoundError(2, "No such file or directory", "/proc/net/dev")

    monkeypatch.setattr("psutil.net_if_stats", nothing)
    assert ip_address("127.0.0.1") in {found.address for found in list_addresses()}


def test_route_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interface of the default route comes from /proc, the source address from the kernel."""
    monkeypatch.setattr("tailhub.net.interfaces.preferred_source", lambda _family: None)
    (tmp_path / "net").mkdir()
    assert default_route(socket.AF_INET, tmp_path) is None
    (tmp_path / "net/route").write_text(ROUTE_HEAD + "eth7\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n")
    (tmp_path / "net/ipv6_route").write_text(_route6("00", "00000400", "00000003", "eth8"))
    v4, v6 = default_route(socket.AF_INET, tmp_path), default_route(socket.AF_INET6, tmp_path)
    assert v4 is not None
    assert v6 is not None
    assert (v4.interface, v6.interface) == ("eth7", "eth8")


def test_preferred_source() -> None:
    """The kernel's source address is one of this machine's, if there is a route at all; asking sends nothing."""
    own = {found.address for found in list_addresses()}
    for family in (socket.AF_INET, socket.AF_INET6):
        assert preferred_source(family) in own | {None}
