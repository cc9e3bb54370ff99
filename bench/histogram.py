"""A latency histogram with buckets of equal *relative* width: bounded memory, cheap to fill, percentiles within 2 %.

Values are whole microseconds. Up to 127 each value has a bucket of its own; above that every power of two is cut
into 64 buckets. The layout is that of HdrHistogram, without its decimal digits.
"""

from __future__ import annotations

_SUB_BITS = 6  # 64 buckets for each power of two: at most 1/64 of the value wide
_EXACT = 2 << _SUB_BITS  # below this a bucket holds one value


class Histogram:
    """Counts of whole microseconds."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.total = 0

    def record(self, value_us: int, count: int = 1) -> None:
        """Count `value_us` `count` times. A negative value counts as 0."""
        bucket = bucket_of(value_us)
        self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.total += count

    def percentile_us(self, percent: float) -> float | None:
        """The value that `percent` of all counts do not exceed, as the middle of its bucket; None when empty."""
        if not self.total:
            return None
        wanted = max(1, -(-self.total * percent // 100))  # rounded up: p99 of 3 counts is the third
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return middle_of(bucket)
        return None  # not reached: the counts add up to the total

    def percentiles(self) -> dict[str, float]:
        """p50, p99 and p99.9 in microseconds; nothing when empty."""
        values = {name: self.percentile_us(p) for name, p in (("p50", 50), ("p99", 99), ("p99.9", 99.9))}
        return {name: value for name, value in values.items() if value is not None}


def bucket_of(value_us: int) -> int:
    """The number of the bucket that holds `value_us`; numbers grow with the value."""
    if value_us < _EXACT:
        return max(value_us, 0)
    shift = value_us.bit_length() - _SUB_BITS - 1
    return (shift << _SUB_BITS) + (value_us >> shift)


def middle_of(bucket: int) -> float:
    """The middle of a bucket's range in microseconds."""
    if bucket < _EXACT:
        return float(bucket)
    shift = (bucket >> _SUB_BITS) - 1
    lowest = (bucket - (shift << _SUB_BITS)) << shift
    return lowest + ((1 << shift) - 1) / 2
