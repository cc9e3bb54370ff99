"""Answering a datagram from the address that was asked.

A UDP socket on a wildcard address must ask the kernel to which address each request came, and say so when it answers;
else a machine with several addresses answers from the wrong one, and clients and firewalls drop that. Where there is no
such thing (IPv4 on macOS, Windows) the system's choice has to do. Sources: ip(7) IP_PKTINFO, RFC 3542 section 6.
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass

# More than systems give by default: a turn of the loop that routes for some milliseconds must not lose requests. The
# kernel may give less, and it is memory only while it is full.
RECEIVE_BUFFER_BYTES = 1 << 20

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Python 3.11 does not name it

Ancillary = list[tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class PacketInfo:
    """The control message that names a datagram's local address.

    ::

        IPv4  4B interface + 4B local address + 4B address in the header
        IPv6  16B address in the header + 4B interface
    """

    level: int
    kind: int
    size: int  # bytes of its value

    @property
    def space(self) -> int:
        """How many bytes of control buffer `recvmsg` needs for it."""
        return socket.CMSG_SPACE(self.size)

    def reply(self, asked: bytes) -> Ancillary | None:
        """What to send with the answer to a datagram that came with `asked`; None: it was asked at a multicast address.

        The interface is left to the routing table (an answer may have to leave by another one), but for link-local
        addresses, which mean nothing without it.
        """
        if self.kind == _IP_PKTINFO and self.level == socket.IPPROTO_IP:
            return [(self.level, self.kind, bytes(4) + asked[4:])]
        if asked[0] == 0xFF:
            return None
        is_link_local = asked[0] == 0xFE and asked[1] & 0xC0 == 0x80
        return [(self.level, self.kind, asked if is_link_local else asked[:16] + bytes(4))]


def prepare(sock: socket.socket) -> PacketInfo | None:
    """Make a bound socket ready for `StunServer`; how to learn the asked address if it is bound to a wildcard."""
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    except OSError:
        pass  # a smaller buffer serves too
    if sock.getsockname()[0] not in ("0.0.0.0", "::") or not hasattr(sock, "recvmsg"):
        return None
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            return PacketInfo(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, 20)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            return PacketInfo(socket.IPPROTO_IP, _IP_PKTINFO, 12)
    except (OSError, AttributeError):
        pass
    return None
