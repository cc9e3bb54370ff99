"""A crowd of streams that may not hold up everybody else. Knows no DERP.

Anyone can open thousands of connections and let them all come to life in one moment: handshakes, junk, the end. Each
is dealt with quickly, all of them are not. So the streams of a crowd share a little time each turn of the event loop;
those that get none of it are not read, and the loop calls them again in the next turn.
"""

from __future__ import annotations

import asyncio

TURN_S = 0.005  # for all of them together


class Crowd:
    """The time that some streams have spent in this turn."""

    __slots__ = ("_loop", "_spent_s")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._spent_s = 0.0

    @property
    def must_wait(self) -> bool:
        """Whether nothing is left of this turn's time."""
        return self._spent_s >= TURN_S

    def spend(self, seconds: float) -> None:
        """A stream of the crowd has been dealt with for so long."""
        if self._spent_s == 0.0:
            self._loop.call_soon(self._next_turn)  # which runs before the reads of that turn
        self._spent_s += seconds

    def _next_turn(self) -> None:
        self._spent_s = 0.0
