"""What is to be reached, and what is measured again: `bench.targets` and `bench.campaign`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bench import report, scenarios, targets
from bench.campaign import MANY_ROUNDS, Campaign
from bench.load import Load, Result
from bench.records import write_json
from bench.scenarios import Scenario
from bench.servers import Derper, Server, ServerError, Tailhub
from bench.targets import TARGETS
from bench.trial import Placement, Trial

SATURATION = Scenario("saturation", Load())
SPEED = TARGETS[0]  # saturation, packets/s, free: at least 1.3, aim 1.7
BOTH = [Tailhub(), Derper(origin="/opt/derper", version="1.2.3")]


def result(per_s: int) -> Result:
    """A second with so many packets, each for the same CPU time."""
    return Result(
        seconds=1.0,
        done=per_s,
        sent=per_s,
        lost=0,
        latency_us={"p50": 1.0, "p99": 2.0},
        server_cpu_s=per_s / 1e6,
        server_rss_bytes=1 << 20,
        generator_cores=0.5,
        other_cores=0.0,
        cipher="TLS_X",
    )


def rounds(*pairs: tuple[int, int]) -> list[Trial]:
    """Rounds of saturation, ours and theirs."""
    return [
        Trial(SATURATION, server, number, result(per_s))
        for number, pair in enumerate(pairs, 1)
        for server, per_s in zip(("tailhub", "derper"), pair, strict=True)
    ]


def test_every_target_names_what_is_measured() -> None:
    """Each target has a scenario and a column, and its aim is no easier than what it must reach."""
    names = {scenario.name for scenario in scenarios.SCENARIOS}
    titles = {column.title for column in report.COLUMNS}
    for target in TARGETS:
        assert target.scenario in names
        assert target.column in titles
        assert target.is_met(target.aim, target.must)


@pytest.mark.parametrize(("ours", "said"), [(120, "NO"), (130, "yes"), (170, "yes, the aim too")])
def test_a_verdict_compares_medians(ours: int, said: str) -> None:
    """The ratio of the medians is held against what must be reached and what was aimed for."""
    trials = rounds((ours, 100), (ours, 100), (9999, 1))
    assert targets.measured(SPEED, trials) == ours / 100
    row = dict(zip(*targets.verdict_rows(trials)[:2], strict=True))
    assert (row["measure"], row["measured"], row["reached"]) == (SPEED.measure, f"{ours / 100:.2f} x", said)


def test_less_is_better_where_a_target_says_so() -> None:
    """A cost reaches its limit from above."""
    cost = next(target for target in TARGETS if target.column == "CPU us")
    assert cost.is_met(cost.must, cost.must)
    assert not cost.is_met(cost.must + 0.01, cost.must)


def test_a_limit_in_kib_needs_no_other_relay() -> None:
    """Memory after a burst is held against a number and not against the original."""
    target = next(target for target in TARGETS if target.unit == "KiB")
    scenario = scenarios.by_name([target.scenario])[0]
    small = dataclasses.replace(result(1), server_rss_each_bytes=60 * 1024.0)
    assert targets.measured(target, [Trial(scenario, "tailhub", 1, small)]) == 60


def test_without_the_original_there_is_no_ratio() -> None:
    """Ratios that cannot be formed are left out of the verdicts."""
    alone = [trial for trial in rounds((130, 100)) if trial.server == "tailhub"]
    assert targets.measured(SPEED, alone) is None
    assert targets.verdict_rows(alone)[1:] == []


def test_rounds_on_both_sides_of_a_limit_decide_nothing() -> None:
    """Only a limit that lies between the rounds' ratios asks for more of them."""
    assert targets.is_undecided(SPEED, rounds((125, 100), (140, 100), (140, 100)))
    assert not targets.is_undecided(SPEED, rounds((135, 100), (190, 100), (140, 100)))
    assert targets.undecided(rounds((125, 100), (140, 100))) == [("saturation", Placement.FREE)]


class Machine:
    """Answers trials from a script and fails where the script says so."""

    def __init__(self, *ours: int | None) -> None:
        self.ours = list(ours)
        self.names: list[str] = []

    def trial(self, scenario: Scenario, server: Server, seconds: float, placement: Placement) -> Result:
        """See `bench.trial.run_trial`."""
        if server.name == "derper":
            return result(100)
        value = self.ours.pop(0) if self.ours else 150
        if value is None:
            raise ServerError("no port left")
        return result(value)


def campaign(machine: Machine) -> Campaign:
    """Three rounds of saturation, free."""
    return Campaign([SATURATION], BOTH, [Placement.FREE], 3, 1.0, report=machine.names.append, trial=machine.trial)


def test_an_undecided_figure_is_measured_again() -> None:
    """Nine new rounds take the place of three that lie on both sides of a limit; the old ones are kept apart."""
    run = campaign(Machine(125, 140, 140))
    run.run()
    assert run.again == [("saturation", Placement.FREE)]
    assert (len(run.trials), len(run.replaced)) == (2 * MANY_ROUNDS, 6)
    assert targets.measured(SPEED, run.trials) == 1.5


def test_a_decided_figure_is_not_measured_again() -> None:
    """Relays are measured in turn, and three rounds that agree are enough."""
    machine = Machine()
    run = campaign(machine)
    run.run()
    assert (len(run.trials), run.again) == (6, [])
    assert machine.names[:2] == ["free, round 1, saturation, tailhub", "free, round 1, saturation, derper"]


def test_a_failure_costs_one_trial(tmp_path: Path) -> None:
    """A trial that fails is recorded with its reason, the others go on, and the file holds both."""
    run = campaign(Machine(150, None, 150))
    run.run()
    assert [str(failure) for failure in run.failures] == ["FAILED: saturation, free, tailhub, round 2: no port left"]
    assert len(run.trials) == 5
    write_json(tmp_path / "out.json", {"run": "x"}, run)
    content = json.loads((tmp_path / "out.json").read_text())
    assert (len(content["trials"]), content["failures"][0]["reason"]) == (5, "no port left")
