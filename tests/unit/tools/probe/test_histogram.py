"""The histogram: against a sorted list."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.scale import binned, nice, top_s

DELAYS = st.lists(st.integers(0, 90_000_000_000).map(lambda us: us / 1e6), min_size=1, max_size=60)
ERROR = 1 / 120  # of a value: half a slot, and the rounding to microseconds


def filled(delays: Sequence[float]) -> Histogram:
    histogram = Histogram()
    for delay in delays:
        histogram.add(delay)
    return histogram


@given(DELAYS, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_quantiles(delays: list[float], share: float) -> None:
    """A quantile is that of the sorted values, within a hundredth; count, mean and extremes are exact."""
    histogram = filled(delays)
    ordered = sorted(min(delay, (1 << 36) / 1e6) for delay in delays)
    exact = ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
    assert histogram.quantile_s(share) == pytest.approx(exact, rel=ERROR, abs=2e-6) or max(delays) > (1 << 36) / 1e6
    assert (histogram.count, histogram.min_s, histogram.max_s) == (len(delays), min(delays), max(delays))
    assert histogram.mean_s == pytest.approx(sum(delays) / len(delays))


def test_without_values() -> None:
    """Of nothing there is no figure."""
    histogram = Histogram()
    assert (histogram.quantile_s(0.5), histogram.mean_s, histogram.min_s, histogram.bars(10)) == (None, None, None, [])


def test_a_clock_that_goes_back() -> None:
    """A negative delay counts as none."""
    assert filled([-1.0]).max_s == 0.0


@given(DELAYS, st.integers(1, 50))
def test_bars(delays: list[float], most: int) -> None:
    """Bars are no more than asked for, follow each other without a gap, and have every value once."""
    bars = filled(delays).bars(most)
    assert len(bars) <= most
    assert sum(bar.count for bar in bars) == len(delays)
    assert all(one.high_s == other.low_s for one, other in pairwise(bars))


@given(st.lists(st.integers(0, 6_000_000).map(lambda us: us / 1e6), max_size=60))
def test_cumulative(delays: list[float]) -> None:
    """What Prometheus gets rises, and is what is below each bound, but for values within a hundredth of it."""
    found = dict(filled(delays).cumulative((0.01, 0.1, 1.0)))
    assert list(found.values()) == sorted(found.values())
    for bound, count in found.items():
        assert sum(one < bound * (1 - 2 * ERROR) for one in delays) <= count
        assert count <= sum(one <= bound * (1 + 2 * ERROR) for one in delays)


def test_a_copy() -> None:
    """A copy does not change when the first one does."""
    histogram = filled([0.1])
    copy = histogram.copy()
    histogram.add(5.0)
    assert (copy.count, copy.max_s, copy.quantile_s(1.0)) == (1, 0.1, 0.1)


@given(DELAYS, st.integers(1, 30))
def test_binned(delays: list[float], number: int) -> None:
    """Steps of a chart and what is beyond them have every value once."""
    histogram = filled(delays)
    counts, beyond = binned(histogram, 0.0, top_s(histogram) / number, number)
    assert sum(counts) + beyond == len(delays)


@pytest.mark.parametrize(("value", "rounded"), [(0.0, 1.0), (0.011, 0.015), (0.25, 0.3), (7.0, 8.0), (1.0, 1.0)])
def test_round_numbers(value: float, rounded: float) -> None:
    """Scales end in a round number that is not below."""
    assert nice(value) == pytest.approx(rounded)


def test_few_outliers_do_not_make_the_scale() -> None:
    """One packet of a thousand that took a hundred times as long is off the scale; of ten, it is on it."""
    assert top_s(filled([0.05] * 999 + [5.0])) == pytest.approx(0.08)
    assert top_s(filled([0.05] * 9 + [5.0])) >= 5.0
