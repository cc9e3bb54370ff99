"""The server's decoder: whole reads in, runs of packets out. The hot end of the packet path.

Clients send ``SendPacket = header + 32B destination + packet``; receivers get ``RecvPacket = header + 32B source +
packet``, which has the same length. So a frame is turned from one into the other where it lies in the read buffer, and
consecutive packets for one destination (a *run*) are copied out as one piece of bytes that can be written as it is.
Limits, lookups and counting are then paid for each run, not for each packet.

The caller owns one large buffer for all connections and works like this::

    offset = decoder.prepare(buffer)          # puts back the start of an unfinished frame
    end = offset + read_into(buffer, offset)
    items = decoder.decode(buffer, end)
    if decoder.error is not None: ...         # after the items have been dealt with

The buffer must be at least `SLACK` bytes longer than `end`.
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
from tailhub.disco import MAGIC as DISCO_MAGIC
from tailhub.disco import MIN_LEN as DISCO_MIN_LEN
from tailhub.exceptions import FrameError

# A run: (destination key, joined RecvPacket frames, number of packets, whether they are disco). Of a run that a mesh
# peer forwards: source and destination, `ENDS_LEN` bytes (`tailhub.derp.mesh_runs`).
# Any other frame: (None, body, type, False). One shape for both keeps the router's loop to one unpacking.
Item = tuple[bytes | None, bytes, int, bool]
ENDS_LEN = 2 * KEY_LEN  # 32B source + 32B destination

MAX_RUN_PACKETS = 32  # so that dropping the oldest run of a full queue never drops much more than is needed
MAX_RUN_BYTES = 32768
SMALL_CARRY = 2048  # bytes of an unfinished frame that may be copied again at every read
SLACK = 64  # bytes behind the end of the data that the decoder may look at (and ignores)

_SEND_PACKET = int(FrameType.SEND_PACKET)
_RECV_PACKET = int(FrameType.RECV_PACKET)
_MAX_SEND_LEN = KEY_LEN + MAX_PACKET_LEN
_MIN_DISCO_LEN = KEY_LEN + DISCO_MIN_LEN
DISCO_FIRST = DISCO_MAGIC[0]  # settles it for nearly all packets
_HEAD = struct.Struct(">BI32s")  # header and key of SendPacket and RecvPacket


class RunDecoder:
    """Decodes what one logged-in connection sends. `src` is the raw key of that connection.

    Memory: an unfinished frame, so at most one frame of 64 KiB. Time: linear in the bytes received.
    """

    __slots__ = ("_big", "_big_len", "_carry", "_skip", "_src", "error", "skipped_frames")

    def __init__(self, src: bytes, skip: int = 0) -> None:
        """The first `skip` bytes are the rest of a frame that is to be passed over."""
        self._src = src
        self._carry = b""  # the start of a frame that is not whole yet, up to SMALL_CARRY bytes
        self._big: bytearray | None = None  # the same for a longer start: grows instead of being copied again and again
        self._big_len = 0  # length of the whole frame in _big
        self._skip = skip  # bytes of a frame of unknown type still to come
        self.skipped_frames = 0
        self.error: FrameError | None = None  # set once; nothing is decoded after it

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished frame is stored."""
        return len(self._carry) + (len(self._big) if self._big is not None else 0)

    def prepare(self, buf: bytearray) -> int:
        """Put the unfinished frame back at the start of `buf`; return where new data belongs."""
        carry = self._carry
        if not carry:
            return 0
        n = len(carry)
        buf[:n] = carry
        self._carry = b""
        return n

    def decode(self, buf: bytearray, end: int) -> list[Item]:
        """Decode ``buf[:end]``, changing it in place; `buf` may be reused at once. Sets `error` on a violation."""
        items: list[Item] = []
        if self.error is not None:
            return items
        pos = 0
        if self._skip:
            pos = min(self._skip, end)
            self._skip -= pos
        elif self._big is not None:
            pos = min(self._big_len - len(self._big), end)
            self._big += buf[:pos]
            if len(self._big) < self._big_len:
                return items
            big, self._big = self._big, None
            big += b"\0" * SLACK
            self._split(big, 0, self._big_len, items)
        try:
            pos = self._split(buf, pos, end, items)
        except FrameError as exc:
            self.error = exc
            return items
        if pos < end:
            self._keep(buf, pos, end)
        return items

    def _keep(self, buf: bytearray, pos: int, end: int) -> None:
        if end - pos <= SMALL_CARRY:
            self._carry = bytes(buf[pos:end])
        else:
            self._big = buf[pos:end]
            self._big_len = HEADER_LEN + HEADER.unpack_from(buf, pos)[1]

    def _split(self, buf: bytearray, pos: int, end: int, items: list[Item]) -> int:
        """Decode frames from `pos`; return where the first unfinished one starts. Raises `FrameError`.

        The loop is written flat because it runs for every packet.
        """
        unpack = _HEAD.unpack_from
        view = memoryview(buf)  # slices of it are cheaper to write to and to copy than a bytearray's
        is_disco_at = buf.startswith
        src = self._src
        head = b""  # the RecvPacket head for packets of length head_len
        head_len = -1
        run_dst = b""
        run_start = run_count = run_limit = 0
        while pos + HEADER_LEN <= end:
            frame_type, length, dst = unpack(buf, pos)
            nxt = pos + HEADER_LEN + length
            if frame_type != _SEND_PACKET or not KEY_LEN <= length <= _MAX_SEND_LEN:
                if run_count:
                    items.append((run_dst, view[run_start:pos].tobytes(), run_count, False))
                    run_count = 0
                # Raises for a SendPacket, whose length is wrong if it comes here.
                known = check_length(frame_type, length, SERVER_LIMITS)
                if nxt > end:
                    if known:
                        return pos
                    self.skipped_frames += 1
                    self._skip = nxt - end
                    return end
                if known:
                    items.append((None, view[pos + HEADER_LEN : nxt].tobytes(), frame_type, False))
                else:
                    self.skipped_frames += 1
                pos = nxt
                continue
            if nxt > end:
                break
            if length != head_len:
                head = _HEAD.pack(_RECV_PACKET, length, src)
                head_len = length
            view[pos : pos + RECV_OVERHEAD] = head
            if (
                buf[pos + RECV_OVERHEAD] == DISCO_FIRST
                and is_disco_at(DISCO_MAGIC, pos + RECV_OVERHEAD)
                and length >= _MIN_DISCO_LEN
            ):
                if run_count:
                    items.append((run_dst, view[run_start:pos].tobytes(), run_count, False))
                    run_count = 0
                items.append((dst, view[pos:nxt].tobytes(), 1, True))
            elif run_count and dst == run_dst and run_count < MAX_RUN_PACKETS and nxt < run_limit:
                run_count += 1
            else:
                if run_count:
                    items.append((run_dst, view[run_start:pos].tobytes(), run_count, False))
                run_dst = dst
                run_start = pos
                run_count = 1
                run_limit = pos + MAX_RUN_BYTES
            pos = nxt
        if run_count:
            items.append((run_dst, view[run_start:pos].tobytes(), run_count, False))
        return pos
