"""At what time of day something was measured.

What is measured counts seconds by a clock that never jumps, and stands still while the machine sleeps. The time of day
is set right, and goes on: so it is told by how long ago something was, not by when it all began.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["WallClock"]


class WallClock:
    """Made at the beginning of a measurement."""

    def __init__(self, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds since 1970."""
        self._clock, self._monotonic = clock, monotonic
        self._start = monotonic()

    def at(self, offset_s: float) -> float:
        """Seconds since 1970 of what was so long after the beginning, by the clock of now."""
        return self._clock() - (self._monotonic() - self._start) + offset_s
