"""How long things took, in a table that stays small however many there are: log-linear, as HDR histograms are.

Pure. Whole microseconds: exact below 128 µs, within 1/128 of the value above it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Bar", "Histogram"]

_BITS = 6  # 64 slots for each doubling
_HALF = 1 << _BITS
_MOST_US = (1 << 36) - 1  # 19 hours; what took longer counts as that
_SLOTS = (36 - _BITS + 1) << _BITS


@dataclass(frozen=True, slots=True)
class Bar:
    """How many values there are from `low_s` up to, not including, `high_s`."""

    low_s: float
    high_s: float
    count: int


class Histogram:
    """Counts of delays. Bytes: 16 KiB, for ever."""

    __slots__ = ("_slots", "count", "max_s", "min_s", "sum_s")

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _SLOTS))
        self.count = 0
        self.sum_s = 0.0
        self.min_s: float | None = None
        self.max_s: float | None = None

    def copy(self) -> Histogram:
        """Another one with the same counts."""
        other = Histogram()
        other._slots = self._slots[:]
        other.count, other.sum_s, other.min_s, other.max_s = self.count, self.sum_s, self.min_s, self.max_s
        return other

    def add(self, delay_s: float) -> None:
        """Count one; a clock that went back makes it nothing."""
        delay_s = max(0.0, delay_s)
        self._slots[_slot(min(_MOST_US, int(delay_s * 1e6)))] += 1
        self.count += 1
        self.sum_s += delay_s
        if self.min_s is None or delay_s < self.min_s:
            self.min_s = delay_s
        if self.max_s is None or delay_s > self.max_s:
            self.max_s = delay_s

    @property
    def mean_s(self) -> float | None:
        """The mean, exact; None while there is no value."""
        return self.sum_s / self.count if self.count else None

    def quantile_s(self, share: float) -> float | None:
        """The value that `share` of all are not above (0.5: the median); None while there is none."""
        if self.min_s is None or self.max_s is None:
            return None
        wanted = max(1, min(self.count, -int(-share * self.count // 1)))
        seen = 0
        for slot, number in enumerate(self._slots):
            seen += number
            if seen >= wanted:
                low, high = _edges(slot)
                return min(max((low + high) / 2e6, self.min_s), self.max_s)
        return self.max_s

    def bars(self, most: int) -> list[Bar]:
        """The same in at most `most` bars, each as wide in proportion, from the smallest value to the largest."""
        used = [slot for slot, number in enumerate(self._slots) if number]
        if not used:
            return []
        first, last = used[0], used[-1]
        step = -(-(last - first + 1) // most)
        return [self._bar(slot, min(slot + step, last + 1)) for slot in range(first, last + 1, step)]

    def _bar(self, first: int, end: int) -> Bar:
        return Bar(_edges(first)[0] / 1e6, _edges(end - 1)[1] / 1e6, sum(self._slots[first:end]))

    def cumulative(self, bounds_s: tuple[float, ...]) -> Iterator[tuple[float, int]]:
        """How many values are not above each of these bounds, which rise; as Prometheus has it."""
        seen, slot = 0, 0
        for bound in bounds_s:
            while slot < _SLOTS and _edges(slot)[1] / 1e6 <= bound * 1.000001:
                seen += self._slots[slot]
                slot += 1
            yield bound, seen


def _slot(us: int) -> int:
    if us < 2 * _HALF:
        return us
    shift = us.bit_length() - 1 - _BITS
    return (shift << _BITS) + (us >> shift)


def _edges(slot: int) -> tuple[int, int]:
    """The values of a slot in µs: the lowest, and the one behind the highest."""
    if slot < 2 * _HALF:
        return slot, slot + 1
    shift = (slot >> _BITS) - 1
    low = ((slot & (_HALF - 1)) + _HALF) << shift
    return low, low + (1 << shift)
