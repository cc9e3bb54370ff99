"""What a probe has measured, for Prometheus. `METRICS` is the one table of names; ``docs/reference`` is made from it.

Labels are bounded by the ways that are measured, which do not change while a probe runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.measurement import PathView, View

__all__ = ["BUCKETS_S", "METRICS", "ProbeMetric", "registry_of"]

BUCKETS_S: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3),
    *(0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0),
)
RESULTS: Final = ("received", "lost", "missed", "late", "duplicated", "reordered")


@dataclass(frozen=True, slots=True)
class ProbeMetric:
    """A row of the table."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ("path",)


METRICS: Final = {
    "packets": ProbeMetric(
        "tailhub_probe_packets_total",
        "counter",
        "Packets by what became of them: received, lost (not within the limit), missed (due, but not sendable), late "
        "(lost, and came after all), duplicated, reordered.",
        ("path", "result"),
    ),
    "delay": ProbeMetric(
        "tailhub_probe_delay_seconds", "histogram", "How long packets took from here through the relay and back."
    ),
    "queue": ProbeMetric(
        "tailhub_probe_queue_seconds", "histogram", "What that was above the least of the last ten minutes."
    ),
    "jitter": ProbeMetric("tailhub_probe_jitter_seconds", "gauge", "Smoothed difference of successive delays."),
    "up": ProbeMetric("tailhub_probe_up", "gauge", "Whether both ends are connected: 1 or 0."),
    "outages": ProbeMetric("tailhub_probe_outages_total", "counter", "How often a connection was lost."),
    "away": ProbeMetric("tailhub_probe_away_seconds_total", "counter", "How long there was no connection."),
    "stun": ProbeMetric("tailhub_probe_stun_seconds", "histogram", "Round trips of STUN to the same relay."),
    "stun_lost": ProbeMetric("tailhub_probe_stun_lost_total", "counter", "STUN requests without an answer in 2 s."),
    "bandwidth": ProbeMetric(
        "tailhub_probe_bandwidth_bytes_per_second", "gauge", "What went through with nothing else (--bandwidth)."
    ),
    "limit": ProbeMetric(
        "tailhub_probe_limit_bytes_per_second", "gauge", "What the relay lets a key send, as it says; 0: no limit."
    ),
    "pair_packets": ProbeMetric(
        "tailhub_probe_pair_packets_total",
        "counter",
        "Questions between two homes by what became of them: received (answered), lost, missed.",
        ("asks", "asked", "result"),
    ),
    "pair": ProbeMetric(
        "tailhub_probe_pair_round_trip_seconds",
        "histogram",
        "Round trips between two devices here whose homes these are.",
        ("asks", "asked"),
    ),
}


def registry_of(view: Callable[[], View]) -> CollectorRegistry:
    """A registry that asks `view` whenever it is scraped."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measured(view))
    return registry


class _Measured(Collector):
    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is to be measured for it

    def collect(self) -> Iterator[Metric]:
        view = self._view()
        paths, pairs = view.paths, view.pairs
        results = [((one.path.name, result), float(getattr(one, result))) for one in paths for result in RESULTS]
        yield _counter("packets", results)
        yield _histogram("delay", [((one.path.name,), one.delays) for one in paths])
        yield _histogram("queue", [((one.path.name,), one.queue) for one in paths])
        yield _gauge("jitter", paths, lambda one: one.latest.jitter_s if one.latest is not None else None)
        yield _gauge("up", paths, lambda one: float(one.is_up))
        yield _counter("outages", [((one.path.name,), float(one.outages)) for one in paths])
        yield _counter("away", [((one.path.name,), one.away_s) for one in paths])
        yield _histogram("stun", [((one.path.name,), one.stun) for one in paths])
        yield _counter("stun_lost", [((one.path.name,), float(one.stun_lost)) for one in paths])
        yield _gauge("bandwidth", paths, _bandwidth)
        yield _gauge("limit", paths, lambda one: float(one.limit_bytes_per_s))
        if pairs:
            became = [
                ((one.asks, one.asked, result), float(count))
                for one in pairs
                for result, count in (("received", one.delays.count), ("lost", one.lost), ("missed", one.missed))
            ]
            yield _counter("pair_packets", became)
            yield _histogram("pair", [((one.asks, one.asked), one.delays) for one in pairs])


def _bandwidth(one: PathView) -> float | None:
    return one.bandwidth.bytes_per_s if one.bandwidth is not None else None


_Samples = Sequence[tuple[tuple[str, ...], float]]


def _counter(key: str, samples: _Samples) -> Metric:
    row = METRICS[key]
    family = CounterMetricFamily(row.name, row.help, labels=row.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _gauge(key: str, paths: Sequence[PathView], value_of: Callable[[PathView], float | None]) -> Metric:
    row = METRICS[key]
    family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
    for one in paths:
        value = value_of(one)
        if value is not None:
            family.add_metric((one.path.name,), value)
    return family


def _histogram(key: str, samples: Sequence[tuple[tuple[str, ...], Histogram]]) -> Metric:
    row = METRICS[key]
    family = HistogramMetricFamily(row.name, row.help, labels=row.labels)
    for labels, histogram in samples:
        buckets = [(f"{bound:g}", float(count)) for bound, count in histogram.cumulative(BUCKETS_S)]
        family.add_metric(labels, [*buckets, ("+Inf", float(histogram.count))], histogram.sum_s)
    return family
