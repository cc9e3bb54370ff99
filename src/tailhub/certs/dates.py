"""The build date, and how long a certificate of our own is valid.

Clients check the dates of a pinned certificate too, and a small machine without a battery starts with a clock that is
years behind. So the validity is counted from dates that are known to be past: the day this release was made, and the
machine's clock when that is later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["BUILD_DATE", "is_clock_behind", "self_signed_validity"]

# Set anew with each release.
BUILD_DATE = datetime(2026, 11, 22, tzinfo=UTC)

_SELF_SIGNED_YEARS = 10
_MARGIN = timedelta(days=1)  # clients' clocks differ, and "today" begins 14 hours earlier somewhere


def self_signed_validity(now: datetime) -> tuple[datetime, datetime]:
    """``(not_before, not_after)``: the build date less a day, to ten years after the later of `now` and the build date.

    `now` must be aware of its time zone; both results are in UTC and in whole seconds.
    """
    later = max(now.astimezone(UTC), BUILD_DATE).replace(microsecond=0)
    year = later.year + _SELF_SIGNED_YEARS
    try:
        end = later.replace(year=year)
    except ValueError:  # 29 February
        end = later.replace(year=year, day=28)
    return BUILD_DATE - _MARGIN, end


def is_clock_behind(now: datetime) -> bool:
    """Is the machine's clock surely wrong, because it shows a time before this release was made?"""
    return now < BUILD_DATE - _MARGIN
