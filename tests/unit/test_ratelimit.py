from __future__ import annotations

import pytest

from tailhub.ratelimit import TokenBucket


def test_a_new_bucket_is_full() -> None:
    """A new bucket allows its whole burst at once and not a token more."""
    bucket = TokenBucket(rate=1, burst=3, now=100)
    assert [bucket.allow(1, 100) for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back_with_time() -> None:
    """After waiting cost/rate seconds the cost is allowed again."""
    bucket = TokenBucket(rate=2, burst=4, now=0)
    assert bucket.allow(4, 0)
    assert not bucket.allow(1, 0.4)
    assert bucket.allow(1, 0.5)


def test_saved_tokens_are_bounded_by_the_burst() -> None:
    """However long nothing was taken, no more than the burst is saved."""
    bucket = TokenBucket(rate=10, burst=5, now=0)
    assert not bucket.allow(6, 1e6)
    assert bucket.allow(5, 1e6)


def test_refused_costs_take_nothing() -> None:
    """What is refused leaves the tokens where they are."""
    bucket = TokenBucket(rate=1, burst=3, now=0)
    assert not bucket.allow(4, 0)
    assert bucket.allow(3, 0)


def test_take_says_how_long_to_wait() -> None:
    """`take` always takes, and returns the time until the debt is paid."""
    bucket = TokenBucket(rate=100, burst=50, now=0)
    assert bucket.take(50, 0) == 0
    assert bucket.take(100, 0) == pytest.approx(1)
    assert bucket.take(100, 0) == pytest.approx(2)
    assert bucket.take(0, 2) == 0


def test_time_that_stands_still_gives_nothing() -> None:
    """The same or an earlier `now` refills nothing."""
    bucket = TokenBucket(rate=100, burst=10, now=5)
    assert bucket.allow(10, 5)
    assert not bucket.allow(1, 5)
    assert not bucket.allow(1, 4)
    assert bucket.allow(1, 5.02)
