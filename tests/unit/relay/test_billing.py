"""Billing periods and prices."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.exceptions import LocalError
from tailhub.relay.billing import GB, Billing, day_start, month_period, parse_zone, period_of


def at(text: str) -> float:
    """A moment."""
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("now", "day", "zone", "begin", "end"),
    [
        ("2026-11-27T11:00Z", 1, "UTC", "2026-11-01T00:00Z", "2026-12-01T00:00Z"),
        ("2026-11-01T00:00Z", 1, "UTC", "2026-11-01T00:00Z", "2026-12-01T00:00Z"),
        ("2026-10-31T23:59:59.9Z", 1, "UTC", "2026-10-01T00:00Z", "2026-11-01T00:00Z"),
        ("2026-12-31T12:00Z", 15, "UTC", "2026-12-15T00:00Z", "2027-01-15T00:00Z"),
        ("2027-01-14T12:00Z", 15, "UTC", "2026-12-15T00:00Z", "2027-01-15T00:00Z"),
        ("2027-02-10T12:00Z", 31, "UTC", "2027-01-31T00:00Z", "2027-02-28T00:00Z"),
        ("2027-02-28T00:00Z", 31, "UTC", "2027-02-28T00:00Z", "2027-03-31T00:00Z"),
        ("2028-02-29T12:00Z", 30, "UTC", "2028-02-29T00:00Z", "2028-03-30T00:00Z"),
        ("2026-10-31T23:30Z", 1, "Europe/Berlin", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        ("2026-10-31T22:30Z", 1, "Europe/Berlin", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
        ("2026-03-30T12:00Z", 29, "Europe/Berlin", "2026-03-29T00:00+01:00", "2026-04-29T00:00+02:00"),
        ("2026-11-01T04:30Z", 1, "America/New_York", "2026-11-01T00:00-04:00", "2026-12-01T00:00-05:00"),
        ("2026-04-30T18:40Z", 1, "Asia/Kolkata", "2026-05-01T00:00+05:30", "2026-06-01T00:00+05:30"),
    ],
)
def test_a_period_begins_on_its_day_at_midnight_there(now: str, day: int, zone: str, begin: str, end: str) -> None:
    """Short months begin theirs on their last day; midnight is the time zone's, in summer and in winter."""
    assert period_of(at(now), Billing(day=day, zone=parse_zone(zone))) == (at(begin), at(end))


def test_where_clocks_skip_midnight_the_day_begins_after_it() -> None:
    """In Cairo clocks go from 0:00 to 1:00 on 2026-04-24: the day begins at that moment."""
    assert day_start(date(2026, 4, 24), parse_zone("Africa/Cairo")) == at("2026-04-24T01:00+03:00")


def test_where_midnight_comes_twice_the_day_begins_at_the_first() -> None:
    """In Havana clocks go from 1:00 back to 0:00 on 2026-11-01: the day has 25 hours."""
    assert day_start(date(2026, 11, 1), parse_zone("America/Havana")) == at("2026-11-01T00:00-04:00")


_ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Tehran",
]


@given(st.integers(0, 4_000_000_000), st.integers(1, 31), st.sampled_from(_ZONES))
def test_periods_follow_each_other(now: int, day: int, zone: str) -> None:
    """Every moment is in its period, and a period's last moment and the next one's first have that end between them."""
    billing = Billing(day=day, zone=parse_zone(zone))
    begin, end = period_of(now, billing)
    assert begin <= now < end
    assert timedelta(days=27) < timedelta(seconds=end - begin) < timedelta(days=34)
    assert period_of(end, billing)[0] == end
    assert period_of(end - 1, billing) == (begin, end)
    month = datetime.fromtimestamp(begin, billing.zone)
    assert month_period(month.year, month.month, billing) == (begin, end)


@pytest.mark.parametrize("name", ["", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "Europe", "\0"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    """A name that is none, or that is a path, is an error of the caller."""
    with pytest.raises(LocalError):
        parse_zone(name)


def test_utc_needs_no_database() -> None:
    """UTC is there on machines without a time zone database, too."""
    assert parse_zone("UTC") is UTC


@pytest.mark.parametrize(("counts", "billed"), [("out", 2), ("in", 1), ("both", 3)])
def test_what_is_billed_has_a_price(counts: str, billed: int) -> None:
    """What goes out, what comes in, or both; by 10**9 bytes."""
    billing = Billing(counts=counts, price_per_gb=0.09, currency="EUR")  # type: ignore[arg-type]
    assert billing.billed(1 * GB, 2 * GB) == billed * GB
    assert billing.price(1 * GB, 2 * GB) == pytest.approx(billed * 0.09)
