"""The check of a region: what is looked at, in which order, and what is made of it beside the checks of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tailhub.findings import Finding, Severity
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPRegion
from tailhub.tools.doctor.outside import examine_all, in_order
from tailhub.tools.region.judge import judge
from tailhub.tools.region.look import SETTLE_S, look_at_region
from tailhub.tools.region.seen import RegionSeen
from tailhub.tools.report import Report
from tailhub.tools.target import Target

__all__ = ["ExaminedRegion", "examine_region", "regions_of_several", "with_regions"]


@dataclass(frozen=True, slots=True)
class ExaminedRegion:
    """One region: what was seen of it, and what that means."""

    region: DERPRegion
    seen: RegionSeen
    report: Report


def regions_of_several(targets: Sequence[Target]) -> list[list[Target]]:
    """The relays of each region that has two or more; those that are for STUN only are none."""
    regions: dict[int, list[Target]] = {}
    for target in targets:
        if target.region is not None and not target.node.stun_only:
            regions.setdefault(id(target.region), []).append(target)
    return [relays for relays in regions.values() if len(relays) > 1]


async def examine_region(
    targets: Sequence[Target], mesh_keys: Sequence[MeshKey], *, settle_s: float = SETTLE_S
) -> ExaminedRegion:
    """Look at the relays of one region, and closer at those that are missing. Raises nothing that a network does.

    `mesh_keys` and `settle_s` are those of `look_at_region`.
    """
    region = targets[0].region or DERPRegion()
    seen = await look_at_region([target.node for target in targets], mesh_keys, settle_s=settle_s)
    missing = [number for number, one in enumerate(seen.nodes) if one.failure]
    reports = await examine_all([targets[number] for number in missing])
    causes: list[Finding | None] = [None] * len(targets)
    for number, report in zip(missing, reports, strict=True):
        causes[number] = _cause(report)
    said = judge(seen, causes)
    return ExaminedRegion(region, seen, Report(str(region.region_id), in_order(said.findings), tuple(said.steps)))


async def with_regions(
    reports: Sequence[Report],
    targets: Sequence[Target],
    mesh_keys: Sequence[MeshKey],
    progress: Callable[[str], None] | None = None,
) -> list[Report]:
    """The reports of a map's relays, with what is wrong between those of one region.

    It stands in the report of the region's first relay; `reports` are those of `targets`. `progress` is told which
    region is looked at now.
    """
    whole = list(reports)
    for relays in regions_of_several(targets):
        if progress is not None:
            progress(str(relays[0].node.region_id))
        numbers = [targets.index(relay) for relay in relays]
        seen = await look_at_region([relay.node for relay in relays], mesh_keys)
        said = judge(seen, [_cause(reports[number]) for number in numbers], is_told=True)
        first = whole[numbers[0]]
        findings = in_order([*first.findings, *said.findings])
        whole[numbers[0]] = replace(first, findings=findings, steps=(*first.steps, *said.steps))
    return whole


def _cause(report: Report) -> Finding | None:
    """What keeps clients from a relay, if it was found."""
    return next((one for one in report.findings if one.severity is Severity.ERROR), None)
