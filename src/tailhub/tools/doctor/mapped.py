"""What a map says wrong of the relays in it, beside what was seen of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tailhub.findings import Severity
from tailhub.findings.remark import Remark
from tailhub.tools.derpmap.lint import lint_findings
from tailhub.tools.doctor.outside import in_order
from tailhub.tools.map_source import MapText
from tailhub.tools.report import Judgement, Report
from tailhub.tools.target import Target

__all__ = ["unreadable_map", "with_map"]


def unreadable_map(map_text: MapText) -> Report | None:
    """Everything that keeps clients from reading this map; None if they can."""
    judgement = Judgement()
    for found in lint_findings(map_text):
        if found.finding.severity is Severity.ERROR:
            judgement.found("map", found.finding)
    if not judgement.findings:
        return None
    judgement.untested("map_relays", Remark("map-unreadable"))
    return Report(map_text.origin, tuple(judgement.findings), tuple(judgement.steps))


def with_map(reports: Sequence[Report], targets: Sequence[Target], map_text: MapText) -> list[Report]:
    """The reports of a map's relays, each with what the map says wrong of its region, which may be the cause.

    What is wrong with the map as a whole is in the first. Notes about a map are left to its own check.
    """
    told: set[tuple[str, int, int]] = set()
    whole = []
    for report, target in zip(reports, targets, strict=True):
        judgement = Judgement()
        for found in lint_findings(map_text, str(target.node.region_id or "")):
            place = (found.finding.code, found.line, found.column)
            if place not in told and found.finding.severity is not Severity.NOTE:
                judgement.found("map", found.finding)
                told.add(place)
        if not judgement.findings:
            judgement.ok("map", Remark("map-well"))
        findings = in_order([*judgement.findings, *report.findings])
        whole.append(replace(report, findings=findings, steps=(*judgement.steps, *report.steps)))
    return whole
