"""Which time ``tailhub usage`` is asked about. Pure; the moment is an argument."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.relay.billing import Billing, day_start, month_period, period_of

__all__ = ["Period", "choose_period"]

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` on and before `until`, seconds since 1970."""

    since: float
    until: float


def choose_period(month: str, since: str, until: str, now: float, billing: Billing) -> Period:
    """The billing period that begins in `month` (2026-11), or days (2026-11-27); empty: the current billing period.

    `until` is the first day that is not counted any more. Raises `UsageError`.
    """
    if month:
        for option, text in (("--since", since), ("--until", until)):
            if text:
                raise UsageError(findings.options_exclude("--month", option))
        return Period(*month_period(*_month(month), billing))
    begin, end = period_of(now, billing)
    first = _day("--since", since, billing) if since else begin
    behind = _day("--until", until, billing) if until else max(now, end)
    if behind <= first:
        option, text = ("--until", until) if until else ("--since", since)
        raise UsageError(findings.bad_period(option, text, backwards=True))
    return Period(first, behind)


def _month(text: str) -> tuple[int, int]:
    found = _MONTH.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        begin = date(int(found[1]), int(found[2]), 1)
        begin.replace(year=begin.year + 1)  # the period ends in the next month
    except ValueError:
        raise UsageError(findings.bad_period("--month", text, month=True)) from None
    return begin.year, begin.month


def _day(option: str, text: str, billing: Billing) -> float:
    try:
        if _DAY.fullmatch(text) is None:
            raise ValueError
        return day_start(date.fromisoformat(text), billing.zone)
    except (ValueError, OverflowError):
        raise UsageError(findings.bad_period(option, text)) from None
