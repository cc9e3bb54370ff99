"""All of the time in little memory; and when there was no connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tools.probe.history import History, in_columns
from tailhub.tools.probe.outages import Outage, Outages
from tailhub.tools.probe.series import Interval


@given(st.integers(0, 3000), st.integers(2, 40), st.integers(1, 50))
def test_all_of_the_time_stays(number: int, most: int, columns: int) -> None:
    """However many come, there are no more than allowed, and together they are all that came, in order."""
    history = History(most)
    for index in range(number):
        history.add(Interval(float(index), 1.0, sent=index % 7, lost=index % 3, received=1, max_s=float(index)))
        assert len(history.intervals) <= most
    for some, limit in ((history.intervals, most), (in_columns(history.intervals, columns), columns)):
        assert len(some) <= limit
        assert sum(one.sent for one in some) == sum(index % 7 for index in range(number))
        assert sum(one.lost for one in some) == sum(index % 3 for index in range(number))
        starts = [one.start_s for one in some]
        assert starts == sorted(starts)
        assert [one.start_s + one.length_s for one in some[:-1]] == starts[1:]
        assert max((one.max_s or 0.0 for one in some), default=-1.0) == number - 1


def test_those_of_a_long_run_are_equally_long() -> None:
    """When there are too many, all become coarser alike."""
    history = History(8)
    for index in range(64):
        history.add(Interval(float(index), 1.0))
    assert len({one.length_s for one in history.intervals[:-1]}) == 1


def test_outages() -> None:
    """An outage begins when the connection goes and ends when it is back; what was before the first is time away."""
    outages = Outages(10.0)
    outages.down(11.0, "refused")
    assert (outages.count, outages.reason, outages.away_until(12.0)) == (0, "refused", 2.0)
    outages.up(13.0)
    outages.up(14.0)
    outages.down(20.0, "reset")
    outages.down(21.0, "refused")
    assert outages.away_until(25.0) == 8.0
    assert (outages.count, outages.latest[-1], outages.reason) == (1, Outage(10.0, None, "reset"), "refused")
    outages.up(30.0)
    assert (outages.latest[-1], outages.away_until(99.0)) == (Outage(10.0, 10.0, "reset"), 13.0)


def test_many_outages() -> None:
    """Only the latest are kept; all are counted."""
    outages = Outages(0.0)
    for index in range(5000):
        outages.up(index + 0.5)
        outages.down(index + 1.0, "gone")
    assert (outages.count, len(outages.latest)) == (5000, 1000)
    assert outages.away_until(5000.0) == pytest.approx(2500.0)
