"""Receiving and sending many datagrams by one system call: Linux's recvmmsg and sendmmsg, which Python does not have.

For bursts only: `StunServer` begins with it when a turn of the loop could not empty the socket, and does without where
it is not to be had. Nothing in here knows STUN. Sources: recvmmsg(2), sendmmsg(2), struct msghdr and mmsghdr of 64-bit
Linux.

Every slot of a batch has its own stretch in a few large buffers, and the structures that point there are written once.
The answer in slot n goes to the name, and from the address, that the question in slot n left there.

::

    mmsghdr  8B name* + 4B name length + 4B - + 8B iovec* + 8B iovecs + 8B control* + 8B control length + 4B flags
             + 4B - + 4B bytes of the datagram + 4B -
    control  16B header + PKTINFO (see `packet_info`)
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Sequence

from tailhub.server.packet_info import PacketInfo

SLOTS = 64

_SYSTEM: str = sys.platform  # FreeBSD has the calls too, with other structures
_HEADER_BYTES = 64
_IOVEC_BYTES = 16
_NAME_BYTES = 28  # sockaddr_in6; sockaddr_in has 16
_CONTROL_BYTES = 40  # CMSG_SPACE of the larger PKTINFO
_CMSG_HEADER_BYTES = 16
_ZEROS = bytes(SLOTS)

_pack_header_into = struct.Struct("QI4xQQQQi4xI4x").pack_into
_pack_iovec_into = struct.Struct("QQ").pack_into
_iterate_results = struct.Struct("40xQ8xI4x").iter_unpack  # control length, bytes of the datagram
_pack_length_into = struct.Struct("Q").pack_into
_iterate_names_v4 = struct.Struct(">2xH4s20x").iter_unpack  # port, address
_iterate_names_v6 = struct.Struct(">2xH4x16s4x").iter_unpack


class _Buffer:
    """Memory with an address that does not change."""

    __slots__ = ("_pin", "address", "data")

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self._pin = ctypes.c_char.from_buffer(self.data)
        self.address = ctypes.addressof(self._pin)


class DatagramBatch:
    """Up to `SLOTS` datagrams of at most `receive_bytes` from a non-blocking socket, and answers to them.

    Raises `OSError` when this system has no such calls.
    """

    def __init__(self, sock: socket.socket, info: PacketInfo | None, receive_bytes: int, answer_bytes: int) -> None:
        if _SYSTEM != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
            raise OSError(errno.ENOSYS, "recvmmsg is used on 64-bit Linux only")
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            self._recvmmsg, self._sendmmsg = libc.recvmmsg, libc.sendmmsg
        except AttributeError as error:
            raise OSError(errno.ENOSYS, "this C library has no recvmmsg") from error
        self._fd = ctypes.c_int(sock.fileno())
        self._is_v6 = sock.family == socket.AF_INET6
        self._iterate_names = _iterate_names_v6 if self._is_v6 else _iterate_names_v4
        self._control_length = info.space if info is not None else 0
        self._stride = receive_bytes + 7 & ~7
        self._answer_stride = answer_bytes + 7 & ~7
        self._questions = _Buffer(SLOTS * self._stride)
        self._answers = _Buffer(SLOTS * self._answer_stride)
        self._names = _Buffer(SLOTS * _NAME_BYTES)
        self._controls = _Buffer(SLOTS * _CONTROL_BYTES)
        self._receive_iovecs = self._iovecs(self._questions, self._stride, receive_bytes)
        self._send_iovecs = self._iovecs(self._answers, self._answer_stride, 0)
        self._receive_headers = self._headers(self._receive_iovecs)
        self._send_headers = self._headers(self._send_iovecs)
        self._receive_at = ctypes.c_void_p(self._receive_headers.address)
        self._template = bytes(self._receive_headers.data)  # the kernel writes lengths over ours
        self._lengths = [0] * SLOTS  # of the answers, as they stand in the iovecs

    def _iovecs(self, buffer: _Buffer, stride: int, length: int) -> _Buffer:
        iovecs = _Buffer(SLOTS * _IOVEC_BYTES)
        for slot in range(SLOTS):
            _pack_iovec_into(iovecs.data, slot * _IOVEC_BYTES, buffer.address + slot * stride, length)
        return iovecs

    def _headers(self, iovecs: _Buffer) -> _Buffer:
        headers = _Buffer(SLOTS * _HEADER_BYTES)
        for slot in range(SLOTS):
            _pack_header_into(
                headers.data,
                slot * _HEADER_BYTES,
                self._names.address + slot * _NAME_BYTES,
                _NAME_BYTES if self._is_v6 else 16,
                iovecs.address + slot * _IOVEC_BYTES,
                1,
                self._controls.address + slot * _CONTROL_BYTES if self._control_length else 0,
                self._control_length,
                0,
                0,
            )
        return headers

    def receive(self) -> list[tuple[bytes, bytes, int]]:
        """What has arrived, at most `SLOTS`: data, packed source address, source port.

        The data is empty when the datagram did not say to which address it came, or came to a multicast address.
        Raises `OSError` when the socket reports one.
        """
        count = self._recvmmsg(self._fd, self._receive_at, SLOTS, socket.MSG_DONTWAIT, None)
        if count <= 0:
            number = ctypes.get_errno()
            if count == 0 or number in (errno.EAGAIN, errno.EINTR):
                return []
            raise OSError(number, os.strerror(number))
        got = []
        at = 0
        questions, stride, wanted = self._questions.data, self._stride, self._control_length
        results = _iterate_results(self._receive_headers.data)
        names = self._iterate_names(self._names.data)
        for _, (control_length, length), (port, ip_packed) in zip(range(count), results, names, strict=False):
            end = at + length if control_length == wanted else at
            got.append((bytes(questions[at:end]), ip_packed, port))
            at += stride
        if wanted:
            for slot in self._aim(count):
                got[slot] = (b"", *got[slot][1:])
        self._receive_headers.data[:] = self._template
        return got

    def _aim(self, count: int) -> list[int]:
        """Turn the questions' PKTINFO into the answers', as `PacketInfo.reply` does; the slots without an answer."""
        controls = self._controls.data
        at = _CMSG_HEADER_BYTES
        if not self._is_v6:
            for byte in range(at, at + 4):
                controls[byte::_CONTROL_BYTES] = _ZEROS
            return []
        firsts = controls[at::_CONTROL_BYTES][:count]
        without_answer = []
        for slot, first in enumerate(firsts):
            start = slot * _CONTROL_BYTES + at
            if first == 0xFF:
                without_answer.append(slot)
            elif first != 0xFE or controls[start + 1] & 0xC0 != 0x80:
                controls[start + 16 : start + 20] = b"\0\0\0\0"
        return without_answer

    def send(self, answers: Sequence[bytes | None]) -> tuple[int, int]:
        """Send the answers to what the last `receive` gave, None for no answer.

        How many were sent, and how many failed.
        """
        sent = failed = start = 0
        buffer, stride, lengths = self._answers.data, self._answer_stride, self._lengths
        for slot, reply in enumerate(answers):
            if reply is None:
                one_sent, one_failed = self._send_run(start, slot)
                sent, failed, start = sent + one_sent, failed + one_failed, slot + 1
                continue
            length = len(reply)
            if length != lengths[slot]:
                lengths[slot] = length
                _pack_length_into(self._send_iovecs.data, slot * _IOVEC_BYTES + 8, length)
            at = slot * stride
            buffer[at : at + length] = reply
        one_sent, one_failed = self._send_run(start, len(answers))
        return sent + one_sent, failed + one_failed

    def _send_run(self, start: int, end: int) -> tuple[int, int]:
        """Send the slots from `start` to before `end`; one that fails does not keep back those after it."""
        sent = failed = 0
        while start < end:
            at = ctypes.c_void_p(self._send_headers.address + start * _HEADER_BYTES)
            count = self._sendmmsg(self._fd, at, end - start, socket.MSG_DONTWAIT)
            if count > 0:
                sent += count
                start += count
            else:
                failed += 1
                start += 1
        return sent, failed
