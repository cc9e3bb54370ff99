"""All trials of a run: rounds, each relay in turn; what fails is recorded and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench import targets
from bench.load import Result
from bench.scenarios import Scenario
from bench.servers import Server, ServerError
from bench.trial import Placement, Trial, TrialError, run_trial

MANY_ROUNDS = 9  # for a figure whose first rounds lie on both sides of its limit


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that gave no result."""

    scenario: str
    placement: Placement
    server: str
    round: int
    reason: str

    def __str__(self) -> str:
        return f"FAILED: {self.scenario}, {self.placement}, {self.server}, round {self.round}: {self.reason}"


@dataclass(slots=True)
class Campaign:
    """What is measured, and what came of it so far. `report` is told the name of each trial before it starts."""

    scenarios: Sequence[Scenario]
    servers: Sequence[Server]
    placements: Sequence[Placement]
    rounds: int
    seconds: float
    report: Callable[[str], None]
    after_trial: Callable[[], None] = lambda: None
    trial: Callable[[Scenario, Server, float, Placement], Result] = run_trial
    trials: list[Trial] = field(default_factory=list)  # that count
    replaced: list[Trial] = field(default_factory=list)  # that nine rounds have taken the place of
    failures: list[Failure] = field(default_factory=list)
    again: list[tuple[str, Placement]] = field(default_factory=list)  # what was measured with nine rounds

    def run(self) -> None:
        """Everything; then again, with nine rounds, what was left undecided."""
        for placement in self.placements:
            for number in range(1, self.rounds + 1):
                for scenario in self.scenarios:
                    self._round(scenario, placement, number)
        if 1 < self.rounds < MANY_ROUNDS:
            for name, placement in targets.undecided(self.trials):
                self._again(name, placement)
        self.report("")

    def _again(self, name: str, placement: Placement) -> None:
        old = [trial for trial in self.trials if (trial.scenario.name, trial.placement) == (name, placement)]
        self.trials = [trial for trial in self.trials if trial not in old]
        self.replaced += old
        self.again.append((name, placement))
        for number in range(1, MANY_ROUNDS + 1):
            self._round(old[0].scenario, placement, number)

    def _round(self, scenario: Scenario, placement: Placement, number: int) -> None:
        for server in self.servers:  # in turn, so that a change of the machine's mood meets both
            self.report(f"{placement}, round {number}, {scenario.name}, {server.name}")
            try:
                result = self.trial(scenario, server, self.seconds, placement)
            except (ServerError, TrialError, OSError) as exc:
                self.failures.append(Failure(scenario.name, placement, server.name, number, str(exc)))
            else:
                self.trials.append(Trial(scenario, server.name, number, result, placement))
            self.after_trial()
