"""Numbered packets: what is lost, late, twice, out of order; and in which interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tools.probe.series import Interval, Series

TIMEOUT_S = 5.0


def series() -> Series:
    return Series(100.0, 1.0, TIMEOUT_S)


def counts(one: Series) -> tuple[int, ...]:
    return one.sent, one.received, one.lost, one.late, one.duplicated, one.reordered


FATES = st.lists(
    st.one_of(
        st.just(()),  # lost
        st.lists(st.integers(0, 12_000).map(lambda ms: ms / 1000), min_size=1, max_size=3).map(tuple),  # arrivals after
        st.none(),  # could not be sent
    ),
    max_size=60,
)


@given(FATES, st.integers(20, 900).map(lambda ms: ms / 1000))
def test_against_the_truth(fates: list[tuple[float, ...] | None], period_s: float) -> None:
    """Whatever becomes of packets, the totals, and the sums of all intervals, are what became of them."""
    one = series()
    events: list[tuple[float, int, int]] = []  # when, which fate, which arrival (-1: it is sent)
    for index, fate in enumerate(fates):
        sent_at = 100 + index * period_s
        events.append((sent_at, index, -1))
        events += [(sent_at + delay, index, number) for number, delay in enumerate(sorted(fate or ()))]
    numbers: dict[int, int] = {}
    rows: list[Interval] = []
    for at, index, arrival in sorted(events):
        fate = fates[index]
        if fate is None:
            one.miss(at)
        elif arrival < 0:
            numbers[index] = one.send(at)
        else:
            assert one.receive(numbers[index], at)
        rows += one.settle(at)
    end = 100 + len(fates) * period_s + 20
    rows += one.settle(end)
    sent = [fate for fate in fates if fate is not None]
    firsts = [min(fate) for fate in sent if fate]
    in_time = [delay for delay in firsts if delay < TIMEOUT_S - 1e-6]
    unsure = [delay for delay in firsts if abs(delay - TIMEOUT_S) <= 1e-6]
    assert one.sent == len(sent)
    assert len(in_time) <= one.received <= len(in_time) + len(unsure)
    assert one.lost == len(sent) - one.received
    assert one.missed == len(fates) - len(sent)
    assert one.late == len(firsts) - one.received
    assert one.duplicated == sum(len(fate) - 1 for fate in sent if fate)
    if in_time and not unsure:
        assert one.histogram.max_s == pytest.approx(max(in_time))
        assert one.histogram.mean_s == pytest.approx(sum(in_time) / len(in_time))
    for name in ("sent", "received", "lost", "missed", "late", "duplicated", "reordered"):
        assert sum(getattr(row, name) for row in rows) == getattr(one, name), name
    assert [row.start_s for row in rows] == sorted({row.start_s for row in rows})
    assert all(row.received + row.lost == row.sent for row in rows)
    assert not list(one.settle(end + 100))


def test_an_interval_waits_for_its_packets() -> None:
    """An interval is given out when its last packet has arrived or is given up, and not before its end."""
    one = series()
    first, second = one.send(100.1), one.send(100.9)
    one.receive(first, 100.2)
    assert not list(one.settle(101.5))
    one.receive(second, 101.6)
    (row,) = one.settle(101.6)
    assert (row.start_s, row.sent, row.received, row.max_s) == (0.0, 2, 2, pytest.approx(0.7))
    one.send(102.0)
    assert not list(one.settle(106.9))
    (row,) = one.settle(107.0)
    assert (row.start_s, row.sent, row.lost, row.p50_s) == (2.0, 1, 1, None)


def test_the_end() -> None:
    """At the end, what is on its way is neither sent nor lost, and the last interval is cut off."""
    one = series()
    one.receive(one.send(100.1), 100.2)
    one.send(100.3)
    (row,) = one.finish(100.5)
    assert (row.sent, row.received, row.lost, row.length_s) == (1, 1, 0, pytest.approx(0.5))
    assert counts(one) == (1, 1, 0, 0, 0, 0)


def test_out_of_order() -> None:
    """A packet is out of order when one that was sent later is here already (RFC 4737); twice is something else."""
    one = series()
    assert [one.send(at) for at in (100.0, 100.1, 100.2)] == [0, 1, 2]
    for number in (2, 0, 1, 1):
        one.receive(number, 100.3)
    assert counts(one) == (3, 3, 0, 0, 1, 2)


def test_strange_numbers() -> None:
    """A number that was never sent is not counted."""
    one = series()
    one.send(100.0)
    assert not one.receive(1, 100.1)
    assert not one.receive(-1, 100.1)
    assert one.received == 0


def test_what_was_lost_very_long_ago() -> None:
    """Of a packet that was lost so long ago that it is forgotten, the arrival is late, and memory stays small."""
    one = series()
    for number in range(6000):
        one.send(100 + number * 0.001)
    one.settle_packets(200.0)
    one.receive(0, 200.0)
    one.receive(5999, 200.0)
    assert (one.lost, one.late, one.duplicated) == (6000, 2, 0)


def test_jitter() -> None:
    """Jitter is RFC 3550's: a sixteenth of each new difference; over all, the mean difference."""
    one = series()
    expected = 0.0
    for index, delay in enumerate((0.04, 0.08, 0.02)):
        one.receive(one.send(100.0 + index / 10), 100.0 + index / 10 + delay)
    for difference in (0.04, 0.06):
        expected += (difference - expected) / 16
    (row,) = one.settle(101.0)
    assert row.jitter_s == pytest.approx(expected)
    assert one.jitter_s == pytest.approx(0.05)


def test_waiting() -> None:
    """Waiting is what is above the least delay of the last ten minutes: an old, shorter way does not count."""
    one = series()

    def packet(at: float, delay: float) -> None:
        one.receive(one.send(at), at + delay)

    packet(100.0, 0.02)
    packet(101.0, 0.05)
    assert (one.base_s, one.queue.max_s) == (pytest.approx(0.02), pytest.approx(0.03))
    packet(800.0, 0.06)
    assert one.base_s == pytest.approx(0.06)
    packet(801.0, 0.07)
    assert list(one.settle(802.0))[-1].queue_s == pytest.approx(0.01)


def test_merging() -> None:
    """Of two intervals one is made: counts add up, the mean is weighed, extremes stay."""
    one = Interval(0.0, 1.0, 10, 9, 1, min_s=0.1, mean_s=0.2, p50_s=0.2, p99_s=0.3, max_s=0.3)
    other = Interval(1.0, 1.0, 10, 1, 9, 2, min_s=0.05, mean_s=0.4, p50_s=0.4, p99_s=0.4, max_s=0.4)
    both = one.merged(other)
    assert (both.start_s, both.length_s, both.sent, both.received, both.lost, both.missed) == (0.0, 2.0, 20, 10, 10, 2)
    assert (both.min_s, both.mean_s, both.max_s, both.loss) == (0.05, pytest.approx(0.22), 0.4, 0.5)
    assert one.merged(Interval(5.0, 1.0, lost=3)).mean_s == 0.2
