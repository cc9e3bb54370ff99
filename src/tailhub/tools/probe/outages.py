"""When there was a connection, and when not: how often, how long, why. Pure; `now` is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

__all__ = ["Outage", "Outages"]

_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Outage:
    """`start_s` counts from the beginning; `length_s` is None while it lasts."""

    start_s: float
    length_s: float | None
    reason: str


class Outages:
    """Those of one path. Until it is up for the first time it is not counted as one, but as time that it was away."""

    __slots__ = ("_down_since", "_start", "away_s", "count", "is_up", "latest", "reason", "was_up")

    def __init__(self, start: float) -> None:
        self._start = start
        self._down_since = start
        self.is_up = self.was_up = False
        self.count = 0
        self.away_s = 0.0  # of outages that are over
        self.reason = ""  # why it is away
        self.latest: deque[Outage] = deque(maxlen=_REMEMBERED)

    def up(self, now: float) -> None:
        """There is a connection at both ends."""
        if self.is_up:
            return
        self.is_up = True
        self.away_s += now - self._down_since
        self.reason = ""
        if self.was_up:
            self.latest[-1] = replace(self.latest[-1], length_s=now - self._down_since)
        self.was_up = True

    def down(self, now: float, reason: str) -> None:
        """There is none, at one end at least. Said again while it lasts, `reason` is the newest."""
        self.reason = reason
        if not self.is_up:
            return
        self.is_up = False
        self._down_since = now
        self.count += 1
        self.latest.append(Outage(now - self._start, None, reason))

    def away_until(self, now: float) -> float:
        """Seconds without a connection, up to now."""
        return self.away_s + (0.0 if self.is_up else max(0.0, now - self._down_since))
