"""All that a probe has measured, way by way and between each two of them. Pure; `now` is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.history import History
from tailhub.tools.probe.outages import Outage, Outages
from tailhub.tools.probe.paths import Path
from tailhub.tools.probe.series import Interval, Series

__all__ = ["Bandwidth", "Measured", "Measurement", "PairView", "PathView", "Row", "View"]


MOST_HOMES = 16  # in the table between regions


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """What went through in `seconds`, as fast as this machine and the relay could, or as `limit_bytes_per_s` allowed.

    `delay_s`: the median of how long those packets took, which says how much waits somewhere under load.
    """

    seconds: float
    received_bytes: int
    lost_packets: int
    limit_bytes_per_s: int  # that the relay announces for a key; 0: none
    delay_s: float | None

    @property
    def bytes_per_s(self) -> float:
        """Payload."""
        return self.received_bytes / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class Measured:
    """What is known of one way. `stun` are the round trips of STUN, `stun_lost` those without an answer."""

    path: Path
    series: Series
    outages: Outages
    history: History = field(default_factory=History)
    latest: Interval | None = None
    stun: Histogram = field(default_factory=Histogram)
    stun_lost: int = 0
    stun_last_s: float | None = None
    bandwidth: Bandwidth | None = None
    limit_bytes_per_s: int = 0
    notice: str = ""
    """What the relay tells its clients (Health); empty: nothing."""

    def view(self, now: float) -> PathView:
        """What is known now."""
        series, outages = self.series, self.outages
        return PathView(
            path=self.path,
            sent=series.sent,
            received=series.received,
            lost=series.lost,
            missed=series.missed,
            late=series.late,
            duplicated=series.duplicated,
            reordered=series.reordered,
            delays=series.histogram.copy(),
            queue=series.queue.copy(),
            jitter_s=series.jitter_s,
            base_s=series.base_s,
            intervals=tuple(self.history.intervals),
            latest=self.latest,
            is_up=outages.is_up,
            reason=outages.reason,
            away_s=outages.away_until(now),
            outages=outages.count,
            latest_outages=tuple(outages.latest),
            stun=self.stun.copy(),
            stun_lost=self.stun_lost,
            bandwidth=self.bandwidth,
            limit_bytes_per_s=self.limit_bytes_per_s,
            notice=self.notice,
        )


@dataclass(frozen=True, slots=True)
class PathView:
    """One way as it stood at a moment: numbers are totals from the beginning, `intervals` the time, oldest first."""

    path: Path
    sent: int
    received: int
    lost: int
    missed: int
    late: int
    duplicated: int
    reordered: int
    delays: Histogram
    queue: Histogram
    jitter_s: float | None
    base_s: float | None
    intervals: tuple[Interval, ...]
    latest: Interval | None
    is_up: bool
    reason: str
    away_s: float
    outages: int
    latest_outages: tuple[Outage, ...]
    stun: Histogram
    stun_lost: int
    bandwidth: Bandwidth | None
    limit_bytes_per_s: int
    notice: str

    @property
    def loss(self) -> float | None:
        """The share of what was sent that was lost; None while nothing is known."""
        return self.lost / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class PairView:
    """A device here whose home is `asks` and one here whose home is `asked`: round trips between them."""

    asks: str
    asked: str
    sent: int
    lost: int
    missed: int
    delays: Histogram

    @property
    def loss(self) -> float | None:
        """As `PathView.loss`."""
        return self.lost / self.sent if self.sent else None


@dataclass(frozen=True, slots=True)
class View:
    """All that is known at a moment, `lasted_s` after the beginning; nothing in it changes any more."""

    lasted_s: float
    paths: tuple[PathView, ...]
    pairs: tuple[PairView, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An interval of one way that is over."""

    path: str
    interval: Interval
    stun_s: float | None


class Measurement:
    """`pairs` has, by the numbers of two ways, the round trips of who asks through the second and is answered through
    the first; only where there are several ways, and of the first `MOST_HOMES` of them.
    """

    def __init__(self, paths: Sequence[Path], start: float, interval_s: float, timeout_s: float) -> None:
        self.start, self.interval_s = start, interval_s
        self.measured = [Measured(path, Series(start, interval_s, timeout_s), Outages(start)) for path in paths]
        singles = [number for number, path in enumerate(paths) if path.is_through_one]
        self.homes = singles[:MOST_HOMES] if len(singles) > 1 else []
        self.pairs: dict[tuple[int, int], Series] = {
            (asks, asked): Series(start, interval_s, 2 * timeout_s) for asks in self.homes for asked in self.homes
        }

    def view(self, now: float) -> View:
        """What is known now."""
        pairs = (
            PairView(
                self.measured[asks].path.name,
                self.measured[asked].path.name,
                series.sent,
                series.lost,
                series.missed,
                series.histogram.copy(),
            )
            for (asks, asked), series in self.pairs.items()
        )
        return View(now - self.start, tuple(one.view(now) for one in self.measured), tuple(pairs))

    def settle(self, now: float) -> Iterator[Row]:
        """The intervals that are over since the last time."""
        for one in self.measured:
            yield from self._taken(one, one.series.settle(now))
        for pair in self.pairs.values():
            for _ in pair.settle(now):
                pass

    def finish(self, now: float) -> Iterator[Row]:
        """The last ones, at the end."""
        for one in self.measured:
            yield from self._taken(one, one.series.finish(now))
        for pair in self.pairs.values():
            for _ in pair.finish(now):
                pass

    def _taken(self, one: Measured, intervals: Iterator[Interval]) -> Iterator[Row]:
        for interval in intervals:
            one.history.add(interval)
            one.latest = interval
            yield Row(one.path.name, interval, one.stun_last_s)
