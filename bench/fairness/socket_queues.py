"""How many bytes lie in the kernel on the way from a relay to one client on loopback. Linux only.

Asked by netlink (``sock_diag``) for one connection at a time: ``/proc/net/tcp`` lists every connection that this
machine has had in the last minute, and reading it takes longer than what is to be measured.
"""

from __future__ import annotations

import socket
import statistics
import struct

from bench.servers import HOST

_NETLINK_SOCK_DIAG = 4
_REQUEST = struct.Struct("=IHHIIBBBxI" + "2s2s16s16sIII")  # nlmsghdr, inet_diag_req_v2 with inet_diag_sockid
_BY_FAMILY, _IS_REQUEST = 20, 1
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
_STATE_AT, _QUEUES_AT = _HEADER.size + 1, _HEADER.size + 56  # in inet_diag_msg
_QUEUES = struct.Struct("=II")  # bytes to read; bytes not acknowledged
_ESTABLISHED = 1


class SocketQueues:
    """Samples of one connection, told apart by its two ports."""

    def __init__(self, relay_port: int, client_port: int) -> None:
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._relay_end = request(relay_port, client_port)
        self._client_end = request(client_port, relay_port)
        self.unsent: list[int] = []  # at the relay's end: not sent or not acknowledged (SIOCOUTQ)
        self.unread: list[int] = []  # at the client's end (SIOCINQ)

    def sample(self) -> bool:
        """Look once. Returns whether the relay's end is still open."""
        relay_end, client_end = self._ask(self._relay_end), self._ask(self._client_end)
        if client_end is not None:
            self.unread.append(client_end[0])
        if relay_end is None:
            return False
        self.unsent.append(relay_end[1])
        return True

    def _ask(self, message: bytes) -> tuple[int, int] | None:
        self._netlink.send(message)
        return queues_in(self._netlink.recv(4096))

    def close(self) -> None:
        """No more samples."""
        self._netlink.close()


def request(local_port: int, remote_port: int) -> bytes:
    """Ask for the end with these ports of an IPv4 connection on loopback."""
    address = socket.inet_aton(HOST).ljust(16, b"\0")
    ports = (local_port.to_bytes(2, "big"), remote_port.to_bytes(2, "big"))
    head = (_REQUEST.size, _BY_FAMILY, _IS_REQUEST, 0, 0, socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY_STATE)
    return _REQUEST.pack(*head, *ports, address, address, 0, _NO_COOKIE, _NO_COOKIE)


def queues_in(answer: bytes) -> tuple[int, int] | None:
    """``(bytes to read, bytes not acknowledged)``; None when there is no such connection, or when it is closing."""
    if _HEADER.unpack_from(answer)[1] != _BY_FAMILY or answer[_STATE_AT] != _ESTABLISHED:
        return None
    to_read, to_acknowledge = _QUEUES.unpack_from(answer, _QUEUES_AT)
    return to_read, to_acknowledge


def median(samples: list[int]) -> float:
    """Their median; 0 without samples."""
    return statistics.median(samples) if samples else 0.0
