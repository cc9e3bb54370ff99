"""The packets of a measurement: writing many at once, counting many at once. No sockets, no clock.

A packet starts with ``04 00 00 00`` (what a WireGuard data packet starts with) and a stamp: the sending time in
microseconds since the generator's start, 4 bytes, little-endian. The packets of one write carry the same
stamp, and no two writes of a flow do, so a stamp is a batch's number as well as its time. All frames have the same
length: both sides work by arithmetic on whole reads, and pay almost nothing for a single packet.
"""

from __future__ import annotations

import struct
from collections import Counter, deque

from tailhub.derp.frames import HEADER, HEADER_LEN, KEY_LEN, FrameType

OVERHEAD = HEADER_LEN + KEY_LEN  # bytes of a frame before its packet, in SendPacket and RecvPacket alike
_DATA_PREFIX = b"\x04\0\0\0"
_STAMP_AT = OVERHEAD + len(_DATA_PREFIX)
_STAMP = struct.Struct("<I")
MIN_SIZE = len(_DATA_PREFIX) + _STAMP.size  # bytes of the smallest packet
_OCTETS = [bytes((value,)) for value in range(256)]


class Batch:
    """Frames for one destination, built once; only the stamps change."""

    __slots__ = ("_buffer", "_high", "_view", "capacity", "frame_len")

    def __init__(self, destination: bytes, size: int, capacity: int) -> None:
        packet = _DATA_PREFIX + bytes(_STAMP.size) + b"\xa5" * (size - MIN_SIZE)
        frame = HEADER.pack(FrameType.SEND_PACKET, KEY_LEN + size) + destination + packet
        self.frame_len = len(frame)
        self.capacity = capacity
        self._buffer = bytearray(frame * capacity)
        self._view = memoryview(self._buffer)
        self._high = 0  # the upper half of the stamp that all frames carry now

    def stamped(self, count: int, stamp: int) -> memoryview:
        """The first `count` frames, all with `stamp`. Valid until the next call."""
        end = count * self.frame_len
        if stamp >> 16 != self._high:
            self._high = stamp >> 16
            self._set(_STAMP_AT + 2, stamp >> 16 & 0xFF, self.capacity)
            self._set(_STAMP_AT + 3, stamp >> 24, self.capacity)
        if count == 1:
            _STAMP.pack_into(self._buffer, _STAMP_AT, stamp)
        else:
            self._set(_STAMP_AT, stamp & 0xFF, count)
            self._set(_STAMP_AT + 1, stamp >> 8 & 0xFF, count)
        return self._view[:end]

    def _set(self, at: int, value: int, count: int) -> None:
        # The same byte of all frames at once: a copy in C instead of a loop.
        self._buffer[at : count * self.frame_len : self.frame_len] = _OCTETS[value] * count


class PacketCounter:
    """Finds the packets of one source in the text of a connection."""

    __slots__ = ("_frame", "_frame_len", "_head")

    def __init__(self, source: bytes, size: int) -> None:
        self._head = HEADER.pack(FrameType.RECV_PACKET, KEY_LEN + size) + source
        self._frame = struct.Struct(f"<{_STAMP_AT}xI{size - MIN_SIZE}x")
        self._frame_len = self._frame.size

    def count(self, text: bytearray, end: int) -> tuple[list[tuple[int, int]], int]:
        """Pairs of a stamp and how many packets with it ``text[:end]`` holds; where its last whole frame ends."""
        length = self._frame_len
        whole, rest = divmod(end, length)
        stop = end - rest
        head = self._head
        last = stop - length
        # Any other frame in between would have moved the last head off its place, and the head behind it.
        if not whole or not text.startswith(head) or not text.startswith(head, last):
            return self._walk(text, end)
        if rest and not text.startswith(head[:rest], stop):
            return self._walk(text, end)
        (newest,) = _STAMP.unpack_from(text, last + _STAMP_AT)
        if _STAMP.unpack_from(text, _STAMP_AT)[0] == newest:
            return [(newest, whole)], stop  # one batch
        stamps = Counter(self._frame.iter_unpack(memoryview(text)[:stop]))
        return [(stamp, count) for (stamp,), count in stamps.items()], stop

    def _walk(self, text: bytearray, end: int) -> tuple[list[tuple[int, int]], int]:
        """Frame by frame, for the rare read with something else in it (a keep-alive)."""
        stamps: Counter[int] = Counter()
        at = 0
        while end - at >= HEADER_LEN:
            stop = at + HEADER_LEN + HEADER.unpack_from(text, at)[1]
            if stop > end:
                break
            if text.startswith(self._head, at):
                stamps[_STAMP.unpack_from(text, at + _STAMP_AT)[0]] += 1
            at = stop
        return list(stamps.items()), at


class Ledger:
    """What one flow has sent and what became of it.

    A relay keeps the order of a flow, so a batch is lost, as far as it has not come, when a later one arrives.
    Only packets sent since `begin` are counted in `sent` and `lost`; `in_flight` counts all.
    """

    __slots__ = ("_open", "_since", "in_flight", "lost", "received", "sent", "stray")

    def __init__(self) -> None:
        self._open: deque[list[int]] = deque()  # [stamp, packets still out], oldest first
        self._since = 0
        self.in_flight = 0
        self.sent = 0
        self.received = 0  # all that have come, whenever they were sent
        self.lost = 0
        self.stray = 0  # packets that came twice, or after a later one

    def begin(self, stamp: int) -> None:
        """Count from here on: packets with this stamp or a later one."""
        self._since = stamp
        self.sent = self.received = self.lost = self.stray = 0

    def send(self, stamp: int, count: int) -> None:
        """`count` packets leave. Stamps grow from call to call."""
        self._open.append([stamp, count])
        self.in_flight += count
        if stamp >= self._since:
            self.sent += count

    def receive(self, stamp: int, count: int) -> None:
        """`count` packets with `stamp` have come."""
        batches = self._open
        while batches and batches[0][0] < stamp:
            self._lose(batches.popleft())
        if not batches or batches[0][0] != stamp or batches[0][1] < count:
            self.stray += count
            return
        self.received += count
        self.in_flight -= count
        batches[0][1] -= count
        if not batches[0][1]:
            batches.popleft()

    def give_up(self) -> None:
        """Whatever is still out is lost."""
        while self._open:
            self._lose(self._open.popleft())

    def _lose(self, batch: list[int]) -> None:
        stamp, left = batch
        self.in_flight -= left
        if stamp >= self._since:
            self.lost += left
