"""All that a probe has measured, way by way and between each two of them. Pure; `now` is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.history import History
from tailhub.tools.probe.outages import Outages
from tailhub.tools.probe.paths import Path
from tailhub.tools.probe.series import Interval, Series

__all__ = ["Bandwidth", "Measured", "Measurement", "Row"]


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


@dataclass(frozen=True, slots=True)
class Row:
    """An interval of one way that is over."""

    path: str
    interval: Interval
    stun_s: float | None


class Measurement:
    """`pairs` has, by the numbers of two ways, the round trips of who asks through the second and is answered through
    the first; only where there are several ways.
    """

    def __init__(self, paths: Sequence[Path], start: float, interval_s: float, timeout_s: float) -> None:
        self.start, self.interval_s = start, interval_s
        self.measured = [Measured(path, Series(start, interval_s, timeout_s), Outages(start)) for path in paths]
        singles = [number for number, path in enumerate(paths) if path.is_through_one]
        self.homes = singles if len(singles) > 1 else []
        self.pairs: dict[tuple[int, int], Series] = {
            (asks, asked): Series(start, interval_s, 2 * timeout_s) for asks in self.homes for asked in self.homes
        }

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
