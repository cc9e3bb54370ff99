"""What was measured, for programs: plain values that JSON can carry. Pure. Delays are milliseconds."""

from __future__ import annotations

from typing import Any

from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.measurement import PathView, View

__all__ = ["MOST_INTERVALS", "plain"]

MOST_BARS = 60
MOST_INTERVALS = 2048  # of each way; those of a longer run stand for more time each


def plain(view: View) -> dict[str, Any]:
    """All of it; the shape is documented in ``docs/how-to/measuring.md``."""
    pairs = [
        {
            "from": pair.asks,
            "to": pair.asked,
            "sent": pair.sent,
            "lost": pair.lost,
            "missed": pair.missed,
            "loss": pair.loss,
            "rtt": _delays(pair.delays),
        }
        for pair in view.pairs
    ]
    return {"lasted_s": round(view.lasted_s, 3), "paths": [_path(one) for one in view.paths], "pairs": pairs}


def _path(one: PathView) -> dict[str, Any]:
    bandwidth = one.bandwidth
    return {
        "name": one.path.name,
        "in": one.path.sender.host_name,
        "out": one.path.receiver.host_name,
        "up": one.is_up,
        "reason": one.reason,
        "notice": one.notice,
        **{name: getattr(one, name) for name in ("sent", "received", "lost", "missed")},
        **{name: getattr(one, name) for name in ("late", "duplicated", "reordered", "loss")},
        "delay": _delays(one.delays),
        "histogram": [[_ms(bar.low_s), _ms(bar.high_s), bar.count] for bar in one.delays.bars(MOST_BARS)],
        "queue": _delays(one.queue),
        "jitter_ms": _ms(one.jitter_s),
        "away_s": round(one.away_s, 3),
        "outages": one.outages,
        "latest_outages": [
            {"start_s": round(out.start_s, 3), "seconds": out.length_s and round(out.length_s, 3), "reason": out.reason}
            for out in one.latest_outages
        ],
        "stun": {**_delays(one.stun), "lost": one.stun_lost},
        "limit_bytes_per_s": one.limit_bytes_per_s,
        "bandwidth": bandwidth
        and {
            "bytes_per_s": round(bandwidth.bytes_per_s),
            "seconds": round(bandwidth.seconds, 3),
            "lost": bandwidth.lost_packets,
            "delay_ms": _ms(bandwidth.delay_s),
            "limit_bytes_per_s": bandwidth.limit_bytes_per_s,
        },
        "intervals": [
            {
                "start_s": round(interval.start_s, 3),
                "seconds": round(interval.length_s, 3),
                "sent": interval.sent,
                "lost": interval.lost,
                "missed": interval.missed,
                "p50_ms": _ms(interval.p50_s),
                "p99_ms": _ms(interval.p99_s),
                "max_ms": _ms(interval.max_s),
            }
            for interval in one.intervals
        ],
    }


def _delays(histogram: Histogram) -> dict[str, Any]:
    return {
        "count": histogram.count,
        "min_ms": _ms(histogram.min_s),
        "mean_ms": _ms(histogram.mean_s),
        "p50_ms": _ms(histogram.quantile_s(0.5)),
        "p90_ms": _ms(histogram.quantile_s(0.9)),
        "p99_ms": _ms(histogram.quantile_s(0.99)),
        "p999_ms": _ms(histogram.quantile_s(0.999)),
        "max_ms": _ms(histogram.max_s),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
