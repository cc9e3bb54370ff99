"""Turning the PKTINFO of a request into that of its answer."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address

import pytest

from tailhub.server.packet_info import PacketInfo, prepare

IPV6_PKTINFO = getattr(socket, "IPV6_PKTINFO", 50)
V4 = PacketInfo(socket.IPPROTO_IP, getattr(socket, "IP_PKTINFO", 8), 12)
V6 = PacketInfo(socket.IPPROTO_IPV6, IPV6_PKTINFO, 20)
INTERFACE = (3).to_bytes(4, sys.byteorder)


def test_ipv4() -> None:
    """An IPv4 answer leaves from the local address of the request, by whichever interface the routes say."""
    local, header = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 255))
    assert V4.reply(INTERFACE + local + header) == [(V4.level, V4.kind, bytes(4) + local + header)]


@pytest.mark.parametrize(
    ("address", "interface"),
    [("2001:db8::1", bytes(4)), ("fe80::1", INTERFACE), ("febf::1", INTERFACE), ("fec0::1", bytes(4))],
)
def test_ipv6(address: str, interface: bytes) -> None:
    """An IPv6 answer leaves from the address that was asked; a link-local one keeps its interface."""
    packed = ip_address(address).packed
    assert V6.reply(packed + INTERFACE) == [(V6.level, V6.kind, packed + interface)]


def test_multicast() -> None:
    """There is no answer to a request that was sent to a multicast address: nobody can answer from there."""
    assert V6.reply(ip_address("ff02::1").packed + INTERFACE) is None


@pytest.mark.parametrize(("host", "needed"), [("127.0.0.1", False), ("0.0.0.0", sys.platform == "linux")])
def test_only_wildcards_need_it(host: str, needed: bool) -> None:
    """A socket on one address has nothing to learn; one on the wildcard does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        info = prepare(sock)
        assert (info is not None) is needed
        assert not sock.getblocking()
        assert info is None or info.space == socket.CMSG_SPACE(12)
