"""A crowd of streams that may not hold up everybody else. Knows no DERP.

Anyone can open thousands of connections and let them all come to life in one moment: handshakes, junk, the end. Each
is dealt with quickly, all of them are not. So the streams of a crowd share a little time in a turn of the event loop;
those that get none of it are not read, and the loop calls them again in the next turn.

The time is given anew when it has run out, not each turn: that would be one more turn for each one with a login in it.
So what a few turns spend may be counted together, and never is more spent in one.
"""

from __future__ import annotations

import asyncio

TURN_S = 0.005  # for all of them together


class Crowd:
    """The time that some streams have spent since it last ran out."""

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
        had_time = self._spent_s < TURN_S
        self._spent_s += seconds
        if had_time and self._spent_s >= TURN_S:
            self._loop.call_soon(self._next_turn)  # which runs before the reads of that turn

    def _next_turn(self) -> None:
        self._spent_s = 0.0
