"""What has been told, so that nothing is told twice: once for each occurrence, its end, and not too often.

A condition that comes and goes is told less and less: each time within a day its end has to last twice as long before
it counts. In an hour no more than `MOST_AN_HOUR` messages are sent; what is more is summed up when there is room again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

from tailhub.alerts import condition
from tailhub.alerts.condition import Condition, Look, Values
from tailhub.alerts.events import EVENTS, Event

__all__ = ["Ledger", "Summary", "Told"]

MOST_AN_HOUR: Final = 12
ROOM: Final = 6  # messages in the last hour, below which what was held back is told
MOST_HELD: Final = 200  # of these by name; more are counted
MOST_ENTRIES: Final = 5000
MOST_DOUBLINGS: Final = 6
HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Told:
    """One message: of a condition, or of its end."""

    condition: Condition
    is_end: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """One message for several: the texts and values of those that were held back, and how many more there were."""

    held: tuple[tuple[str, Values], ...]
    more: int = 0


@dataclass(slots=True)
class _Entry:
    first_at: float
    level: int = 0  # that was told; 0: nothing yet
    name: str = ""
    has_end: bool = True
    recover_s: float = 0.0
    gone_at: float | None = None
    times: int = 0  # that it was told since a day without
    ended_at: float | None = None  # told that it is over; kept for a day

    @property
    def is_open(self) -> bool:
        return self.level > 0


@dataclass(slots=True)
class Ledger:
    """Give each `Look` to `take`; keep `dump` when it `has_changed`."""

    entries: dict[tuple[str, str], _Entry] = field(default_factory=dict)
    sent: list[float] = field(default_factory=list)
    held: list[tuple[str, Values]] = field(default_factory=list)
    more: int = 0
    has_changed: bool = False

    def take(self, look: Look, now: float) -> list[Told | Summary]:
        """What is to be told `now`, seconds since 1970."""
        told = [*self._raised(look, now), *self._ended(look, now)]
        self.sent = [at for at in self.sent if 0 <= now - at < HOUR_S]
        messages: list[Told | Summary] = []
        if (self.held or self.more) and len(self.sent) < ROOM:
            messages.append(Summary(tuple(self.held), self.more))
            self.held, self.more = [], 0
        for one in told:
            if len(self.sent) + len(messages) < MOST_AN_HOUR:
                messages.append(one)
            elif len(self.held) < MOST_HELD:
                self.held.append((one.condition.text, dict(one.condition.values)))
            else:
                self.more += 1
        self.sent += [now] * len(messages)
        self.has_changed = self.has_changed or bool(told) or bool(messages)
        return messages

    def told(self, event: Event) -> frozenset[str]:
        """Of which subjects of the event it was told that it holds, and not yet that it is over."""
        return frozenset(place[1] for place, entry in self.entries.items() if place[0] == event and entry.is_open)

    def _raised(self, look: Look, now: float) -> list[Told]:
        told = []
        worst = {(one.event, one.subject): one for one in sorted(look.conditions, key=lambda one: one.level)}
        for place, one in worst.items():
            entry = self.entries.get(place)
            if entry is None:
                if len(self.entries) >= MOST_ENTRIES:
                    continue
                entry = self.entries[place] = _Entry(now)
            elif not entry.is_open and (entry.ended_at is not None or now < entry.first_at):
                entry.first_at, entry.ended_at = now, None
            entry.gone_at = None
            if now - entry.first_at < one.after_s:
                continue
            if one.level > entry.level:
                told.append(Told(one))
                entry.times += not entry.is_open
            self.has_changed = self.has_changed or one.level != entry.level
            entry.level, entry.name = one.level, str(one.values.get("name", ""))
            entry.has_end, entry.recover_s = one.has_end, one.recover_s
        return told

    def _ended(self, look: Look, now: float) -> list[Told]:
        present = {(one.event, one.subject) for one in look.conditions}
        told = []
        for place, entry in list(self.entries.items()):
            if place in present or place in look.unknown or (place[0], None) in look.unknown:
                continue
            if entry.ended_at is not None and not 0 <= now - entry.ended_at < DAY_S:
                del self.entries[place]
                self.has_changed = True
            elif entry.ended_at is None and self._is_over(place, entry, now):
                if entry.is_open and entry.has_end:
                    event = cast(Event, place[0])
                    told.append(Told(Condition(event, place[1], f"{event}-over", {"name": entry.name}), is_end=True))
                if entry.is_open:
                    entry.level, entry.gone_at, entry.ended_at = 0, None, now
                    self.has_changed = True
                else:
                    del self.entries[place]
        return told

    @staticmethod
    def _is_over(place: tuple[str, str], entry: _Entry, now: float) -> bool:
        """Has it been gone for long enough? Told or not: one that is away four minutes of five is away."""
        if entry.gone_at is None or now < entry.gone_at:
            entry.gone_at = now
        doublings = min(max(entry.times - 1, 0), MOST_DOUBLINGS)
        recover_s = (entry.recover_s or condition.RECOVER_S) * float(2**doublings)
        return now - entry.gone_at >= recover_s

    # --- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What is to be kept, as JSON has it; what was not told yet is found out anew."""
        entries = [
            {
                "event": event,
                "subject": subject,
                "first_at": entry.first_at,
                "level": entry.level,
                "name": entry.name,
                "has_end": entry.has_end,
                "recover_s": entry.recover_s,
                "times": entry.times,
                "ended_at": entry.ended_at,
            }
            for (event, subject), entry in self.entries.items()
            if entry.is_open or entry.ended_at is not None
        ]
        held = [[text, dict(values)] for text, values in self.held]
        return {"entries": entries, "sent": self.sent, "held": held, "more": self.more}

    @classmethod
    def restored(cls, kept: Mapping[str, Any], events: Collection[str] = EVENTS) -> Self:
        """From `dump`; of other `events` nothing is known. Raises `LookupError`, `TypeError` or `ValueError`."""
        entries = {}
        for one in kept["entries"]:
            if one["event"] in events:
                entry = _Entry(
                    float(one["first_at"]),
                    int(one["level"]),
                    str(one["name"]),
                    bool(one["has_end"]),
                    float(one["recover_s"]),
                    times=int(one["times"]),
                    ended_at=None if one["ended_at"] is None else float(one["ended_at"]),
                )
                entries[(str(one["event"]), str(one["subject"]))] = entry
        held: list[tuple[str, Values]] = [(str(text), dict(values)) for text, values in kept["held"]]
        return cls(entries, [float(at) for at in kept["sent"]], held, int(kept["more"]))
