"""What a check says: findings, the root cause first, and what was done step by step. Plain values, no I/O.

A `Judgement` gathers what one part of a check says; a `Report` is the whole about one relay or machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tailhub.findings import Finding, Severity
from tailhub.findings.remark import Remark

__all__ = ["Judgement", "Outcome", "Report", "Step"]


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    OK_BEYOND = "ok_beyond"  # it is fine, but was only reached by passing over a fault that stops clients
    WARNING = "warning"
    FAIL = "fail"
    UNTESTED = "untested"  # it could not be looked at from here, or makes no sense here


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at.

    `name` is a key of a topic's `STEPS` (`tailhub.findings.texts`). `remark` says what was seen, or why it was not
    tested. `code` is the finding that it led to, or of which it is a consequence.
    """

    name: str
    outcome: Outcome
    remark: Remark | None = None
    code: str = ""


@dataclass(slots=True)
class Judgement:
    """What a part of a check says, in the order in which it says it."""

    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def ok(self, name: str, remark: Remark | None = None, *, beyond: bool = False) -> None:
        """It is as it should be; `beyond` a fault that keeps clients from getting so far."""
        self.steps.append(Step(name, Outcome.OK_BEYOND if beyond else Outcome.OK, remark))

    def found(self, name: str, finding: Finding, remark: Remark | None = None) -> None:
        """Something is wrong, or doubtful, or (a note) good to know."""
        self.findings.append(finding)
        outcome = {Severity.ERROR: Outcome.FAIL, Severity.WARNING: Outcome.WARNING}.get(finding.severity, Outcome.OK)
        self.steps.append(Step(name, outcome, remark, finding.code))

    def consequence(self, name: str, code: str, remark: Remark | None = None) -> None:
        """It fails too, because of the finding `code`, which is counted once."""
        self.steps.append(Step(name, Outcome.FAIL, remark, code))

    def untested(self, name: str, remark: Remark | None = None, code: str = "") -> None:
        """It was not looked at: `remark` says why, or the finding `code` is why."""
        self.steps.append(Step(name, Outcome.UNTESTED, remark, code))

    def add(self, other: Judgement) -> None:
        """Append all that another part says."""
        self.steps += other.steps
        self.findings += other.findings


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about one `subject`, a relay or a machine.

    `findings`: the root cause first. `place`: from where it was looked at, and what is in the way there.
    """

    subject: str
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    place: Remark | None = None

    @property
    def is_healthy(self) -> bool:
        """Is nothing wrong? Notes may be there."""
        return all(finding.severity is Severity.NOTE for finding in self.findings)

    def count(self, severity: Severity) -> int:
        """How many findings are so bad."""
        return sum(finding.severity is severity for finding in self.findings)
