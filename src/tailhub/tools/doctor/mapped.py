"""What a map says wrong of the relays in it, beside what was seen of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tailhub.findings import Finding, Severity
from tailhub.findings.remark import Remark
from tailhub.tools.derpmap.lint import lint_findings
from tailhub.tools.doctor.outside import in_order
from tailhub.tools.map_source import MapText
from tailhub.tools.report import Judgement, Report
from tailhub.tools.target import Target

__all__ = ["unreadable_map", "with_map"]

_UNREACHED: Final = frozenset({"TH001", "TH002", "TH004", "TH005", "TH006", "TH384", "TH386", "TH389"})
_ANOTHER_SPEAKS: Final = frozenset({"TH012", "TH013", "TH026", "TH027", "TH387", "TH388", "TH391", "TH396"})
_NOT_ITS_NAME: Final = frozenset({"TH011", "TH014", "TH021", "TH023", "TH390", "TH392", "TH394"})
_NO_STUN: Final = frozenset({"TH003", "TH007", "TH008", "TH009"})
_EXPLAINS: Final[Mapping[str, frozenset[str]]] = {
    "TH481": _UNREACHED | _ANOTHER_SPEAKS | _NOT_ITS_NAME | _NO_STUN,  # host-name-empty
    "TH482": _UNREACHED | _ANOTHER_SPEAKS | _NOT_ITS_NAME | _NO_STUN,  # host-name-has-scheme
    "TH483": _UNREACHED | _ANOTHER_SPEAKS | _NOT_ITS_NAME | _NO_STUN,  # host-name-has-port
    "TH492": frozenset({"TH014", "TH021", "TH023", "TH392", "TH394"}),  # pin-malformed
}
"""What is seen of a relay because of what its node says in the map."""
_EXPLAINS_VALUE: Final[Mapping[str, frozenset[str]]] = {
    "IPv4": _UNREACHED | _NO_STUN,
    "IPv6": _UNREACHED | _NO_STUN,
    "DERPPort": _UNREACHED | _ANOTHER_SPEAKS,
    "STUNPort": _NO_STUN,
}
"""The same of a value that cannot be (TH493), by its field."""


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
    """The reports of a map's relays, each with what the map says wrong of it, which may be the cause of the rest.

    What is wrong with a region is in the report of its first relay, and what is wrong with the map as a whole in the
    first of all. Notes about a map are left to its own check.
    """
    told: set[tuple[str, int, int]] = set()
    nodes = {(_region(target), target.node.name) for target in targets}
    whole = []
    for report, target in zip(reports, targets, strict=True):
        judgement = Judgement()
        for found in lint_findings(map_text, _region(target)):
            place = (found.finding.code, found.line, found.column)
            is_told = place in told or _is_anothers(found.finding, target, nodes)
            if not is_told and found.finding.severity is not Severity.NOTE:
                judgement.found("map", found.finding)
                told.add(place)
        if not judgement.findings:
            judgement.ok("map", Remark("map-well"))
        whole.append(_joined(judgement, report))
    return whole


def _joined(judgement: Judgement, report: Report) -> Report:
    """A report with what the map says wrong on top; what follows from that is counted no second time."""
    causes = {seen: cause.code for cause in reversed(judgement.findings) for seen in _explained(cause)}
    seen = [finding for finding in report.findings if finding.code not in causes]
    steps = [replace(step, code=causes.get(step.code, step.code)) for step in report.steps]
    return replace(report, findings=in_order([*judgement.findings, *seen]), steps=(*judgement.steps, *steps))


def _explained(cause: Finding) -> frozenset[str]:
    """The codes of what is seen of a relay because of this."""
    if cause.code == "TH493":
        return _EXPLAINS_VALUE.get(str(cause.values.get("field")), frozenset())
    return _EXPLAINS.get(cause.code, frozenset())


def _region(target: Target) -> str:
    """What its region is called in Regions: what the region says itself may be the fault."""
    regions = target.derp_map.regions if target.derp_map is not None else {}
    return next((str(number) for number, one in regions.items() if one is target.region), "")


def _is_anothers(finding: Finding, target: Target, nodes: Collection[tuple[str, str]]) -> bool:
    """Is it about another node, which has a report of its own?"""
    node = str(finding.values.get("node") or "")
    return bool(node) and node != target.node.name and (_region(target), node) in nodes
