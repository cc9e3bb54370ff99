from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tailhub.alerts.condition import RECOVER_S, Condition, Look
from tailhub.alerts.ledger import DAY_S, HOUR_S, MOST_AN_HOUR, MOST_ENTRIES, MOST_HELD, Ledger, Summary, Told

NOW = 1_900_000_000.0
AWAY = Condition("verifier", "v", "verifier-away", {"name": "v"})
NOTHING = Look()


def look(*conditions: Condition) -> Look:
    return Look(conditions)


def texts(messages: Iterable[Told | Summary]) -> list[str]:
    return ["summary" if isinstance(one, Summary) else one.condition.text for one in messages]


def test_once_for_each_occurrence() -> None:
    """What holds on is told once; its end is told when it has been gone for a while; then it may be told anew."""
    ledger = Ledger()
    assert texts(ledger.take(look(AWAY), NOW)) == ["verifier-away"]
    assert not ledger.take(look(AWAY), NOW + 1000)
    assert not ledger.take(NOTHING, NOW + 1001)
    assert texts(ledger.take(NOTHING, NOW + 1001 + RECOVER_S)) == ["verifier-over"]
    assert not ledger.take(NOTHING, NOW + 5000)
    assert texts(ledger.take(look(AWAY), NOW + 6000)) == ["verifier-away"]


def test_a_condition_must_hold_for_its_time() -> None:
    """What is soon over is not told, nor its end."""
    ledger, slow = Ledger(), replace(AWAY, after_s=300.0)
    assert not ledger.take(look(slow), NOW)
    assert not ledger.take(look(slow), NOW + 299)
    for after_s in (300, 300 + RECOVER_S):
        assert not ledger.take(NOTHING, NOW + after_s)
    assert not ledger.take(look(slow), NOW + 1000)
    assert texts(ledger.take(look(slow), NOW + 1300)) == ["verifier-away"]


def test_a_short_end_is_none() -> None:
    """What is away for four minutes of five counts as away all the time."""
    ledger, slow = Ledger(), replace(AWAY, after_s=300.0)
    assert not ledger.take(look(slow), NOW)
    assert not ledger.take(NOTHING, NOW + 240)
    assert texts(ledger.take(look(slow), NOW + 300)) == ["verifier-away"]


def test_a_higher_level_is_told() -> None:
    """A rising level is told each time, a falling one is not; rising again it is."""
    ledger = Ledger()
    told = [bool(ledger.take(look(replace(AWAY, level=level)), NOW + level)) for level in (1, 2, 2, 1, 1, 2)]
    assert told == [True, True, False, False, False, True]


def test_the_worst_of_two_with_one_subject_counts() -> None:
    """Two conditions about the same are one, of the higher level."""
    ledger, both = Ledger(), look(replace(AWAY, level=3), AWAY)
    assert [one.condition.level for one in ledger.take(both, NOW) if isinstance(one, Told)] == [3]
    assert not ledger.take(both, NOW + 1)


def test_no_end_where_none_is_told() -> None:
    """The end of a condition that has no end to tell is silent."""
    ledger = Ledger()
    ledger.take(look(replace(AWAY, has_end=False)), NOW)
    ledger.take(NOTHING, NOW + 1)
    assert not ledger.take(NOTHING, NOW + 1 + RECOVER_S)
    assert not ledger.told("verifier")


def test_what_is_unknown_holds_on() -> None:
    """While nobody knows whether it is over, nobody says so."""
    ledger = Ledger()
    ledger.take(look(AWAY), NOW)
    for unknown in (("verifier", "v"), ("verifier", None)):
        for after_s in (1, 1 + RECOVER_S):
            assert not ledger.take(Look(unknown=frozenset({unknown})), NOW + after_s)
    assert ledger.told("verifier") == {"v"}


def test_flapping_is_told_less_and_less() -> None:
    """What comes and goes all day is told a few times, though it changes every five minutes."""
    ledger, told = Ledger(), 0
    for minute in range(24 * 60):
        told += len(ledger.take(look(AWAY) if minute // 5 % 2 else NOTHING, NOW + 60 * minute))
    assert 2 <= told <= 6


def test_a_day_without_forgets() -> None:
    """After a day without it an occurrence is a first one again."""
    ledger = Ledger()
    for start in (0.0, 1000.0):
        ledger.take(look(AWAY), NOW + start)
        ledger.take(NOTHING, NOW + start + 1)
        assert texts(ledger.take(NOTHING, NOW + start + 1 + RECOVER_S * (2 if start else 1))) == ["verifier-over"]
    ledger.take(NOTHING, NOW + 2 * DAY_S)
    assert not ledger.entries


def test_no_more_than_so_many_an_hour() -> None:
    """What is more than may be sent in an hour is summed up in one message when there is room again."""
    ledger = Ledger()
    many = look(*(replace(AWAY, subject=str(number), values={"name": str(number)}) for number in range(40)))
    assert len(ledger.take(many, NOW)) == MOST_AN_HOUR
    assert not ledger.take(many, NOW + HOUR_S - 1)
    (summary,) = ledger.take(many, NOW + HOUR_S)
    assert isinstance(summary, Summary)
    assert [values["name"] for _, values in summary.held] == [str(number) for number in range(MOST_AN_HOUR, 40)]
    assert not ledger.take(many, NOW + 2 * HOUR_S)


def test_bounds() -> None:
    """However many conditions there are, so many are known and so many held back; the others are counted."""
    ledger = Ledger()
    ledger.take(look(*(replace(AWAY, subject=str(number)) for number in range(MOST_ENTRIES + 10))), NOW)
    assert len(ledger.entries) == MOST_ENTRIES
    assert (len(ledger.held), ledger.more) == (MOST_HELD, MOST_ENTRIES - MOST_HELD - MOST_AN_HOUR)


def test_a_restart_tells_nothing_twice() -> None:
    """What was told, what was sent within the hour and what was held back outlive a restart, as JSON."""
    ledger = Ledger()
    many = look(*(replace(AWAY, subject=str(number), values={"name": str(number)}) for number in range(20)))
    ledger.take(many, NOW)
    again = Ledger.restored(json.loads(json.dumps(ledger.dump())))
    assert again == replace(ledger, has_changed=False)
    assert not again.take(many, NOW + 10)
    assert texts(again.take(many, NOW + HOUR_S)) == ["summary"]


def test_events_that_nobody_wants_are_forgotten() -> None:
    """Of an event that is not to be told any more nothing is known after a restart, so that no end of it is told."""
    ledger = Ledger()
    ledger.take(look(AWAY), NOW)
    assert not Ledger.restored(ledger.dump(), ("quota",)).entries


def test_what_was_not_told_is_not_kept() -> None:
    """A condition that was seen and not told yet begins anew after a restart."""
    ledger = Ledger()
    ledger.take(look(replace(AWAY, after_s=300.0)), NOW)
    assert not ledger.dump()["entries"]


def test_it_says_when_there_is_something_to_keep() -> None:
    """Only what changes the file asks for a writing."""
    ledger = Ledger()
    ledger.take(NOTHING, NOW)
    assert not ledger.has_changed
    ledger.take(look(AWAY), NOW)
    assert ledger.has_changed


def test_a_clock_that_was_put_back() -> None:
    """A clock that goes back neither tells anything twice nor keeps an end from being told."""
    ledger = Ledger()
    ledger.take(look(AWAY), NOW)
    assert not ledger.take(look(AWAY), NOW - DAY_S)
    assert not ledger.take(NOTHING, NOW - DAY_S)
    assert texts(ledger.take(NOTHING, NOW - DAY_S + RECOVER_S)) == ["verifier-over"]


@pytest.mark.parametrize("seed", range(8))
def test_any_course_of_things(seed: int) -> None:
    """Whatever comes and goes: never too many an hour, only rising levels, ends only of what was told."""
    chance, ledger, now = random.Random(seed), Ledger(), NOW
    sent: list[float] = []
    for _ in range(3000):
        now += chance.choice((1.0, 30.0, 300.0, 3000.0))
        subjects = chance.sample("abcdefghijklmnopqrst", chance.randrange(20))
        conditions = [replace(AWAY, subject=one, values={"name": one}, level=chance.randint(1, 3)) for one in subjects]
        if chance.random() < 0.05:
            ledger = Ledger.restored(json.loads(json.dumps(ledger.dump())))
        before = {place[1]: entry.level for place, entry in ledger.entries.items()}
        messages = ledger.take(look(*conditions), now)
        sent = [at for at in sent if now - at < HOUR_S] + [now] * len(messages)
        assert len(sent) <= MOST_AN_HOUR
        for one in messages:
            if isinstance(one, Told) and one.is_end:
                assert before[one.condition.subject] > 0
            elif isinstance(one, Told):
                assert one.condition.level > before.get(one.condition.subject, 0)
        open_levels = {place[1]: entry.level for place, entry in ledger.entries.items() if entry.is_open}
        assert all(open_levels[one.subject] == one.level for one in conditions)
