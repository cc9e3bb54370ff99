"""Does anything come in from outside, as before? A relay cannot see that it is not reached, only that it is quiet.

Quiet is normal where three devices sleep at night, so what counts is how long this relay has been quiet before: it is
told after twice the longest silence of the last two weeks, at least `LEAST_SILENCE_S` and at most `MOST_SILENCE_S`; and
only where enough has come in on enough days. "Outside" are addresses of the public Internet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tailhub.alerts.condition import Condition, Look

__all__ = ["Reach", "SelfTest"]

LEAST_SILENCE_S: Final = 2 * 3600.0
MOST_SILENCE_S: Final = 48 * 3600.0
REMEMBER_DAYS: Final = 14
ENOUGH_CONTACTS: Final = 200  # looks at which something had come in, over all those days
ENOUGH_DAYS: Final = 3  # with any of them
PAUSE_S: Final = 600.0  # between two looks: the machine was asleep, which is no silence
FRESH_S: Final = 600.0  # since the last contact: it is reached
_DAY_S: Final = 86400
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What connecting to its own port has given: on this machine, and by its public address; None: not tried."""

    here: bool | None = None
    public: bool | None = None


@dataclass(slots=True)
class _Day:
    contacts: int = 0
    longest_s: float = 0.0  # silence that ended on it


@dataclass(slots=True)
class Reach:
    """Told of each look; what it knows of the days before outlives a restart (`dump`, `restored`)."""

    started_at: float
    last_at: float | None = None  # contact since the start
    looked_at: float | None = None
    days: dict[int, _Day] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)  # connections from outside

    def look(self, *, contact: bool, connections: int, now: float) -> None:
        """Since the last look there were so many new `connections`.

        `contact`: those, STUN requests, or somebody is connected.
        """
        if self.looked_at is not None and not 0 <= now - self.looked_at <= PAUSE_S:
            self.started_at, self.last_at = now, None
        self.looked_at = now
        if connections > 0:
            hour = int(now // _HOUR_S)
            self.hours[hour] = self.hours.get(hour, 0) + connections
        if not contact:
            return
        day = self.days.setdefault(int(now // _DAY_S), _Day())
        day.contacts += 1
        day.longest_s = max(day.longest_s, self.silence_s(now))
        self.last_at = now
        self._forget(now)

    def silence_s(self, now: float) -> float:
        """How long it has been quiet while we were there to hear."""
        return now - (self.started_at if self.last_at is None else self.last_at)

    @property
    def limit_s(self) -> float:
        """How long it may be quiet before that is told."""
        longest = max((day.longest_s for day in self.days.values()), default=0.0)
        return min(max(LEAST_SILENCE_S, 2 * longest), MOST_SILENCE_S)

    @property
    def is_usual(self) -> bool:
        """Has enough come in before to miss it?"""
        contacts = sum(day.contacts for day in self.days.values())
        return contacts >= ENOUGH_CONTACTS and len(self.days) >= ENOUGH_DAYS

    def is_silent(self, now: float) -> bool:
        """Is it quiet for longer than it ever is?"""
        return self.is_usual and self.silence_s(now) > self.limit_s

    def judge(self, now: float, test: SelfTest) -> Look:
        """What holds `now`; `test` is what was found out about our own port."""
        if self.last_at is not None and now - self.last_at < FRESH_S:
            return Look()
        if not self.is_silent(now):
            return Look(unknown=frozenset({("unreachable", None)}))
        silent_h, rate = self.silence_s(now) / _HOUR_S, self._rate(now)
        values = {
            "hours": f"{silent_h:.0f}" if silent_h >= 1 else f"{silent_h:.1f}",
            "rate": f"{rate:.0f}" if rate >= 1 else "",
            "here": _word(test.here, "yes"),
            "not_here": _word(test.here, "no"),
            "public": _word(test.public, "yes"),
            "not_public": _word(test.public, "no"),
        }
        return Look((Condition("unreachable", "", "unreachable", values),))

    def _rate(self, now: float) -> float:
        """New connections an hour in the day before the silence."""
        last = (now - self.silence_s(now)) // _HOUR_S
        counts = [count for hour, count in self.hours.items() if last - 24 < hour <= last]
        return sum(counts) / 24

    def _forget(self, now: float) -> None:
        today, hour = now // _DAY_S, now // _HOUR_S
        for day in [day for day in self.days if not today - REMEMBER_DAYS < day <= today]:
            del self.days[day]
        for one in [one for one in self.hours if not hour - 2 * MOST_SILENCE_S / _HOUR_S < one <= hour]:
            del self.hours[one]

    # --- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What is to be kept, as JSON has it."""
        return {
            "days": {str(day): [one.contacts, round(one.longest_s)] for day, one in self.days.items()},
            "hours": {str(hour): count for hour, count in self.hours.items()},
        }

    @classmethod
    def restored(cls, kept: Mapping[str, Any], now: float) -> Self:
        """From `dump`, in a process that begins `now`. Raises `ValueError`, `TypeError` or `AttributeError`."""
        days = {int(day): _Day(int(contacts), float(longest)) for day, (contacts, longest) in kept["days"].items()}
        return cls(now, days=days, hours={int(hour): int(count) for hour, count in kept["hours"].items()})


def _word(answer: bool | None, word: str) -> str:
    return word if answer is not None and answer == (word == "yes") else ""
