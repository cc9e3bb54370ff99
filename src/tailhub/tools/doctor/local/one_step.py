"""Several findings of one step: its row in the table tells of the worst."""

from __future__ import annotations

from collections.abc import Iterable

from tailhub.findings import Finding, Severity
from tailhub.findings.remark import Remark
from tailhub.tools.report import Judgement

__all__ = ["say_together"]

_GRAVITY = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def say_together(judgement: Judgement, step: str, found: Iterable[Finding], remark: Remark | None = None) -> bool:
    """Say all that was found in this step, each thing once, the worst first; whether there was anything."""
    said: list[Finding] = []
    for finding in found:
        if finding not in said:
            said.append(finding)
    said.sort(key=lambda finding: _GRAVITY.index(finding.severity))
    if said:
        judgement.found(step, said[0], remark)
        judgement.findings += said[1:]
    return bool(said)
