from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tailhub.alerts.reach import LEAST_SILENCE_S, MOST_SILENCE_S, PAUSE_S, Reach, SelfTest

START = 20_000 * 86400.0  # midnight
LOOK_S = 60.0
HOUR_S, DAY_S = 3600.0, 86400.0


def live(reach: Reach, since: float, until: float, is_there: Callable[[float], bool], connections: int = 1) -> float:
    """Look each minute; `is_there` says for an hour of the day whether anything came. The end."""
    now = since
    while now < until:
        contact = is_there(now % DAY_S / HOUR_S)
        reach.look(contact=contact, connections=connections * contact, now=now)
        now += LOOK_S
    return now


def always(hour: float) -> bool:
    return True


def never(hour: float) -> bool:
    return False


def test_a_busy_relay_that_falls_silent() -> None:
    """A relay that hears something every minute is missed after two hours, with what came before."""
    reach = Reach(START)
    now = live(reach, START, START + 4 * DAY_S, always)
    assert not reach.judge(now, SelfTest()).conditions
    now = live(reach, now, now + LEAST_SILENCE_S, never)
    assert not reach.is_silent(now - LOOK_S)
    now = live(reach, now, now + 2 * LOOK_S, never)
    (found,) = reach.judge(now, SelfTest(here=True, public=False)).conditions
    assert found.event == "unreachable"
    assert (found.values["hours"], found.values["rate"]) == ("2", "60")
    assert [found.values[name] for name in ("here", "not_here", "public", "not_public")] == ["yes", "", "", "no"]


def test_three_devices_that_sleep_at_night() -> None:
    """Where it is quiet for eight hours each night no night is told, and an outage after twice as long."""
    reach, now = Reach(START + 7 * HOUR_S), START + 7 * HOUR_S

    def awake(hour: float) -> bool:
        return 7 <= hour < 23

    for _ in range(5 * 24 * 60):
        reach.look(contact=awake(now % DAY_S / HOUR_S), connections=0, now=now)
        assert not reach.is_silent(now)
        now += LOOK_S
    assert reach.limit_s == pytest.approx(16 * HOUR_S, abs=5 * LOOK_S)
    now = live(reach, now, now + 17 * HOUR_S, never)
    assert reach.is_silent(now)


def test_hardly_anything_ever_came() -> None:
    """Without enough contacts on enough days silence says nothing, however long."""
    few = Reach(START)
    now = live(few, START, START + 4 * DAY_S, lambda hour: hour < 0.5)
    assert not few.is_silent(live(few, now, now + 3 * DAY_S, never))
    fresh = Reach(START)
    now = live(fresh, START, START + DAY_S, always)
    assert not fresh.is_silent(live(fresh, now, now + 3 * DAY_S, never))


def test_the_limit_is_bounded() -> None:
    """A relay that was quiet for a week is missed after two days, not two weeks."""
    reach = Reach(START)
    now = live(reach, START, START + 4 * DAY_S, always)
    now = live(reach, now, now + 7 * DAY_S, never)
    live(reach, now, now + HOUR_S, always)
    assert reach.limit_s == MOST_SILENCE_S


def test_a_machine_that_slept_was_not_silent() -> None:
    """A long time between two looks is no silence: nobody was there to hear."""
    reach = Reach(START)
    now = live(reach, START, START + 4 * DAY_S, always) + DAY_S + PAUSE_S
    reach.look(contact=False, connections=0, now=now)
    assert reach.silence_s(now) == 0
    assert reach.limit_s == LEAST_SILENCE_S


def test_after_a_restart_it_is_not_over_until_something_comes() -> None:
    """What is known of earlier days outlives a restart; silence begins anew, and is no sign that all is well."""
    reach = Reach(START)
    now = live(reach, START, START + 4 * DAY_S, always)
    reach = Reach.restored(json.loads(json.dumps(reach.dump())), now)
    assert reach.is_usual
    now = live(reach, now, now + HOUR_S, never)
    assert reach.judge(now, SelfTest()).unknown == {("unreachable", None)}
    reach.look(contact=True, connections=1, now=now)
    assert not reach.judge(now, SelfTest()).unknown
    assert not reach.judge(now, SelfTest()).conditions


def test_what_it_remembers_is_bounded() -> None:
    """After a long time it knows no more than two weeks of days and some days of hours."""
    reach = Reach(START)
    for day in range(60):
        live(reach, START + day * DAY_S, START + day * DAY_S + 3 * HOUR_S, always)
    assert len(reach.days) <= 14
    assert len(reach.hours) <= 100
