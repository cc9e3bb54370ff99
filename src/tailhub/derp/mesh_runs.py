"""ForwardPacket as runs, both ways: what mesh peers send us becomes runs, and runs become what we send to them.

``ForwardPacket = header + 32B source + 32B destination + packet``, so it is one key longer than the RecvPacket that its
receiver gets, and cannot be turned into one where it lies, as SendPacket is (`tailhub.derp.runs`). Each frame gives two
parts instead, a head that all packets of one length in a run share and a view of the packet, and the run is joined out
of them: one copy. That was the cheapest of the ways that were measured, from one packet of 64 bytes up to a full run.
"""

from __future__ import annotations

import struct

from tailhub.derp.frames import (
    HEADER,
    HEADER_LEN,
    KEY_LEN,
    MAX_PACKET_LEN,
    RECV_OVERHEAD,
    SERVER_LIMITS,
    FrameType,
    check_length,
)
from tailhub.derp.runs import DISCO_FIRST, ENDS_LEN, MAX_RUN_BYTES, MAX_RUN_PACKETS, Item, RunDecoder
from tailhub.disco import MAGIC as DISCO_MAGIC
from tailhub.disco import MIN_LEN as DISCO_MIN_LEN

_FORWARD_PACKET = int(FrameType.FORWARD_PACKET)
_RECV_PACKET = int(FrameType.RECV_PACKET)
_OVERHEAD = HEADER_LEN + ENDS_LEN
_MAX_LEN = ENDS_LEN + MAX_PACKET_LEN
_MIN_DISCO_LEN = ENDS_LEN + DISCO_MIN_LEN
_FORWARD_HEAD = struct.Struct(">BI64s")
_RECV_HEAD = struct.Struct(">BI32s")
_HEAD_OUT = struct.Struct(">BI32s32s")


def forward_packets(dst: bytes, frames: bytes, count: int) -> bytes:
    """A run of `count` RecvPacket frames from one source as ForwardPacket frames for the key `dst`."""
    src = frames[HEADER_LEN:RECV_OVERHEAD]
    if count == 1:
        length = len(frames) - HEADER_LEN + KEY_LEN
        return _HEAD_OUT.pack(_FORWARD_PACKET, length, src, dst) + frames[RECV_OVERHEAD:]
    unpack = HEADER.unpack_from
    view = memoryview(frames)
    parts: list[bytes | memoryview] = []
    head = b""
    head_len = -1  # of the RecvPacket for which `head` is
    pos = 0
    for _ in range(count):
        length = unpack(frames, pos)[1]
        if length != head_len:
            head = _HEAD_OUT.pack(_FORWARD_PACKET, length + KEY_LEN, src, dst)
            head_len = length
        nxt = pos + HEADER_LEN + length
        parts += (head, view[pos + RECV_OVERHEAD : nxt])
        pos = nxt
    return b"".join(parts)


class MeshRunDecoder(RunDecoder):
    """Decodes what a mesh peer sends: as `RunDecoder`, with consecutive ForwardPacket frames as runs of RecvPacket too.

    The item of a forwarded run has `ENDS_LEN` bytes in the place of the destination: 32B source + 32B destination.
    """

    __slots__ = ()

    def _split(self, buf: bytearray, pos: int, end: int, items: list[Item]) -> int:
        """See `RunDecoder`; forwarded packets are dealt with here, all between them there."""
        while True:
            pos = self._split_forwards(buf, pos, end, items)
            if pos + HEADER_LEN > end or buf[pos] == _FORWARD_PACKET:
                return pos
            stop = pos
            while stop + HEADER_LEN <= end and buf[stop] != _FORWARD_PACKET:
                stop += HEADER_LEN + HEADER.unpack_from(buf, stop)[1]
            if stop + HEADER_LEN > end:
                return super()._split(buf, pos, end, items)
            pos = super()._split(buf, pos, stop, items)

    def _split_forwards(self, buf: bytearray, pos: int, end: int, items: list[Item]) -> int:
        """Decode ForwardPacket frames from `pos`; return where something else or an unfinished one starts.

        Written flat because it runs for every packet. Raises `FrameError`.
        """
        unpack = _FORWARD_HEAD.unpack_from
        is_disco_at = buf.startswith
        view = memoryview(buf)
        parts: list[bytes | memoryview] = []  # of the run
        run_ends = head = b""  # head: of RecvPacket, for ForwardPackets of length head_len in this run
        head_len = -1
        run_count = run_limit = 0
        while pos + HEADER_LEN <= end:
            frame_type, length, ends = unpack(buf, pos)
            if frame_type != _FORWARD_PACKET:
                break
            nxt = pos + HEADER_LEN + length
            if not ENDS_LEN <= length <= _MAX_LEN:
                if run_count:
                    items.append((run_ends, b"".join(parts), run_count, False))
                check_length(frame_type, length, SERVER_LIMITS)  # raises
            if nxt > end:
                break
            body = pos + _OVERHEAD
            if buf[body] == DISCO_FIRST and is_disco_at(DISCO_MAGIC, body) and length >= _MIN_DISCO_LEN:
                if run_count:
                    items.append((run_ends, b"".join(parts), run_count, False))
                    run_count = 0
                packet = view[body:nxt]
                items.append((ends, _RECV_HEAD.pack(_RECV_PACKET, length - KEY_LEN, ends[:KEY_LEN]) + packet, 1, True))
                pos = nxt
                continue
            if run_count and ends == run_ends and run_count < MAX_RUN_PACKETS and nxt < run_limit:
                run_count += 1
            else:
                if run_count:
                    items.append((run_ends, b"".join(parts), run_count, False))
                parts = []
                run_ends = ends
                run_count = 1
                run_limit = pos + MAX_RUN_BYTES
                head_len = -1
            if length != head_len:
                head = _RECV_HEAD.pack(_RECV_PACKET, length - KEY_LEN, ends[:KEY_LEN])
                head_len = length
            parts += (head, view[body:nxt])
            pos = nxt
        if run_count:
            items.append((run_ends, b"".join(parts), run_count, False))
        return pos
