from __future__ import annotations

import pytest

from tailhub.admin.feed import Part, SnapshotRequest
from tailhub.admin.pull import ANSWER_S, EVERY_S, IDLE_S, MOST_OPEN, TOGETHER_S, WANTED_S, Pull

START = 1000.0
VALUES, CLIENTS, PAIRS, FACTS = ({part} for part in (Part.VALUES, Part.CLIENTS, Part.PAIRS, Part.FACTS))


@pytest.fixture
def pull() -> Pull:
    return Pull(START)


def asked(pull: Pull, now: float) -> SnapshotRequest:
    request = pull.request(now)
    assert request is not None
    return request


def test_nothing_is_asked_unless_somebody_wants_it(pull: Pull) -> None:
    """Right after the start nobody has asked for anything, so the relay is left alone."""
    assert pull.request(START) is None
    assert pull.request(START + EVERY_S) is None


def test_the_first_question_is_for_the_whole(pull: Pull) -> None:
    """The first question says that nothing is known yet, the next one does not."""
    pull.want(CLIENTS, START)
    first = asked(pull, START + TOGETHER_S)
    assert (first.number, first.whole) == (1, True)
    pull.answered(first.number)
    pull.want(CLIENTS, START + 2)
    assert not asked(pull, START + 2 + TOGETHER_S).whole


def test_those_who_come_together_share_a_question(pull: Pull) -> None:
    """What is wanted within a moment is asked for at once."""
    pull.want(CLIENTS, START)
    pull.want(FACTS, START + TOGETHER_S / 2)
    assert pull.request(START + TOGETHER_S / 2) is None
    assert asked(pull, START + TOGETHER_S).parts == VALUES | CLIENTS | FACTS


def test_at_most_one_question_a_second(pull: Pull) -> None:
    """Whoever comes a moment after a question waits for the next one, a second after it."""
    pull.want(VALUES, START)
    first = asked(pull, START + TOGETHER_S)
    pull.answered(first.number)
    pull.want(CLIENTS, START + 0.1)
    assert pull.next_deadline() == START + TOGETHER_S + EVERY_S
    assert pull.request(START + 1.0) is None
    assert Part.CLIENTS in asked(pull, START + TOGETHER_S + EVERY_S).parts


def test_what_is_known_is_not_asked_for_again(pull: Pull) -> None:
    """For a second after the question its answer serves everyone."""
    pull.want(VALUES, START)
    first = asked(pull, START + TOGETHER_S)
    assert not pull.is_known(VALUES, START + TOGETHER_S)
    assert pull.answered(first.number) == VALUES
    assert pull.is_known(VALUES, START + 1.0)
    assert not pull.is_known(VALUES | CLIENTS, START + 1.0)
    assert not pull.is_known(VALUES, START + TOGETHER_S + EVERY_S)
    pull.want(VALUES, START + 1.0)
    assert pull.request(START + TOGETHER_S + EVERY_S) is None


def test_who_comes_while_a_question_is_open_has_its_answer(pull: Pull) -> None:
    """An answer to a question that was asked a moment before serves whoever came meanwhile."""
    pull.want(VALUES, START)
    first = asked(pull, START + TOGETHER_S)
    pull.want(VALUES, START + 0.5)
    pull.answered(first.number)
    assert pull.is_known(VALUES, START + 0.5)
    assert pull.request(START + TOGETHER_S + EVERY_S) is None


def test_what_is_polled_is_asked_for_together(pull: Pull) -> None:
    """A dashboard that polls several lists, one after the other, has all of them by one question a second."""
    pull.want(VALUES, START)
    pull.answered(asked(pull, START + TOGETHER_S).number)
    pull.want(CLIENTS, START + 0.5)
    pull.answered(asked(pull, START + 1.1).number)
    pull.want(VALUES, START + 2.1)
    assert asked(pull, START + 2.2).parts == VALUES | CLIENTS


def test_what_nobody_wants_any_more_is_not_asked_for(pull: Pull) -> None:
    """Some seconds after a list was looked at last it costs the relay nothing."""
    pull.want(PAIRS, START)
    pull.answered(asked(pull, START + TOGETHER_S).number)
    later = START + WANTED_S + 1
    pull.want(VALUES, later)
    assert asked(pull, later + TOGETHER_S).parts == VALUES


def test_metrics_are_sampled_while_nobody_looks(pull: Pull) -> None:
    """For the charts metrics are asked for now and then, and nothing else."""
    pull.want(CLIENTS, START)
    pull.answered(asked(pull, START + TOGETHER_S).number)
    at = pull.next_deadline()
    assert at == START + TOGETHER_S + IDLE_S
    assert asked(pull, at).parts == VALUES


def test_a_relay_that_does_not_answer_is_lost(pull: Pull) -> None:
    """Three seconds without an answer are too many; it is asked again all the same, and an answer brings it back."""
    pull.want(VALUES, START)
    first = asked(pull, START + TOGETHER_S)
    first_at = START + TOGETHER_S
    assert not pull.is_lost(first_at)
    assert pull.request(first_at + EVERY_S) is None
    assert pull.is_lost(first_at + ANSWER_S)
    second = asked(pull, first_at + ANSWER_S)
    assert second.number > first.number
    pull.answered(second.number)
    assert not pull.is_lost(first_at + ANSWER_S)


def test_a_late_answer_counts(pull: Pull) -> None:
    """An answer to an older question is as old as that, so it does not serve whoever came later."""
    pull.want(CLIENTS, START)
    first = asked(pull, START + TOGETHER_S)
    again = asked(pull, START + TOGETHER_S + ANSWER_S)
    assert pull.answered(first.number) == VALUES | CLIENTS
    assert not pull.is_known(CLIENTS, START + ANSWER_S)
    assert pull.answered(again.number) == VALUES
    assert not pull.is_lost(START + 100)


def test_answers_to_nothing(pull: Pull) -> None:
    """An answer to a question that was never asked, or was answered already, changes nothing."""
    assert pull.answered(7) == frozenset()
    pull.want(VALUES, START)
    first = asked(pull, START + TOGETHER_S)
    pull.answered(first.number)
    assert pull.answered(first.number) == frozenset()


def test_questions_to_a_hanging_relay_are_bounded(pull: Pull) -> None:
    """However long it hangs, only the last few questions are remembered."""
    now = START
    pull.want(VALUES, now)
    requests = []
    for _ in range(MOST_OPEN + 10):
        now = max(now + EVERY_S, pull.next_deadline())
        requests.append(asked(pull, now))
    assert pull.answered(requests[0].number) == frozenset()
    assert pull.answered(requests[-1].number)


def test_after_a_change_nothing_is_known(pull: Pull) -> None:
    """What was known before an action does not serve whoever asks after it."""
    pull.want(FACTS, START)
    pull.answered(asked(pull, START + TOGETHER_S).number)
    pull.outdate()
    assert not pull.is_known(FACTS, START + 0.1)
