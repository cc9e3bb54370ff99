"""When keys are asked about again, as a transcript driven by a clock of the test."""

from __future__ import annotations

import random

from tailhub.relay.rechecks import RECHECK_S, Rechecks


def keys(count: int) -> list[bytes]:
    return [number.to_bytes(32) for number in range(count)]


def taken(rechecks: Rechecks, now: float) -> list[bytes]:
    """All that are due."""
    found = []
    while (key := rechecks.take(now)) is not None:
        found.append(key)
    return found


def test_each_key_in_its_time() -> None:
    """A key is due between half the time and all of it after the last question, again and again."""
    rechecks = Rechecks(random.Random(1).random)
    key = bytes(32)
    rechecks.add(key, 0.0)
    now = 0.0
    for _ in range(100):
        due = rechecks.next_due()
        assert due is not None
        assert RECHECK_S / 2 <= due - now <= RECHECK_S
        assert rechecks.take(due - 0.1) is None
        assert rechecks.take(due) == key
        now = due


def test_they_are_spread() -> None:
    """Of a thousand that came in one moment no second has more than a few."""
    rechecks = Rechecks(random.Random(1).random)
    for key in keys(1000):
        rechecks.add(key, 0.0)
    seconds = [len(taken(rechecks, float(second))) for second in range(int(RECHECK_S / 2))]
    assert sum(seconds) == 0
    seconds = [len(taken(rechecks, RECHECK_S / 2 + second)) for second in range(1, int(RECHECK_S / 2) + 1)]
    assert sum(seconds) >= 1000
    assert max(seconds) <= 25


def test_urgent_ones_are_first() -> None:
    """Keys that may have changed are due at once, in their order; unknown ones are nobody's."""
    rechecks = Rechecks(random.Random(1).random)
    one, two, three, stranger = keys(4)
    for key in (one, two, three):
        rechecks.add(key, 0.0)
    rechecks.hurry([three, stranger, one])
    assert rechecks.is_urgent
    assert taken(rechecks, 1.0) == [three, one]
    assert not rechecks.is_urgent
    rechecks.hurry(None)
    assert sorted(taken(rechecks, 2.0)) == [one, two, three]


def test_who_is_gone_is_not_asked_about() -> None:
    """A key that is discarded is due no more, urgent or not."""
    rechecks = Rechecks(random.Random(1).random)
    key = bytes(32)
    rechecks.add(key, 0.0)
    rechecks.hurry([key])
    rechecks.discard(key)
    assert taken(rechecks, 10 * RECHECK_S) == []
    assert rechecks.next_due() is None
    assert len(rechecks) == 0


def test_many_who_come_and_go() -> None:
    """However many come and go in between, what is due is found, and nothing of the others."""
    rechecks = Rechecks(random.Random(1).random)
    stays, *others = keys(5000)
    rechecks.add(stays, 0.0)
    for key in others:
        rechecks.add(key, 0.0)
        rechecks.discard(key)
    assert len(rechecks) == 1
    assert taken(rechecks, RECHECK_S) == [stays]
