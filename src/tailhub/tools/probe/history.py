"""What was measured over all of the time, in so many intervals at most: when there are more, two become one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

from tailhub.tools.probe.series import Interval

__all__ = ["History", "in_columns"]


class History:
    """`intervals`, oldest first: all of the time, ever more coarsely."""

    __slots__ = ("_each", "_gathered", "_most", "intervals")

    def __init__(self, most: int = 2048) -> None:
        self._most = max(2, most)
        self._each = 1  # how many of those that come make one of `intervals`
        self._gathered = 0  # in the last one
        self.intervals: list[Interval] = []

    def add(self, interval: Interval) -> None:
        """The next one."""
        if self._gathered and self._gathered < self._each:
            self.intervals[-1] = self.intervals[-1].merged(interval)
        else:
            self._gathered = 0
            self.intervals.append(interval)
        self._gathered += 1
        if len(self.intervals) > self._most:
            self._coarsen()

    def _coarsen(self) -> None:
        pairs = zip(self.intervals[::2], self.intervals[1::2], strict=False)
        last = self.intervals[-1:] if len(self.intervals) % 2 else []
        self.intervals = [one.merged(other) for one, other in pairs] + last
        if not last:
            self._gathered += self._each
        self._each *= 2


def in_columns(intervals: Sequence[Interval], most: int) -> list[Interval]:
    """The same time in at most `most` intervals of about the same length."""
    columns = min(most, len(intervals))
    edges = [len(intervals) * column // columns for column in range(columns + 1)] if columns > 0 else []
    return [reduce(Interval.merged, intervals[start:end]) for start, end in pairwise(edges)]
