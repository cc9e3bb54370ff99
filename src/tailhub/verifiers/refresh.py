"""When a list is read again: decided from how the last readings went. No clock: `now` is monotonic seconds."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["KEEP_S", "RefreshSchedule"]

KEEP_S = 300.0  # a list that is older says nothing any more, unless it is read more rarely than that
PAUSE_S = 5.0  # at least, between readings that somebody who is not on the list causes
_PAUSE_FACTOR = 20  # and so many times what the last reading took
RETRY_S = 5.0  # after the first failure; then twice as long each time
MOST_RETRY_S = 300.0
MOST_WAIT_S = 3600.0  # that a server may ask for
_JITTER = 0.1  # of each time, either way: relays that were started together do not ask together


class RefreshSchedule:
    """When to read, when one may read sooner, and whether what was read last still counts."""

    def __init__(self, every_s: float, chance: Callable[[], float] = random.random) -> None:
        """`chance` gives numbers from 0 to 1."""
        self._every_s = every_s
        self._chance = chance
        self._begun_at = 0.0
        self._read_at: float | None = None
        self._failures = 0
        self.next_at = 0.0
        self._hurry_at = 0.0

    @property
    def is_well(self) -> bool:
        """Did the last reading succeed?"""
        return self._read_at is not None and not self._failures

    def is_current(self, now: float) -> bool:
        """Is there a list that is not too old to go by?"""
        return self._read_at is not None and now - self._read_at <= max(KEEP_S, 3 * self._every_s)

    def may_hurry(self, now: float) -> bool:
        """May the list be read now, because somebody came who is not on it?"""
        return now >= self._hurry_at

    def begin(self, now: float) -> None:
        """It is being read."""
        self._begun_at = now

    def succeed(self, now: float) -> None:
        """It has been read: it is as old as its reading's beginning."""
        self._read_at, self._failures = self._begun_at, 0
        self.next_at = now + self._about(self._every_s)
        self._hurry_at = now + max(PAUSE_S, _PAUSE_FACTOR * (now - self._begun_at))

    def fail(self, now: float, wait_s: float | None = None) -> None:
        """It could not be read; `wait_s` is how long the server wants to be left alone, if it said so."""
        delay = self._about(min(RETRY_S * 2 ** min(self._failures, 10), MOST_RETRY_S))
        self._failures += 1
        # Not a moment earlier than asked for, and nobody hurries meanwhile.
        self.next_at = self._hurry_at = now + max(delay, min(wait_s or 0.0, MOST_WAIT_S))

    def _about(self, seconds: float) -> float:
        return seconds * (1 + _JITTER * (2 * self._chance() - 1))
