"""What a provider bills: from when to when, which bytes, and at what price. Pure; the moment is an argument.

A period begins on the same day of each month, at midnight in the provider's time zone; in a month that does not have
the day, on its last one. Days are the time zone's, with its summer time.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tailhub.exceptions import LocalError

__all__ = ["GB", "Billing", "day_start", "month_period", "parse_zone", "period_of"]

GB = 1_000_000_000  # bytes; providers bill powers of ten

Direction = Literal["out", "in", "both"]


@dataclass(frozen=True, slots=True)
class Billing:
    """How traffic is billed: `day` is 1 to 31, a price of 0 is none. "out" is what the relay sends."""

    day: int = 1
    zone: tzinfo = UTC
    counts: Direction = "out"
    price_per_gb: float = 0.0
    currency: str = ""

    def billed(self, in_bytes: int, out_bytes: int) -> int:
        """The bytes that cost something."""
        if self.counts == "both":
            return in_bytes + out_bytes
        return in_bytes if self.counts == "in" else out_bytes

    def price(self, in_bytes: int, out_bytes: int) -> float:
        """What they cost."""
        return self.billed(in_bytes, out_bytes) * self.price_per_gb / GB


def parse_zone(name: str) -> tzinfo:
    """A time zone by its IANA name, such as ``Europe/Berlin``. Raises `LocalError`."""
    if name == "UTC":  # there without a time zone database, too
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise LocalError(f"there is no time zone {name!r} here") from exc


def period_of(now: float, billing: Billing) -> tuple[float, float]:
    """The billing period of a moment: when it begins, and when the next one does. Seconds since 1970."""
    today = datetime.fromtimestamp(now, billing.zone)
    begin, end = month_period(today.year, today.month, billing)
    if now < begin:
        before = date(today.year, today.month, 1) - timedelta(days=1)
        return month_period(before.year, before.month, billing)
    return begin, end


def month_period(year: int, month: int, billing: Billing) -> tuple[float, float]:
    """The billing period that begins in a month."""
    following = date(year, month, 1) + timedelta(days=31)
    return _begin(year, month, billing), _begin(following.year, following.month, billing)


def day_start(day: date, zone: tzinfo) -> float:
    """When a day begins in a time zone: midnight, or where clocks skip that, the first moment after it."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def _begin(year: int, month: int, billing: Billing) -> float:
    return day_start(date(year, month, min(billing.day, monthrange(year, month)[1])), billing.zone)
