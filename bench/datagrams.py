"""Many datagrams in one system call (``sendmmsg``, ``recvmmsg``), where the C library has them; else one by one.

Python's sockets have neither; with a call for each datagram a generator would be the limit before a relay is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import sys

MAX_LEN = 128  # bytes of a received datagram that are kept


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _MsgHdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(_IoVec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _MMsgHdr(ctypes.Structure):
    _fields_ = (("hdr", _MsgHdr), ("len", ctypes.c_uint))


class Datagrams:
    """A connected UDP socket, for equal datagrams out and at most `capacity` at a time in."""

    def __init__(self, sock: socket.socket, capacity: int) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._capacity = capacity
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._out = ctypes.create_string_buffer(MAX_LEN)
        self._in = ctypes.create_string_buffer(MAX_LEN * capacity)
        self._out_iov = _IoVec(ctypes.addressof(self._out), 0)
        start = ctypes.addressof(self._in)
        self._in_iovs = (_IoVec * capacity)(*(_IoVec(start + i * MAX_LEN, MAX_LEN) for i in range(capacity)))
        self._outgoing = (_MMsgHdr * capacity)()
        self._incoming = (_MMsgHdr * capacity)()
        for i in range(capacity):
            self._outgoing[i].hdr.iov, self._outgoing[i].hdr.iovlen = ctypes.pointer(self._out_iov), 1
            self._incoming[i].hdr.iov, self._incoming[i].hdr.iovlen = ctypes.pointer(self._in_iovs[i]), 1

    def send(self, datagram: bytes, count: int) -> int:
        """Send `datagram` `count` times; how many the kernel took."""
        if self._libc is None:
            return sum(self._send_one(datagram) for _ in range(count))
        self._out.raw = datagram.ljust(MAX_LEN, b"\0")
        self._out_iov.len = len(datagram)
        return self._checked(self._libc.sendmmsg(self._sock.fileno(), self._outgoing, min(count, self._capacity), 0))

    def receive(self, timeout_s: float) -> list[bytes]:
        """The first `MAX_LEN` bytes of what has come, after at most `timeout_s`."""
        found = self._receive_ready()
        if not found and select.select((self._sock,), (), (), timeout_s)[0]:
            found = self._receive_ready()
        return found

    def _send_one(self, datagram: bytes) -> bool:
        try:
            return bool(self._sock.send(datagram))
        except BlockingIOError:
            return False

    def _receive_ready(self) -> list[bytes]:
        if self._libc is None:
            try:
                return [self._sock.recv(MAX_LEN)]
            except BlockingIOError:
                return []
        count = self._checked(self._libc.recvmmsg(self._sock.fileno(), self._incoming, self._capacity, 0, None))
        text = ctypes.string_at(self._in, count * MAX_LEN)
        return [text[i * MAX_LEN : i * MAX_LEN + self._incoming[i].len] for i in range(count)]

    @staticmethod
    def _checked(count: int) -> int:
        if count >= 0:
            return count
        number = ctypes.get_errno()
        if number in (errno.EAGAIN, errno.EINTR, errno.ENOBUFS):
            return 0
        raise OSError(number, os.strerror(number))
