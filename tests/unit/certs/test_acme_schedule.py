from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tailhub.certs import acme_schedule as schedule
from tailhub.certs.acme_schedule import Progress, Validity, Window, next_step, renew_at

START = datetime(2026, 11, 1, tzinfo=UTC)
NINETY_DAYS = Validity(START, START + timedelta(days=90))
SIX_DAYS = Validity(START, START + timedelta(days=6))
NEVER_ASK = Progress(ask_at=START + timedelta(days=1000))


@pytest.mark.parametrize(
    ("validity", "fraction", "after"),
    [(NINETY_DAYS, 0.0, 60.0), (NINETY_DAYS, 1.0, 55.5), (SIX_DAYS, 0.0, 4.0), (SIX_DAYS, 1.0, 3.7)],
)
def test_without_a_window_at_two_thirds(validity: Validity, fraction: float, after: float) -> None:
    """Without a window renewal is at two thirds of the lifetime, by chance up to a twentieth of it earlier."""
    assert renew_at(validity, None, fraction) == START + timedelta(days=after)


def test_a_window_decides() -> None:
    """A window of the server's decides, and chance decides where in it; one that ends before it begins is none."""
    window = Window(START + timedelta(days=10), START + timedelta(days=12))
    assert renew_at(NINETY_DAYS, window, 0.5) == START + timedelta(days=11)
    assert renew_at(NINETY_DAYS, Window(window.end, window.start), 0.0) == START + timedelta(days=60)


def test_a_window_that_is_too_late() -> None:
    """However late a server's window is, a tenth of the lifetime is left for attempts that fail."""
    window = Window(START + timedelta(days=5000), START + timedelta(days=6000))
    assert renew_at(NINETY_DAYS, window, 0.5) == START + timedelta(days=81)


def test_first_order_is_due_at_once() -> None:
    """Without a certificate an order is due at once, after a failure when the pause is over."""
    assert next_step(None, Progress(), 0.5).at <= START
    progress = schedule.failed(Progress(), START, 0.0)
    step = next_step(None, progress, 0.5)
    assert (step.what, step.at) == ("order", START + schedule.FIRST_PAUSE)


def test_the_window_is_asked_for_first() -> None:
    """A certificate's window is asked for at once, then again when the server says so, within a minute and a day."""
    assert next_step(NINETY_DAYS, Progress(), 0.0).what == "ask"
    for wait, expected in ((timedelta(hours=6), timedelta(hours=6)), (timedelta(0), timedelta(minutes=1))):
        progress = schedule.asked(Progress(), START, None, wait)
        step = next_step(NINETY_DAYS, progress, 0.0)
        assert (step.what, step.at) == ("ask", START + expected)
    assert schedule.asked(Progress(), START, None, timedelta(days=30)).ask_at == START + timedelta(days=1)


def test_no_answer_leaves_the_last_window() -> None:
    """When the server does not answer, the window that it gave before still counts."""
    window = Window(START, START + timedelta(days=1))
    progress = schedule.asked(Progress(window=window), START, None, timedelta(hours=1))
    assert progress.window == window


def test_nobody_asks_for_the_window_of_an_expired_one() -> None:
    """An expired certificate is ordered anew, not asked about."""
    late = Progress(ask_at=SIX_DAYS.end + timedelta(days=1), retry_at=SIX_DAYS.end + timedelta(days=2))
    assert next_step(SIX_DAYS, late, 0.0).what == "order"


def test_pauses_grow_to_six_hours() -> None:
    """Failures make pauses twice as long each, up to six hours; five failures in an hour are not reached."""
    progress, now, tries = Progress(), START, []
    for _ in range(12):
        tries.append(now)
        progress = schedule.failed(progress, now, 0.0)
        now = progress.retry_at
    assert sum(at < START + timedelta(hours=1) for at in tries) == 5
    assert now - tries[-1] == timedelta(hours=6)
    assert schedule.failed(Progress(failures=10**6), START, 1.0).retry_at == START + timedelta(hours=7.5)


def test_the_server_may_ask_for_more() -> None:
    """A server that wants to be left alone for longer is, but not for longer than a day."""
    assert schedule.failed(Progress(), START, 0.0, timedelta(hours=1)).retry_at == START + timedelta(hours=1)
    assert schedule.failed(Progress(), START, 0.0, timedelta(days=9)).retry_at == START + timedelta(days=1)


def test_a_failure_delays_a_renewal_only() -> None:
    """A renewal that failed is tried again after the pause, not before."""
    failed_at = START + timedelta(days=61)
    progress = schedule.failed(NEVER_ASK, failed_at, 0.0)
    assert next_step(NINETY_DAYS, progress, 0.0).at == failed_at + schedule.FIRST_PAUSE


def test_an_open_window_is_no_loop() -> None:
    """A server whose window is always open gets an order in a tenth of the lifetime, or in a day, not at once."""
    window = Window(START - timedelta(days=2), START - timedelta(days=1))
    for validity, expected in ((NINETY_DAYS, timedelta(days=1)), (SIX_DAYS, timedelta(days=0.6))):
        progress = schedule.asked(schedule.succeeded(START, validity), START, window, timedelta(days=9))
        step = next_step(validity, progress, 0.5)
        assert (step.what, step.at) == ("order", START + expected)


def test_a_new_start_tries_at_once_but_not_again_and_again() -> None:
    """A new start does not wait after one or two failures; after more it does, whatever the clock was set to."""
    few = Progress(failures=2, retry_at=START + timedelta(hours=1))
    assert next_step(None, schedule.restarted(few, START), 0.0).at <= START
    many = Progress(failures=3, retry_at=START + timedelta(hours=1))
    assert schedule.restarted(many, START).retry_at == START + timedelta(hours=1)
    far = Progress(failures=3, retry_at=START + timedelta(days=900))
    assert schedule.restarted(far, START).retry_at == START + timedelta(days=1)
