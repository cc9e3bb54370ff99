"""What is remembered of who was admitted: by verifier, for a time, and within bounds."""

from __future__ import annotations

import pytest

from tailhub.relay.admission import Answer, Verdict
from tailhub.relay.memory import DAY_S, SAVED_EVERY_S, AdmissionMemory, MemoryChanges, Remembered

KEY, OTHER = bytes(32), bytes((1,)) * 32
NOW = 1_700_000_000.0
AWAY = [Answer.UNREACHABLE, Answer.UNUSABLE]


def yes(verifier: str = "url", **names: str) -> Verdict:
    return Verdict(verifier, Answer.ADMITTED, **names)


def no(verifier: str = "url") -> Verdict:
    return Verdict(verifier, Answer.REFUSED)


def away(verifier: str = "url") -> Verdict:
    return Verdict(verifier, Answer.UNREACHABLE)


def memory(days: float = 7, most: int = 100, *, is_kept: bool = False) -> AdmissionMemory:
    return AdmissionMemory(days, most, is_kept=is_kept)


@pytest.mark.parametrize("answer", AWAY)
def test_a_yes_stands_in_for_its_verifier(answer: Answer) -> None:
    """While its verifier gives no answer a key is admitted as before, with its names, and marked as remembered."""
    remembers = memory()
    remembers.note(KEY, yes(node="laptop", owner="ada", tenant="friends"), NOW)
    stands_in = remembers.recall(KEY, Verdict("url", answer), NOW + 7 * DAY_S)
    assert stands_in == Verdict("url", Answer.ADMITTED, "laptop", f"remembered, now {answer}", "ada", "friends")


def test_names() -> None:
    """What remembered nodes and their owners are called can be looked up by key; who has no name is left out."""
    remembers = memory()
    remembers.note(KEY, yes(node="laptop", owner="ada"), NOW)
    remembers.note(OTHER, yes(), NOW)
    assert remembers.names() == {KEY: ("laptop", "ada")}


def test_it_ends() -> None:
    """After the days that were set it stands in no longer, and is known to be over; a new yes begins them again."""
    remembers = memory()
    remembers.note(KEY, yes(), NOW)
    late = NOW + 7 * DAY_S + 1
    assert remembers.recall(KEY, away(), late) is None
    assert remembers.is_over(KEY, away(), late)
    remembers.note(KEY, yes(), late)
    assert remembers.recall(KEY, away(), late + 6 * DAY_S) is not None
    assert not remembers.is_over(KEY, away(), late + 6 * DAY_S)


def test_a_no_ends_it_at_once() -> None:
    """After an explicit no of that verifier nothing is remembered of the key; a no of another changes nothing."""
    remembers = memory()
    remembers.note(KEY, yes(), NOW)
    remembers.note(KEY, no("other"), NOW)
    assert remembers.recall(KEY, away(), NOW) is not None
    remembers.note(KEY, no(), NOW)
    assert remembers.recall(KEY, away(), NOW) is None
    assert not remembers.is_over(KEY, away(), NOW + 30 * DAY_S)


def test_only_for_whom_it_was_given() -> None:
    """Another key, and the same key at another verifier, are not admitted by it; nor does it stand in for an answer."""
    remembers = memory()
    remembers.note(KEY, yes(), NOW)
    assert remembers.recall(OTHER, away(), NOW) is None
    assert remembers.recall(KEY, away("other"), NOW) is None
    assert remembers.recall(KEY, no(), NOW) is None


def test_no_memory() -> None:
    """With 0 days nothing is remembered, loaded or to be kept, and nothing is ever over."""
    remembers = memory(0)
    remembers.note(KEY, yes(), NOW)
    remembers.load([Remembered(OTHER, "url", NOW)])
    assert len(remembers) == 0
    assert not remembers.is_over(OTHER, away(), NOW + DAY_S)
    assert remembers.take_changes() == MemoryChanges()


def test_it_is_bounded() -> None:
    """Beyond the bound the one that was confirmed longest ago is forgotten, also where it is kept."""
    remembers = memory(most=2)
    remembers.note(KEY, yes("one"), NOW)
    remembers.note(KEY, yes("two"), NOW + 1)
    remembers.note(KEY, yes("one"), NOW + 2)
    remembers.note(KEY, yes("three"), NOW + 3)
    assert remembers.recall(KEY, away("two"), NOW + 3) is None
    assert len(remembers) == 2
    assert remembers.take_changes().ended == ((KEY, "two", NOW + 1),)


def test_what_is_kept() -> None:
    """A first yes, other names and an end are changes, once; a mere confirmation is one only every hour."""
    remembers = memory()
    remembers.note(KEY, yes(), NOW)
    first = Remembered(KEY, "url", NOW)
    assert remembers.take_changes() == MemoryChanges((first,))
    remembers.note(KEY, yes(), NOW + 300)
    assert remembers.take_changes() == MemoryChanges()
    remembers.note(KEY, yes(node="laptop"), NOW + 600)
    assert remembers.take_changes() == MemoryChanges((Remembered(KEY, "url", NOW + 600, node="laptop"),))
    remembers.note(KEY, yes(node="laptop"), NOW + 600 + SAVED_EVERY_S)
    assert len(remembers.take_changes().confirmed) == 1
    remembers.note(KEY, no(), NOW + 9000)
    remembers.note(OTHER, no(), NOW + 9000)  # of whom nothing is kept
    assert remembers.take_changes() == MemoryChanges((), ((KEY, "url", NOW + 600 + SAVED_EVERY_S),))


def test_a_clock_that_is_put_back() -> None:
    """A yes from the future counts from now on, and its end is not before it."""
    remembers = memory()
    remembers.note(KEY, yes(), NOW + 365 * DAY_S)
    assert remembers.recall(KEY, away(), NOW) is not None
    assert remembers.recall(KEY, away(), NOW + 6 * DAY_S) is not None
    assert remembers.recall(KEY, away(), NOW + 8 * DAY_S) is None
    remembers.note(OTHER, yes(), NOW + 60)
    remembers.take_changes()
    remembers.note(OTHER, no(), NOW)
    assert remembers.take_changes().ended == ((OTHER, "url", NOW + 60),)


def test_what_was_kept_is_lost() -> None:
    """All that is known is then a change once more."""
    remembers = memory()
    remembers.load([Remembered(OTHER, "url", NOW - 60)])
    remembers.note(KEY, yes(), NOW)
    remembers.take_changes()
    remembers.keep_again()
    expected = MemoryChanges((Remembered(OTHER, "url", NOW - 60), Remembered(KEY, "url", NOW)))
    assert remembers.take_changes() == expected


def test_loading_comes_later_than_answers() -> None:
    """What was learnt before the kept memory was loaded is newer: a no is not undone by it, nor a confirmation."""
    remembers = memory(is_kept=True)
    assert not remembers.is_loaded
    remembers.note(KEY, no(), NOW)
    remembers.note(OTHER, yes(node="new"), NOW)
    kept = [Remembered(KEY, "url", NOW - 60), Remembered(OTHER, "url", NOW - 60, node="old")]
    remembers.load([*kept, Remembered(KEY, "other", NOW - 60)])
    assert remembers.is_loaded
    assert remembers.recall(KEY, away(), NOW) is None
    assert remembers.recall(KEY, away("other"), NOW) is not None
    recalled = remembers.recall(OTHER, away(), NOW)
    assert recalled is not None
    assert recalled.node == "new"
    assert remembers.take_changes().ended == ((KEY, "url", 0.0),)


def test_after_a_restart() -> None:
    """What one process kept is what the next remembers, and its time goes on from the last confirmation."""
    before = memory()
    before.note(KEY, yes(tenant="friends"), NOW)
    after = memory(is_kept=True)
    after.load(before.take_changes().confirmed)
    recalled = after.recall(KEY, away(), NOW + 6 * DAY_S)
    assert recalled is not None
    assert recalled.tenant == "friends"
    assert after.recall(KEY, away(), NOW + 8 * DAY_S) is None
    assert after.take_changes() == MemoryChanges()


def test_changes_that_nobody_takes_are_bounded() -> None:
    """Before the memory is loaded strangers may be refused in any number; what is to be kept of that stays small."""
    remembers = memory(most=3, is_kept=True)
    for number in range(100):
        remembers.note(number.to_bytes(32), no(), NOW)
    assert len(remembers.take_changes().ended) == 3
