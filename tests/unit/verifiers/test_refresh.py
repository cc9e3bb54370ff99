"""When a list is read again."""

from __future__ import annotations

import pytest

from tailhub.verifiers.refresh import KEEP_S, MOST_RETRY_S, MOST_WAIT_S, PAUSE_S, RETRY_S, RefreshSchedule

EVERY_S = 60.0


def schedule(chance: float = 0.5, every_s: float = EVERY_S) -> RefreshSchedule:
    return RefreshSchedule(every_s, lambda: chance)


def read(made: RefreshSchedule, at: float, took: float = 0.0) -> RefreshSchedule:
    made.begin(at)
    made.succeed(at + took)
    return made


@pytest.mark.parametrize(("chance", "next_s"), [(0.0, 54.0), (0.5, 60.0), (1.0, 66.0)])
def test_it_is_read_regularly(chance: float, next_s: float) -> None:
    """About as often as asked for, a tenth sooner or later by chance."""
    assert read(schedule(chance), 100.0).next_at == pytest.approx(100.0 + next_s)


def test_strangers_make_it_be_read_sooner_and_not_all_the_time() -> None:
    """At once when it was never read, then after a pause, which is longer where a reading takes long."""
    made = schedule()
    assert made.may_hurry(0.0)
    read(made, 100.0)
    assert not made.may_hurry(100.0 + PAUSE_S - 0.1)
    assert made.may_hurry(100.0 + PAUSE_S)
    read(made, 200.0, took=2.0)
    assert not made.may_hurry(202.0 + 39.9)
    assert made.may_hurry(202.0 + 40.0)


def test_it_counts_for_some_minutes() -> None:
    """A list is as old as the moment when its reading began; one that is read rarely counts for longer."""
    made = schedule()
    assert not made.is_current(0.0)
    read(made, 100.0, took=10.0)
    assert made.is_current(100.0 + KEEP_S)
    assert not made.is_current(100.0 + KEEP_S + 1)
    assert read(schedule(every_s=3600.0), 100.0).is_current(100.0 + 3 * 3600.0)


def test_failures_make_it_wait_longer() -> None:
    """Twice as long each time, within bounds; nobody hurries meanwhile; one success forgets them all."""
    made, now, waits = schedule(), 100.0, []
    for _ in range(9):
        made.begin(now)
        made.fail(now)
        assert not made.is_well
        assert not made.may_hurry(made.next_at - 0.1)
        assert made.may_hurry(made.next_at)
        waits.append(made.next_at - now)
        now = made.next_at
    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300, 300])
    assert max(waits) == MOST_RETRY_S
    assert read(made, now).is_well
    made.fail(now)
    assert made.next_at == pytest.approx(now + RETRY_S)


def test_a_server_that_wants_to_be_left_alone() -> None:
    """Is, to the second and no shorter, but not for ever."""
    made = schedule(chance=0.0)
    made.fail(100.0, 120.0)
    assert made.next_at == 220.0
    made.fail(100.0, 1e9)
    assert made.next_at == 100.0 + MOST_WAIT_S
