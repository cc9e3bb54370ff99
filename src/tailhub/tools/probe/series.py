"""Numbered packets on one path: which of them arrive, how long they take, and what that comes to in each interval.

Pure: `now` is an argument (monotonic seconds). A packet belongs to the interval in which it was to be sent, so that
loss is never above what was sent; an interval is over when all of its packets have arrived or are given up.

What the words mean:

- *lost*: not there within the time limit. One that comes after that is *late* as well, and stays lost.
- *missed*: it was due, but there was no connection, or the relay took nothing more. A packet of a device that wants to
  send then is lost, too; it is counted apart, because it says something else about the relay.
- *reordered*: it arrives behind one that was sent later (RFC 4737, section 3.2).
- *jitter*: the smoothed difference of successive delays (RFC 3550, section 6.4.1).
- *queue*: what a delay is above the least of the last ten minutes (the base delay of RFC 6817, section 3.4.2): what the
  path itself needs is in that, so the rest is waiting.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tailhub.tools.probe.histogram import Histogram

__all__ = ["Interval", "Series"]

_REMEMBERED = 4096  # lost packets that are known to be late when they come
_JITTER_GAIN = 16  # RFC 3550
_BASE_MINUTES = 10  # RFC 6817, BASE_HISTORY
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Interval:
    """What became of the packets of some time. Delays are None where none arrived.

    `start_s` counts from the beginning. In one that was `merged`, `p50_s` is the mean of two, weighted, and `p99_s` the
    larger of them.
    """

    start_s: float
    length_s: float
    sent: int = 0
    received: int = 0
    lost: int = 0
    missed: int = 0
    late: int = 0
    duplicated: int = 0
    reordered: int = 0
    min_s: float | None = None
    mean_s: float | None = None
    p50_s: float | None = None
    p99_s: float | None = None
    max_s: float | None = None
    jitter_s: float | None = None
    queue_s: float | None = None

    @property
    def loss(self) -> float | None:
        """The share of what was sent that was lost; None where nothing was."""
        return self.lost / self.sent if self.sent else None

    def merged(self, other: Interval) -> Interval:
        """Make one of it and a later one."""
        end_s = other.start_s + other.length_s
        return Interval(
            self.start_s,
            end_s - self.start_s,
            self.sent + other.sent,
            self.received + other.received,
            self.lost + other.lost,
            self.missed + other.missed,
            self.late + other.late,
            self.duplicated + other.duplicated,
            self.reordered + other.reordered,
            _either(min, self.min_s, other.min_s),
            self._weighed(other, self.mean_s, other.mean_s),
            self._weighed(other, self.p50_s, other.p50_s),
            _either(max, self.p99_s, other.p99_s),
            _either(max, self.max_s, other.max_s),
            self._weighed(other, self.jitter_s, other.jitter_s),
            self._weighed(other, self.queue_s, other.queue_s),
        )

    def _weighed(self, other: Interval, ours: float | None, theirs: float | None) -> float | None:
        if ours is None or theirs is None:
            return theirs if ours is None else ours
        return (ours * self.received + theirs * other.received) / (self.received + other.received)


def _either(choose: Callable[[float, float], float], ours: float | None, theirs: float | None) -> float | None:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return choose(ours, theirs)


class _Open:
    """An interval that is not over."""

    __slots__ = ("delays", "duplicated", "index", "late", "lost", "missed", "pending", "reordered", "sent")

    def __init__(self, index: int) -> None:
        self.index = index
        self.sent = self.lost = self.missed = self.late = self.duplicated = self.reordered = 0
        self.pending = 0  # sent, and neither here nor given up
        self.delays: list[float] = []


class Series:
    """The packets of one path, from the first on. Memory is bounded by rate × (`timeout_s` + `interval_s`)."""

    __slots__ = (
        "_base",
        "_forgotten",
        "_highest",
        "_in_flight",
        "_jitter_s",
        "_last_s",
        "_lost",
        "_open",
        "deviation_s",
        "duplicated",
        "histogram",
        "interval_s",
        "late",
        "lost",
        "missed",
        "next_number",
        "queue",
        "reordered",
        "start",
        "timeout_s",
    )

    def __init__(self, start: float, interval_s: float, timeout_s: float) -> None:
        self.start, self.interval_s, self.timeout_s = start, interval_s, timeout_s
        self.next_number = 0
        self.lost = self.missed = self.late = self.duplicated = self.reordered = 0
        self.histogram = Histogram()
        self.queue = Histogram()
        self.deviation_s = 0.0  # sum of |difference of successive delays|
        self._in_flight: dict[int, tuple[float, _Open]] = {}  # in the order in which they were sent
        self._lost: dict[int, None] = {}  # the latest of those given up
        self._forgotten = -1  # the highest number that is no longer among them
        self._highest = -1  # number that has arrived
        self._last_s: float | None = None
        self._jitter_s = 0.0
        self._open: deque[_Open] = deque()
        self._base: deque[tuple[int, float]] = deque()  # minute and the least delay in it

    # --- what happens -------------------------------------------------------------------------------------------------

    def send(self, now: float) -> int:
        """A packet is about to be sent; its number."""
        number, interval = self.next_number, self._interval(now)
        self.next_number += 1
        interval.sent += 1
        interval.pending += 1
        self._in_flight[number] = now, interval
        return number

    def miss(self, now: float) -> None:
        """A packet was due that could not be sent."""
        self.missed += 1
        self._interval(now).missed += 1

    def receive(self, number: int, now: float) -> bool:
        """A packet has arrived. False: there was none of this number."""
        if not 0 <= number < self.next_number:
            return False
        self.settle_packets(now)
        sent = self._in_flight.pop(number, None)
        if sent is None:
            self._receive_again(number, now)
            return True
        sent_at, interval = sent
        interval.pending -= 1
        if number < self._highest:
            self.reordered += 1
            interval.reordered += 1
        self._highest = max(self._highest, number)
        self._measure(max(0.0, now - sent_at), interval, now)
        return True

    def _receive_again(self, number: int, now: float) -> None:
        """It was here already, or given up; so long ago that this is not known any more, it is taken to be late."""
        if number in self._lost or number <= self._forgotten:
            self._lost.pop(number, None)
            self.late += 1
            self._interval(now).late += 1
        else:
            self.duplicated += 1
            self._interval(now).duplicated += 1

    def _measure(self, delay_s: float, interval: _Open, now: float) -> None:
        self.histogram.add(delay_s)
        interval.delays.append(delay_s)
        if self._last_s is not None:
            difference = abs(delay_s - self._last_s)
            self.deviation_s += difference
            self._jitter_s += (difference - self._jitter_s) / _JITTER_GAIN
        self._last_s = delay_s
        minute = int((now - self.start) // _MINUTE_S)
        if not self._base or self._base[-1][0] != minute:
            self._base.append((minute, delay_s))
            while self._base[0][0] <= minute - _BASE_MINUTES:
                self._base.popleft()
        elif delay_s < self._base[-1][1]:
            self._base[-1] = minute, delay_s
        self.queue.add(delay_s - (self.base_s or 0.0))

    def settle_packets(self, now: float) -> None:
        """Give up what should have been here by now."""
        while self._in_flight:
            number = next(iter(self._in_flight))
            sent_at, interval = self._in_flight[number]
            if sent_at + self.timeout_s > now:
                return
            del self._in_flight[number]
            interval.pending -= 1
            interval.lost += 1
            self.lost += 1
            self._lost[number] = None
            if len(self._lost) > _REMEMBERED:
                oldest = next(iter(self._lost))
                del self._lost[oldest]
                self._forgotten = oldest

    def settle(self, now: float) -> Iterator[Interval]:
        """The intervals that are over and were not given out yet, oldest first; none for a time without packets."""
        self.settle_packets(now)
        while self._open and not self._open[0].pending and self._ends_at(self._open[0]) <= now:
            yield self._closed(self._open.popleft())

    def finish(self, now: float) -> Iterator[Interval]:
        """As `settle`, at the end: what is still on its way is neither lost nor sent, the last interval is cut off."""
        self.settle_packets(now)
        for _, interval in self._in_flight.values():
            interval.sent -= 1
            interval.pending -= 1
        self._in_flight.clear()
        while self._open:
            interval = self._open.popleft()
            if interval.sent or interval.missed:
                yield self._closed(interval, now)

    # --- what it comes to ---------------------------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """Packets that arrived in time."""
        return self.histogram.count

    @property
    def sent(self) -> int:
        """Packets of which it is known what became of them."""
        return self.histogram.count + self.lost

    @property
    def loss(self) -> float | None:
        """The share of `sent` that was lost; None while nothing is known."""
        return self.lost / self.sent if self.sent else None

    @property
    def base_s(self) -> float | None:
        """The least delay of the last ten minutes."""
        return min((least for _, least in self._base), default=None)

    @property
    def jitter_s(self) -> float | None:
        """The mean difference of successive delays, over all; what RFC 3550's estimate moves about."""
        return self.deviation_s / (self.histogram.count - 1) if self.histogram.count > 1 else None

    # --- inside -------------------------------------------------------------------------------------------------------

    def _interval(self, now: float) -> _Open:
        index = int((now - self.start) // self.interval_s)
        if not self._open or self._open[-1].index < index:
            self._open.append(_Open(index))
        return self._open[-1]

    def _ends_at(self, interval: _Open) -> float:
        return self.start + (interval.index + 1) * self.interval_s

    def _closed(self, interval: _Open, now: float | None = None) -> Interval:
        start_s, length_s = interval.index * self.interval_s, self.interval_s
        if now is not None:
            length_s = max(0.0, min(length_s, now - self.start - start_s))
        delays = sorted(interval.delays)
        mean_s = sum(delays) / len(delays) if delays else None
        base_s = self.base_s
        return Interval(
            start_s,
            length_s,
            interval.sent,
            len(delays),
            interval.lost,
            interval.missed,
            interval.late,
            interval.duplicated,
            interval.reordered,
            min_s=delays[0] if delays else None,
            mean_s=mean_s,
            p50_s=_rank(delays, 0.5),
            p99_s=_rank(delays, 0.99),
            max_s=delays[-1] if delays else None,
            jitter_s=self._jitter_s if delays else None,
            queue_s=None if mean_s is None or base_s is None else max(0.0, mean_s - base_s),
        )


def _rank(ordered: list[float], share: float) -> float | None:
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else None
