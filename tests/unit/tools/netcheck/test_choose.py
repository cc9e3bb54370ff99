"""The choice of a home, by the cases of the reference's ``TestAddReportHistoryAndSetPreferredDERP`` and some more."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tailhub.tools.netcheck.choose import FRAME_TIME_NS, KEEP_ALIVE_TIMEOUT_NS, Chooser, Reason, needed_ns

S, MS = 1_000_000_000, 1_000_000
START = 123 * S
Step = tuple[int, dict[int, int]]  # how long after the one before, and the latency of each region; nanoseconds


@dataclass(frozen=True)
class Case:
    steps: list[Step]
    region: int
    reason: Reason
    reports: int
    scores: dict[int, float] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)
    forced: int = 0
    home: int = 0


def seconds(**latencies: int) -> dict[int, int]:
    return {int(name[1:]): value * S for name, value in latencies.items()}


TWO = [(0, seconds(d1=2, d2=3)), (2 * S, seconds(d1=4, d2=3)), (2 * S, seconds(d2=3))]
CASES = {
    "first reading": Case([(0, seconds(d1=2, d2=3))], 1, Reason.NEAREST, 1),
    "an earlier report's is still best": Case(TWO[:2], 1, Reason.NEAREST, 2),
    "the home is gone": Case(TWO, 2, Reason.HOME_GONE, 3),
    "the home is back": Case([*TWO, (3 * S, seconds(d1=4, d2=3))], 1, Reason.MOVES, 4),
    "old reports do not count": Case(
        [(S, seconds(d1=1, d2=2)), (S, seconds(d1=1, d2=2)), (600 * S, seconds(d3=3))], 3, Reason.HOME_GONE, 1
    ),
    "a report of 305 s ago counts": Case(
        [(0, seconds(d1=1, d2=2)), (305 * S, seconds(d1=4, d2=2))], 1, Reason.NEAREST, 2
    ),
    "a report of more than 305 s ago does not": Case(
        [(0, seconds(d1=1, d2=2)), (305 * S + 1, seconds(d1=4, d2=2))], 2, Reason.MOVES, 1
    ),
    "a third less is needed": Case([(0, seconds(d1=4, d2=5)), (S, seconds(d1=4, d2=3))], 1, Reason.STAYS, 2),
    "10 ms less is needed": Case([(0, {1: 4 * MS, 2: 5 * MS}), (S, {1: 4 * MS, 2: MS})], 1, Reason.STAYS, 2),
    "exactly 10 ms less is enough": Case([(S, {1: 20 * MS, 2: 10 * MS})], 2, Reason.MOVES, 1, home=1),
    "exactly two thirds is enough": Case([(S, {1: 90 * MS, 2: 60 * MS})], 2, Reason.MOVES, 1, home=1),
    "a little over two thirds is not": Case([(S, {1: 90 * MS, 2: 60 * MS + 1})], 1, Reason.STAYS, 1, home=1),
    "so much nearer that it moves": Case([(0, seconds(d1=4, d2=5)), (S, seconds(d1=4, d2=1))], 2, Reason.MOVES, 2),
    "11 ms less, but over two thirds": Case(
        [(0, {1: 34 * MS, 2: 35 * MS}), (S, {1: 34 * MS, 2: 23 * MS})], 1, Reason.STAYS, 2
    ),
    "a score": Case([(S, seconds(d1=10, d2=8))], 1, Reason.NEAREST, 1, scores={1: 2 / 3}),
    "a score that does not suffice": Case([(S, seconds(d1=100, d2=10))], 2, Reason.NEAREST, 1, scores={1: 2 / 3}),
    "scores of zero and less are none": Case([(S, seconds(d1=4, d2=5))], 1, Reason.NEAREST, 1, scores={1: 0, 2: -1}),
    "a score weighs for the home too": Case(
        [(S, {1: 40 * MS, 2: 20 * MS})], 1, Reason.STAYS, 1, scores={1: 0.6}, home=1
    ),
    "a silent home that was heard of": Case(
        TWO, 1, Reason.HOME_HEARD, 3, heard={1: START + 2 * S + FRAME_TIME_NS // 2}
    ),
    "a silent home that was heard of too long ago": Case(
        TWO, 2, Reason.HOME_GONE, 3, heard={1: START + 4 * S - FRAME_TIME_NS - 1}
    ),
    "forced": Case([(S, seconds(d1=2, d2=3)), (2 * S, seconds(d1=4, d2=3))], 2, Reason.FORCED, 2, forced=2),
    "forced, but it does not answer": Case(
        [(S, seconds(d1=2, d2=1)), (2 * S, seconds(d1=4))], 1, Reason.HOME_GONE, 2, forced=2
    ),
    "forced, does not answer, was heard of": Case(
        [(S, seconds(d1=2)), (2 * S, seconds(d1=4))], 2, Reason.FORCED, 2, heard={1: START, 2: START + S}, forced=2
    ),
    "forced, heard of too long ago": Case(
        [(S, seconds(d1=2)), (FRAME_TIME_NS + S, seconds(d1=4))], 1, Reason.HOME_GONE, 2, heard={2: START}, forced=2
    ),
    "nothing answers, the home lives": Case(
        [(0, seconds(d1=2, d2=3)), (30 * S, {}), *[(2 * S, {})] * 4], 1, Reason.HOME_ALIVE, 6, heard={1: START}
    ),
    "nothing answers, the home does not live": Case(
        [(0, seconds(d1=2, d2=3)), (30 * S, {}), (KEEP_ALIVE_TIMEOUT_NS, {})],
        0,
        Reason.NOTHING_ANSWERED,
        3,
        heard={1: START},
    ),
    "nothing ever answered": Case([(S, {})], 0, Reason.NOTHING_ANSWERED, 1),
    "of equals the lower id": Case([(S, {7: MS, 3: MS})], 3, Reason.NEAREST, 1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_choice(case: Case) -> None:
    """Reports one after the other lead to this home, for this reason, and so many of them count."""
    chooser, now = Chooser(case.scores, case.home, case.forced), START
    choice = None
    for after, latencies in case.steps:
        now += after
        choice = chooser.add(latencies, now, started_ns=now - 100 * MS, heard_ns=case.heard)
    assert choice is not None
    assert (choice.region, choice.reason, chooser.home, chooser.reports) == (
        case.region,
        case.reason,
        case.region,
        case.reports,
    )


@pytest.mark.parametrize(("home", "needed"), [(12, 2), (30, 20), (31, 20), (90, 60), (300, 200), (9, -1)])
def test_what_another_region_needs(home: int, needed: int) -> None:
    """Below 30 ms the 10 ms count, above it the third."""
    assert needed_ns(home * MS) // MS == needed
    for latency, moves in ((needed * MS, needed >= 0), (needed_ns(home * MS) + 1, False)):
        if latency > 0:
            assert (Chooser(home=1).add({1: home * MS, 2: latency}, START).region == 2) == moves
