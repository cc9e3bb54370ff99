"""What the project set out to reach, beside the original in the same run, and whether it did. A report, not a test.

A figure is the median over the rounds. A ratio is tailhub's divided by derper's; a limit in KiB is tailhub's alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.report import COLUMNS
from bench.trial import Placement, Trial

OURS, THEIRS = "tailhub", "derper"
FREE, PINNED = Placement.FREE, Placement.PINNED
_VALUES = {column.title: column.value for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Target:
    """One line to reach."""

    measure: str
    scenario: str
    column: str  # a title of `bench.report.COLUMNS`
    placement: Placement
    must: float
    aim: float
    more_is_better: bool = False
    unit: str = "x"  # a ratio; any other: tailhub's own figure

    def is_met(self, value: float, limit: float) -> bool:
        """Whether `value` reaches `limit`."""
        return value >= limit if self.more_is_better else value <= limit

    def written(self, value: float) -> str:
        """A figure with its unit."""
        return f"{value:.2f} x" if self.unit == "x" else f"{value:.1f} {self.unit}"


TARGETS = (
    Target("saturation, packets/s", "saturation", "per s", FREE, 1.3, 1.7, more_is_better=True),
    Target("saturation, packets/s", "saturation", "per s", PINNED, 1.1, 1.3, more_is_better=True),
    Target("saturation, CPU a packet", "saturation", "CPU us", FREE, 0.75, 0.55),
    Target("saturation, CPU a packet", "saturation", "CPU us", PINNED, 0.95, 0.8),
    Target("40k packets/s, CPU a packet", "fixed-40k", "CPU us", FREE, 0.75, 0.55),
    Target("40k packets/s, CPU a packet", "fixed-40k", "CPU us", PINNED, 0.75, 0.55),
    Target("saturation, p99", "saturation", "p99 ms", FREE, 0.6, 0.3),
    Target("300k/s offered, delivered", "overload", "per s", FREE, 8, 20, more_is_better=True),
    Target("idle memory a connection", "logins", "KiB/conn", FREE, 0.40, 0.30),
    Target("idle memory a connection", "logins", "KiB/conn", PINNED, 0.40, 0.30),
    Target("memory after a burst", "after-burst", "KiB/conn", FREE, 70, 70, unit="KiB"),
    Target("memory after a burst", "after-burst", "KiB/conn", PINNED, 70, 70, unit="KiB"),
    Target("CPU a login", "logins", "CPU us", FREE, 0.9, 0.65),
    Target("CPU a login", "logins", "CPU us", PINNED, 0.9, 0.65),
    Target("STUN answers/s, one core", "stun", "per s", FREE, 0.55, 0.9, more_is_better=True),
    Target("STUN answers/s, one core", "stun", "per s", PINNED, 0.55, 0.9, more_is_better=True),
)


def figures(target: Target, trials: Sequence[Trial], server: str) -> dict[int, float]:
    """A relay's figure of each round."""
    return {
        trial.round: value
        for trial in trials
        if (trial.scenario.name, trial.placement, trial.server) == (target.scenario, target.placement, server)
        and (value := _VALUES[target.column](trial.result)) is not None
    }


def measured(target: Target, trials: Sequence[Trial]) -> float | None:
    """The ratio of the medians, or the median of a figure of our own; None when a side is missing."""
    ours = figures(target, trials, OURS)
    if not ours:
        return None
    own = statistics.median(ours.values())
    if target.unit != "x":
        return own
    theirs = figures(target, trials, THEIRS)
    base = statistics.median(theirs.values()) if theirs else 0
    return own / base if base else None


def by_round(target: Target, trials: Sequence[Trial]) -> list[float]:
    """What each round alone would have said; rounds in which a side failed are left out."""
    ours = figures(target, trials, OURS)
    if target.unit != "x":
        return list(ours.values())
    theirs = figures(target, trials, THEIRS)
    return [ours[number] / theirs[number] for number in ours if theirs.get(number)]


def is_undecided(target: Target, trials: Sequence[Trial]) -> bool:
    """Whether some rounds reach the limit and others do not."""
    return len({target.is_met(value, target.must) for value in by_round(target, trials)}) > 1


def undecided(trials: Sequence[Trial]) -> list[tuple[str, Placement]]:
    """Scenarios and placements to measure again, each once."""
    found = [(target.scenario, target.placement) for target in TARGETS if is_undecided(target, trials)]
    return list(dict.fromkeys(found))


def verdict(target: Target, value: float) -> str:
    """In words."""
    if target.is_met(value, target.aim):
        return "yes, the aim too" if target.aim != target.must else "yes"
    return "yes" if target.is_met(value, target.must) else "NO"


def verdict_rows(trials: Sequence[Trial]) -> list[list[str]]:
    """The table of verdicts, header first; targets that were not measured are left out."""
    return [
        ["measure", "placement", "measured", "of the rounds", "must", "aim", "reached"],
        *_rows(trials),
    ]


def _rows(trials: Sequence[Trial]) -> Iterator[list[str]]:
    for target in TARGETS:
        value = measured(target, trials)
        if value is None:
            continue
        rounds = by_round(target, trials)
        spread = f"{min(rounds):.2f} to {max(rounds):.2f} ({len(rounds)})" if rounds else ""
        limits = [target.written(limit) for limit in (target.must, target.aim)]
        yield [target.measure, target.placement, target.written(value), spread, *limits, verdict(target, value)]
