"""Traffic of a billing period."""

from __future__ import annotations

import pytest

from tailhub.store import period_totals
from tailhub.store.period_totals import PeriodTotals
from tailhub.store.records import OTHER_KEY, Totals, Traffic, UsageDelta

A, B = (bytes([number]) * 32 for number in (1, 2))


def test_a_key_has_what_it_sent_and_what_it_was_sent() -> None:
    """What went from A to B came in from A and went out to B; the tenant has both. Nobody else has anything."""
    totals = PeriodTotals(0)
    totals.add([UsageDelta(3600, "t", A, B, 1, 10, 6), UsageDelta(3600, "t", B, A, 1, 3, 3)])
    assert totals.of("t", A) == Traffic(10, 3)
    assert totals.of("t", B) == Traffic(3, 6)
    assert totals.of("t") == Traffic(13, 9)
    assert totals.of("u") == totals.of("u", A) == Traffic(0, 0)


def test_hours_from_before_do_not_count() -> None:
    """An hour that began before the period is of the one before."""
    totals = PeriodTotals(3600)
    totals.add([UsageDelta(0, "t", A, B, 1, 100, 100), UsageDelta(3600, "t", A, B, 1, 1, 1)])
    assert totals.of("t") == Traffic(1, 1)


def test_own_and_others_are_summed() -> None:
    """What was saved before, what other relays counted, and what is counted now is one sum."""
    totals = PeriodTotals(0)
    totals.add_saved(Totals({"t": Traffic(100, 0)}, {("t", A): Traffic(100, 0)}))
    totals.add([UsageDelta(0, "t", A, B, 1, 10, 10)])
    others = Totals({"t": Traffic(1000, 1000)}, {("t", A): Traffic(1000, 0), ("t", B): Traffic(0, 1000)})
    for _ in range(2):  # anew each time, not added
        totals.set_others(others, Totals({"t": Traffic(1, 0)}, {("t", A): Traffic(1, 0)}))
        assert totals.of("t") == Traffic(1111, 1010)
        assert totals.of("t", A) == Traffic(1111, 0)
        assert totals.of("t", B) == Traffic(0, 1010)


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys beyond the bound are counted together, and their tenant as ever."""
    monkeypatch.setattr(period_totals, "MAX_KEYS", 2)
    totals = PeriodTotals(0)
    totals.add([UsageDelta(0, "t", A, B, 1, 1, 1)])
    totals.add(UsageDelta(0, "t", bytes([n]) * 32, A, 1, 10, 10) for n in range(10, 20))
    assert totals.of("t") == Traffic(101, 101)
    assert totals.of("t", A) == Traffic(1, 100)
    assert totals.of("t", OTHER_KEY) == Traffic(100, 0)
