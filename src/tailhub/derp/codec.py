"""Frames out of a byte stream, one by one: for a client, for tests, for everything that is not the packet path.

The server's packet path has its own decoder (`tailhub.derp.runs`), which works in place on whole reads; a property test
holds the two together.
"""

from __future__ import annotations

from tailhub.derp.frames import HEADER, HEADER_LEN, Limits, check_length

NO_TYPE = 0xFF  # no frame type has this number


class FrameDecoder:
    """Splits a stream into ``(type, body)``.

    Memory: at most one frame of the largest type in `limits`. A frame of a type that is not in `limits` is skipped as
    it arrives and never stored. Time: linear in the bytes received, however small the pieces are.
    """

    __slots__ = ("_buffer", "_limits", "_need", "_skip", "skipped_frames")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._need = HEADER_LEN  # bytes that must be there before looking again makes sense
        self._skip = 0  # bytes of an unknown frame still to come
        self.skipped_frames = 0

    @property
    def rest(self) -> bytes:
        """What another decoder must be given first to read on in the place of this one: the start of a frame.

        Of a frame that is being skipped it is a header for what is still to come, of a type that there is not.
        """
        return HEADER.pack(NO_TYPE, self._skip) if self._skip else bytes(self._buffer)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[tuple[int, bytes]]:
        """Take what arrived; return the frames that are complete now. Raises `FrameError`.

        When it raises, frames before the bad one in the same `data` are lost: the connection is over anyway.
        """
        frames: list[tuple[int, bytes]] = []
        if self._skip:
            cut = min(self._skip, len(data))
            self._skip -= cut
            data = data[cut:]
        buffer = self._buffer
        buffer += data
        if len(buffer) < self._need:
            return frames
        pos, end = 0, len(buffer)
        self._need = HEADER_LEN
        while end - pos >= HEADER_LEN:
            frame_type, length = HEADER.unpack_from(buffer, pos)
            nxt = pos + HEADER_LEN + length
            if not check_length(frame_type, length, self._limits):
                self.skipped_frames += 1
                if nxt > end:
                    self._skip = nxt - end
                    pos = end
                    break
            elif nxt > end:
                self._need = nxt - pos
                break
            else:
                frames.append((frame_type, bytes(buffer[pos + HEADER_LEN : nxt])))
            pos = nxt
        del buffer[:pos]
        return frames
