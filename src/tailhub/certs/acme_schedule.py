"""When a certificate from an ACME server is to be renewed, and when to try again after a failure. Pure: `now` is given.

Sources: RFC 9773 (ACME renewal information); the limits of Let's Encrypt: five failures an hour for one name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

__all__ = [
    "Progress",
    "Step",
    "Validity",
    "Window",
    "asked",
    "failed",
    "next_step",
    "renew_at",
    "restarted",
    "succeeded",
]

FIRST_PAUSE = timedelta(minutes=2)
MOST_PAUSE = timedelta(hours=6)
PAUSE_JITTER = 0.25  # a pause is longer by up to this part
RENEW_AT = 2 / 3  # of the lifetime, where the server says nothing
RENEW_JITTER = 1 / 20  # of the lifetime, earlier by up to this
LEAST_ASK, MOST_ASK = timedelta(minutes=1), timedelta(days=1)  # between two questions for the window
LEAST_LEFT = 1 / 10  # of the lifetime, at the renewal, whatever window the server gives: attempts may fail
LEAST_LIFE = 1 / 10  # of the lifetime, but at most a day, before a new certificate may be renewed
FREE_FAILURES = 3  # up to here a new start tries at once: somebody may have mended something
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a certificate is valid."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """In which the server wants the certificate renewed."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """What has happened so far. All times are aware; `ask_at`: when to ask for the window (again)."""

    failures: int = 0
    retry_at: datetime = _EARLIEST
    window: Window | None = None
    ask_at: datetime = _EARLIEST


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and when (``at`` is past or now for something that is due)."""

    what: Literal["order", "ask"]
    at: datetime


def renew_at(validity: Validity, window: Window | None, fraction: float) -> datetime:
    """When to renew; `fraction`, from 0 to 1, is the part that chance has, and is best kept."""
    lifetime = validity.end - validity.start
    if window is not None and window.end >= window.start:
        wanted = window.start + (window.end - window.start) * fraction
        return min(wanted, validity.end - lifetime * LEAST_LEFT)
    return validity.start + lifetime * (RENEW_AT - RENEW_JITTER * fraction)


def next_step(validity: Validity | None, progress: Progress, fraction: float) -> Step:
    """The next thing to do; `validity` is None without a certificate."""
    if validity is None:
        return Step("order", progress.retry_at)
    due = max(renew_at(validity, progress.window, fraction), progress.retry_at)
    # Nobody asks for the window of a certificate that has expired.
    if progress.ask_at < due and progress.ask_at < validity.end:
        return Step("ask", progress.ask_at)
    return Step("order", due)


def failed(progress: Progress, now: datetime, fraction: float, wait: timedelta | None = None) -> Progress:
    """After a failed order: longer and longer pauses. `wait` is what the server asked for."""
    failures = progress.failures + 1
    pause = min(MOST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 20)) * (1 + PAUSE_JITTER * fraction)
    if wait is not None:
        pause = max(pause, min(wait, MOST_ASK))
    return replace(progress, failures=failures, retry_at=now + pause)


def asked(progress: Progress, now: datetime, window: Window | None, wait: timedelta) -> Progress:
    """After a question for the window; None: the server has none (or did not answer), which leaves the last one."""
    ask_at = now + min(max(wait, LEAST_ASK), MOST_ASK)
    return replace(progress, window=window or progress.window, ask_at=ask_at)


def succeeded(now: datetime, validity: Validity) -> Progress:
    """After a new certificate: its window is not known yet. One that is always open must not mean orders in a row."""
    return Progress(retry_at=now + min((validity.end - validity.start) * LEAST_LIFE, MOST_ASK))


def restarted(progress: Progress, now: datetime) -> Progress:
    """After a new start of the relay: a program that is started again and again must not try each time."""
    if progress.failures < FREE_FAILURES:
        return replace(progress, retry_at=_EARLIEST)
    latest = now + MOST_ASK  # the clock may have been set back
    return replace(progress, retry_at=min(progress.retry_at, latest))
