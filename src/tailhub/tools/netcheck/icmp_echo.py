"""One ICMP echo over IPv4, for where UDP is blocked. I/O. Where this user may send none there is no answer."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time

__all__ = ["echo"]

_REQUEST, _REPLY = 8, 0  # types (RFC 792)
_MAX_BYTES = 2048
_IPV4_HEADER_BYTES = 20  # the least


async def echo(address: str, timeout_s: float) -> int | None:
    """The round trip in nanoseconds; None without an answer, and without the right to ask."""
    sock = _open()
    if sock is None:
        return None
    try:
        token = os.urandom(16)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            started = time.perf_counter_ns()
            await loop.sock_sendto(sock, _request(token), (address, 0))
            while not _is_reply(await loop.sock_recv(sock, _MAX_BYTES), token):
                pass
        return time.perf_counter_ns() - started
    except (OSError, NotImplementedError):  # TimeoutError too; Windows' loop has no datagrams of this kind
        return None
    finally:
        sock.close()


def _open() -> socket.socket | None:
    """As any user where the system lets them (Linux by ``ping_group_range``, macOS), else as root."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            sock = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
        except OSError:
            continue
        sock.setblocking(False)
        return sock
    return None


def _request(token: bytes) -> bytes:
    """Identifier 1, sequence 1, and the token, by which the reply is known."""
    unsummed = struct.pack(">BBHHH", _REQUEST, 0, 0, 1, 1) + token
    return unsummed[:2] + struct.pack(">H", _checksum(unsummed)) + unsummed[4:]


def _checksum(data: bytes) -> int:
    """The one's complement of the one's complement sum (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def _is_reply(data: bytes, token: bytes) -> bool:
    """Is it the reply to ours? A raw socket gives the IP header too, and what is for others."""
    start = (data[0] & 15) * 4 if len(data) >= _IPV4_HEADER_BYTES and data[0] >> 4 == 4 else 0
    return data[start : start + 1] == bytes([_REPLY]) and data[start + 8 :] == token
