"""Reads past what a client sends while it is not let in: nothing is kept but what it says of its home.

Clients that wait for ServerInfo send NotePreferred, and packets that will be lost. Memory: under a frame's header.
"""

from __future__ import annotations

from tailhub.derp.frames import HEADER, HEADER_LEN, SERVER_LIMITS, FrameType, check_length


class Skimmer:
    """`prefers` is what the last NotePreferred said, None without one.

    Where the stream stands: `unread` is a header that is not whole, `skip` how many bytes of a frame are still to come.
    """

    __slots__ = ("prefers", "skip", "unread")

    def __init__(self) -> None:
        self.prefers: bool | None = None
        self.skip = 0
        self.unread = b""

    def receive_data(self, data: bytes) -> None:
        """Take bytes. Raises `FrameError` for a frame whose length cannot be."""
        data = self.unread + data if self.unread else data
        pos, end = self.skip, len(data)
        while pos + HEADER_LEN <= end:
            frame_type, length = HEADER.unpack_from(data, pos)
            check_length(frame_type, length, SERVER_LIMITS)
            body = pos + HEADER_LEN
            if frame_type == FrameType.NOTE_PREFERRED:
                if body == end:
                    break  # its only byte is to come
                self.prefers = data[body] != 0
            pos = body + length
        self.unread = data[pos:end]
        self.skip = max(0, pos - end)
