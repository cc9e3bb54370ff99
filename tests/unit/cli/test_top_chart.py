from __future__ import annotations

import pytest

from tailhub.cli.top_chart import bar, bits, clock_span, columns_of_dots, count, nice_top, size


def test_a_chart_grows_from_its_floor() -> None:
    """Two values share a character, each fills its column of dots from the bottom to its share of the top value."""
    assert columns_of_dots([0, 1, 4, 8], 8, 2) == ["⠀⢸", "⢀⣿"]


def test_a_chart_may_hang() -> None:
    """A hanging chart is the same, from the top down."""
    assert columns_of_dots([0, 1, 4, 8], 8, 2, hangs=True) == ["⠈⣿", "⠀⢸"]


def test_little_is_not_nothing() -> None:
    """What is not nothing has a dot, what was not told has none, and what is too much stays inside."""
    assert columns_of_dots([0.001, None, 99, 0], 8, 1) == ["⡀⡇"]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.7, 1), (1, 1), (1.01, 2), (2.1, 5), (93e6, 100e6), (100e6, 100e6), (101e6, 200e6)]
)
def test_the_scale(value: float, top: float) -> None:
    """A chart's top is the next 1, 2, 5 or 10 of a power of ten."""
    assert nice_top(value) == pytest.approx(top)


@pytest.mark.parametrize(("share", "filled"), [(0, 0), (0.001, 1), (0.5, 4), (0.95, 8), (1, 8), (7, 8), (-1, 0)])
def test_a_bar(share: float, filled: int) -> None:
    """A bar has its length whatever the share, and shows that a little is used."""
    done, rest = bar(share, 8)
    assert (len(done), len(done + rest)) == (filled, 8)


@pytest.mark.parametrize(
    ("bytes_per_s", "shown"),
    [
        (0, "0 bit/s"),
        (100, "800 bit/s"),
        (124.9, "999 bit/s"),
        (125, "1.00 kbit/s"),
        (11_675_000, "93.4 Mbit/s"),
        (124_900_000, "999 Mbit/s"),
        (124_999_999, "1.00 Gbit/s"),
        (1e15, "8000 Tbit/s"),
    ],
)
def test_rates(bytes_per_s: float, shown: str) -> None:
    """Rates are bits a second, with three digits."""
    assert bits(bytes_per_s) == shown


def test_sizes_counts_and_spans() -> None:
    """Bytes, numbers and times are short enough for a column."""
    assert [size(number) for number in (0, 999, 1000, 52_100_000_000)] == ["0 B", "999 B", "1.00 kB", "52.1 GB"]
    numbers = (0, 0.25, 7, 3.2, 1234, 99_999, 912_330, 12_345_678, 9.9e9)
    assert [count(number) for number in numbers] == [
        "0",
        "0.2",
        "7",
        "3.2",
        "1 234",
        "99 999",
        "912 k",
        "12.3 M",
        "9.9 G",
    ]
    spans = [clock_span(seconds) for seconds in (-5, 0, 59, 60, 3599, 3600, 7384, 86_400, 273_000, 9e7)]
    assert spans == ["0s", "0s", "59s", "1m", "59m", "1h00m", "2h03m", "1d 0h", "3d 3h", "1041d"]
