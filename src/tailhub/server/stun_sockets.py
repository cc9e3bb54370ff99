"""UDP sockets for STUN: binding them, and answering from the address that was asked.

IPv4 and IPv6 are bound apart, never as one dual-stack socket: each family then has plain addresses and its own
counters, and a kernel without one of them can be told from a port that is taken. No SO_REUSEADDR or SO_REUSEPORT: a
port in use is an error here.

A socket on a wildcard address must ask the kernel to which address each request came, and say so when it answers; else
a machine with several addresses answers from the wrong one, and clients and firewalls drop that. Sources: ip(7)
IP_PKTINFO, RFC 3542 section 6. Where there is no such thing (IPv4 on macOS, Windows) the system's choice has to do.
"""

from __future__ import annotations

import errno
import socket
import sys
from dataclasses import dataclass

# One more than Linux gives by default: a turn of the loop that routes for some milliseconds must not lose requests.
# The kernel may give less; it is memory only while it is full.
RECEIVE_BUFFER_BYTES = 1 << 20

PORT_TRIES = 8  # for port 0: to find one that is free in both families

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)  # Python 3.11 does not name it
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL)

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


@dataclass(frozen=True, slots=True)
class Bound:
    """What binding gave."""

    sockets: tuple[socket.socket, ...]
    missing: tuple[OSError, ...]
    """For each IP family that this kernel lacks: the error, with the address as its `filename`."""


def bind(host: str, port: int) -> Bound:
    """Bind UDP sockets: one for the IP address `host`, or for ``""`` one for all of IPv4 and one for all of IPv6.

    Port 0 takes a free one, the same in both families. Raises `OSError` with the address as its `filename` when an
    address cannot be bound; in the two-family form a family that the kernel lacks is no error unless both are lacking.
    """
    if host:
        return Bound((_bind_one(host, port),), ())
    for tries_left in reversed(range(PORT_TRIES)):
        try:
            return _bind_both(port)
        except OSError as error:
            if port != 0 or error.errno != errno.EADDRINUSE or not tries_left:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free in both families", _address_text("", port))


def _bind_both(port: int) -> Bound:
    sockets: list[socket.socket] = []
    missing: list[OSError] = []
    for host in ("0.0.0.0", "::"):
        try:
            sockets.append(_bind_one(host, port))
        except OSError as error:
            if error.errno in _NO_SUCH_FAMILY:
                missing.append(error)
                continue
            for bound in sockets:
                bound.close()
            raise
        port = sockets[0].getsockname()[1]
    if not sockets:
        raise missing[0]
    return Bound(tuple(sockets), tuple(missing))


def _bind_one(host: str, port: int) -> socket.socket:
    sock: socket.socket | None = None
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise OSError(error.errno, error.strerror, _address_text(host, port)) from error
    return sock


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


def _address_text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
