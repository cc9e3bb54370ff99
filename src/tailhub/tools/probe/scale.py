"""How charts of delays are scaled, on paper and in a terminal. Pure."""

from __future__ import annotations

import math

from tailhub.tools.probe.histogram import Histogram

__all__ = ["binned", "nice", "top_s"]

_FINEST = 1 << 12  # bars: all slots of a histogram


def nice(value: float) -> float:
    """The next round number that is not below."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)


def top_s(delays: Histogram) -> float:
    """Up to the largest, unless that is far above what 99.5 % needed: those few are then off the scale."""
    most = delays.max_s or 0.001
    usual = (delays.quantile_s(0.995) or most) * 1.5
    return nice(usual if most > 1.5 * usual else most * 1.02)


def binned(delays: Histogram, low_s: float, step_s: float, number: int) -> tuple[list[int], int]:
    """How many there are in each of `number` steps from `low_s` on, and beyond the last one."""
    counts, beyond = [0] * number, 0
    for one in delays.bars(_FINEST):
        index = max(0, int(((one.low_s + one.high_s) / 2 - low_s) / step_s))
        if index < number:
            counts[index] += one.count
        else:
            beyond += one.count
    return counts, beyond
