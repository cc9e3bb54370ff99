"""How much may lie unsent in the kernel for one connection: what its line takes in a moment. No sockets, no clock.

What lies there can neither be dropped for its age nor be overtaken by what is urgent, so on a thin line it must be
little. On a fast one little is too little: the line would stand idle while the event loop is busy with others. So the
limit follows the line, which is measured while there is always more to send than it takes.
"""

from __future__ import annotations

from typing import Final

MOST: Final = 128 << 10  # bytes; every connection starts with it
LEAST: Final = 16 << 10
_WORTH_S: Final = 0.010  # the limit is what the line takes in this time
_MEASURED_S: Final = 0.1
_STALE_S: Final = 1.0  # who was not held up for so long may have had nothing to send


class UnsentLimit:
    """The limit of one connection, `size` bytes. Call `look` whenever the kernel, which was full, takes more."""

    __slots__ = ("_began_s", "_handed_bytes", "size")

    def __init__(self) -> None:
        self.size = MOST
        self._began_s = float("-inf")  # of the measurement that is under way
        self._handed_bytes = 0

    def look(self, now: float, handed_bytes: int) -> bool:
        """`handed_bytes` were handed to the kernel in all, up to `now`. Returns whether `size` has changed."""
        took_s = now - self._began_s
        if took_s < _MEASURED_S:
            return False
        handed = handed_bytes - self._handed_bytes
        self._began_s = now
        self._handed_bytes = handed_bytes
        if took_s > _STALE_S:
            return False
        before = self.size
        wanted = int(handed / took_s * _WORTH_S)
        # Up at once, down by half at most: one slow moment, ours or the line's, does not make a fast line a thin one.
        self.size = max(LEAST, before // 2, min(wanted, MOST))
        return self.size != before
