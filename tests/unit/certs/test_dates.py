"""Validity of our own certificates, counted from the build date and the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tailhub.certs.dates import BUILD_DATE, is_clock_behind, self_signed_validity

DAY = timedelta(days=1)


def test_starts_the_day_before_the_build() -> None:
    """A certificate is valid from the build date less a day, whatever the clock says."""
    for now in (datetime(1970, 1, 1, tzinfo=UTC), BUILD_DATE, datetime(2031, 5, 6, tzinfo=UTC)):
        assert self_signed_validity(now)[0] == BUILD_DATE - DAY


def test_clock_before_the_build() -> None:
    """With a clock behind the build date, the ten years are counted from the build date."""
    not_after = self_signed_validity(datetime(1970, 1, 1, tzinfo=UTC))[1]
    assert not_after == BUILD_DATE.replace(year=BUILD_DATE.year + 10)


def test_clock_after_the_build() -> None:
    """With a clock past the build date, the ten years are counted from the clock, in UTC and whole seconds."""
    now = datetime(2030, 3, 4, 2, 30, 15, 999, tzinfo=timezone(timedelta(hours=8)))
    assert self_signed_validity(now)[1] == datetime(2040, 3, 3, 18, 30, 15, tzinfo=UTC)


def test_leap_day() -> None:
    """Ten years after 29 February is 28 February."""
    assert self_signed_validity(datetime(2028, 2, 29, tzinfo=UTC))[1] == datetime(2038, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "behind"),
    [(BUILD_DATE - 2 * DAY, True), (BUILD_DATE - DAY, False), (BUILD_DATE, False), (BUILD_DATE + 999 * DAY, False)],
)
def test_clock_behind(now: datetime, behind: bool) -> None:
    """A clock is surely wrong when it shows a time before the build date less a day."""
    assert is_clock_behind(now) is behind
