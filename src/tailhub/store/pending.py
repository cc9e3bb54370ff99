"""What is to be written: records of the same thing become one, and there are never too many. Pure; no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Generic, TypeVar

from tailhub.store.records import OTHER_KEY, Admission, Batch, End, Forgotten, Name, Refusal, UsageDelta

__all__ = ["CONFIRM_AGAIN_S", "MAX_PAIRS", "MAX_RECORDS", "Pending", "PendingUsage"]

MAX_PAIRS = 20_000  # told apart within an hour
MAX_RECORDS = 20_000  # of admissions, ends and names each, until they are written
CONFIRM_AGAIN_S = 3600.0  # verifiers are asked every few minutes, and what they say holds for days
MAX_REFUSED = 1_000  # keys; strangers can make any number

_Pair = tuple[str, bytes, bytes]  # tenant, from, to
_K = TypeVar("_K")
_V = TypeVar("_V")


class PendingUsage:
    """Counts by hour and pair of keys.

    Beyond `max_pairs` in an hour a pair that has not been seen in it is counted as two: what its sender sent to
    `OTHER_KEY`, and what its receiver got from there. So the sums of every key stay right, and only who spoke with
    whom is lost. Beyond three times as many rows the keys are not told apart either, only tenants. The same bounds hold
    for all that waits, however many hours it is from.
    """

    def __init__(self, max_pairs: int = MAX_PAIRS) -> None:
        self._max_pairs = max_pairs
        self._seen: dict[int, set[_Pair]] = {}  # by hour
        self._rows: dict[tuple[int, _Pair], list[int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, deltas: Iterable[UsageDelta]) -> list[UsageDelta]:
        """Count these; returns them as they were counted."""
        counted: list[UsageDelta] = []
        for delta in deltas:
            if self._has_room(delta, self._max_pairs):
                parts = [delta]
            else:
                parts = []
                if delta.packets:  # none came in here of one at another relay
                    parts.append(delta._replace(dst=OTHER_KEY, out_bytes=0))
                if delta.out_bytes:
                    parts.append(delta._replace(src=OTHER_KEY, packets=0, in_bytes=0))
            for part in parts:
                if part is not delta and not self._has_room(part, 3 * self._max_pairs):
                    part = part._replace(src=OTHER_KEY, dst=OTHER_KEY)
                self._count(part)
                counted.append(part)
        return counted

    def take(self) -> tuple[UsageDelta, ...]:
        """All that waits; it waits no more."""
        rows, self._rows = self._rows, {}
        for hour in sorted(self._seen)[:-2]:  # nothing is counted in these any more
            del self._seen[hour]
        return tuple(UsageDelta(hour, *pair, *counts) for (hour, pair), counts in rows.items())

    def _count(self, delta: UsageDelta) -> None:
        row = self._rows.setdefault((delta.hour, (delta.tenant, delta.src, delta.dst)), [0, 0, 0])
        row[0] += delta.packets
        row[1] += delta.in_bytes
        row[2] += delta.out_bytes

    def _has_room(self, delta: UsageDelta, most: int) -> bool:
        """May this pair have a row of its own in its hour?"""
        pair = (delta.tenant, delta.src, delta.dst)
        seen = self._seen.setdefault(delta.hour, set())
        is_known = pair in seen
        if not is_known and len(seen) >= most:
            return False
        if (delta.hour, pair) not in self._rows and len(self._rows) >= most:
            return False
        if not is_known:
            seen.add(pair)
        return True


class _Latest(Generic[_K, _V]):
    """The newest value of each key; at most `most`, of which the one that has waited longest gives way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[_K, _V] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: _K) -> _V | None:
        return self._values.get(key)

    def put(self, key: _K, value: _V) -> None:
        self._values[key] = value
        if len(self._values) > self._most:
            del self._values[next(iter(self._values))]

    def drop(self, key: _K) -> None:
        self._values.pop(key, None)

    def take(self) -> tuple[_V, ...]:
        values, self._values = self._values, {}
        return tuple(values.values())


class Pending:
    """Everything that waits to be written: usage, and what has been learnt about keys."""

    def __init__(self, max_pairs: int = MAX_PAIRS) -> None:
        self.usage = PendingUsage(max_pairs)
        self._written: dict[tuple[bytes, str], Admission] = {}  # when each was last to be written
        self._confirmed = _Latest[tuple[bytes, str], Admission](MAX_RECORDS)
        self._ended = _Latest[tuple[bytes, str], End](MAX_RECORDS)
        self._names = _Latest[bytes, Name](MAX_RECORDS)
        self._refused = _Latest[bytes, Refusal](MAX_REFUSED)
        self._forgotten = _Latest[bytes, Forgotten](MAX_RECORDS)

    def __bool__(self) -> bool:
        about_keys = (self._confirmed, self._ended, self._names, self._refused, self._forgotten)
        return any(len(one) for one in (self.usage, *about_keys))

    def confirm(self, admission: Admission) -> None:
        """A verifier said yes. What was written within `CONFIRM_AGAIN_S` and says the same is not written again."""
        who = (admission.key, admission.verifier)
        if (before := self._written.get(who)) is not None:
            age = admission.confirmed_at - before.confirmed_at
            if 0 <= age < CONFIRM_AGAIN_S and replace(before, confirmed_at=admission.confirmed_at) == admission:
                return
        if len(self._written) >= MAX_RECORDS:
            self._written.clear()
        self._written[who] = admission
        self._confirmed.put(who, admission)

    def lose(self) -> None:
        """What was written is lost: the same may be written again."""
        self._written.clear()

    def end(self, end: End) -> None:
        """A verifier said no."""
        self._written.pop((end.key, end.verifier), None)
        self._ended.put((end.key, end.verifier), end)

    def learn(self, name: Name) -> None:
        """Somebody knows what a key is called."""
        self._names.put(name.key, name)

    def refuse(self, refusal: Refusal) -> None:
        """A key was refused; the times that it was before are counted with it."""
        if (before := self._refused.get(refusal.key)) is not None:
            count, first_at = before.count + refusal.count, min(before.first_at, refusal.first_at)
            refusal = replace(refusal, count=count, first_at=first_at)
        self._refused.put(refusal.key, refusal)

    def forget_refusal(self, forgotten: Forgotten) -> None:
        """A key's refusals until then are of no matter any more; what is refused after it stays to be written."""
        self._refused.drop(forgotten.key)
        self._forgotten.put(forgotten.key, forgotten)

    def take(self, writer: str, number: int) -> Batch:
        """All of it, to be written as this batch."""
        return Batch(
            writer,
            number,
            usage=self.usage.take(),
            confirmed=self._confirmed.take(),
            ended=self._ended.take(),
            refused=self._refused.take(),
            names=self._names.take(),
            forgotten=self._forgotten.take(),
        )
