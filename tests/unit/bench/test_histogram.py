"""Percentiles of `bench.histogram`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.histogram import Histogram, bucket_of, middle_of


def test_small_values_are_exact() -> None:
    """Up to 127 us a percentile is the very value."""
    histogram = Histogram()
    for value in range(1, 101):
        histogram.record(value)
    assert [histogram.percentile_us(p) for p in (1, 50, 99, 100)] == [1, 50, 99, 100]


def test_counts_weigh() -> None:
    """A value that is recorded with a count weighs as much as so many records."""
    histogram = Histogram()
    histogram.record(10, 98)
    histogram.record(100, 2)
    assert histogram.total == 100
    assert histogram.percentile_us(98) == 10
    assert histogram.percentile_us(99) == 100


def test_an_empty_histogram_has_no_percentile() -> None:
    """Without counts there is no percentile, rather than zero."""
    assert Histogram().percentile_us(50) is None


def test_a_negative_value_counts_as_zero() -> None:
    """A clock that seems to run backwards does not break the histogram."""
    histogram = Histogram()
    histogram.record(-3)
    assert histogram.percentile_us(50) == 0


@given(st.integers(0, 1 << 40))
def test_a_bucket_is_narrow(value: int) -> None:
    """The middle of a value's bucket is within 1 % of the value, and the next value has this bucket or the next."""
    assert middle_of(bucket_of(value)) == pytest.approx(value, rel=0.01, abs=0.5)
    assert bucket_of(value + 1) - bucket_of(value) in (0, 1)
