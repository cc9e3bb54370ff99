"""What a look at a map's relays means: the client's report, its choice and why, the NAT, and what is wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tailhub.findings import Finding, Severity, choosing
from tailhub.findings.remark import Remark
from tailhub.tailcfg.derpmap import DERPRegion
from tailhub.tools.netcheck.choose import Choice, Chooser, needed_ns
from tailhub.tools.netcheck.nat import NAT, NATKind, nat_kind
from tailhub.tools.netcheck.report import ClientReport, client_report, late_regions, regions_seen
from tailhub.tools.netcheck.seen import Seen, Trouble, TroubleKind

__all__ = ["Netcheck", "judge", "milliseconds", "region_label"]


@dataclass(frozen=True, slots=True)
class Netcheck:
    """A look, and what was made of it.

    `why`: why a client chooses `choice`. `also`: what else is worth knowing about that.
    """

    seen: Seen
    report: ClientReport
    choice: Choice
    why: Remark
    also: tuple[Remark, ...]
    nat: NAT
    findings: tuple[Finding, ...]

    @property
    def is_fine(self) -> bool:
        """Is nothing broken?"""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def judge(seen: Seen, home: int = 0) -> Netcheck:
    """Of a look; `home` is the region that is the client's home now, 0 for a client that starts."""
    report = client_report(seen)
    params = seen.derp_map.home_params
    scores = params.region_score if params is not None else {}
    choice = Chooser(scores, home).add(report.latency_ns, round(seen.ended_s * 1e9))
    nat = nat_kind(seen)
    return Netcheck(
        seen,
        report,
        choice,
        _why(seen, report, choice),
        tuple(_also(seen, report, choice, scores)),
        nat,
        tuple(_findings(seen, report, choice, nat)),
    )


def milliseconds(value_ns: int) -> str:
    """For people: ``8.3``, ``143``."""
    value = value_ns / 1e6
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def region_label(region: DERPRegion | None, region_id: int) -> str:
    """For people: ``912 (home-relay)``."""
    code = region.region_code if region is not None else ""
    return f"{region_id} ({code})" if code else str(region_id)


def _label(seen: Seen, region_id: int) -> str:
    return region_label(seen.derp_map.regions.get(region_id), region_id)


def _why(seen: Seen, report: ClientReport, choice: Choice) -> Remark:
    values = {
        "region": _label(seen, choice.region),
        "best": _label(seen, choice.best),
        "best_latency": milliseconds(choice.best_ns) + " ms",
        "home": _label(seen, choice.home),
    }
    if choice.home_ns is not None:
        values["home_latency"] = milliseconds(choice.home_ns) + " ms"
        values["needed"] = milliseconds(max(0, needed_ns(choice.home_ns))) + " ms"
    values["https"] = "" if report.udp else "HTTPS, ICMP" if report.icmp_v4 else "HTTPS"
    return Remark(f"choice_{choice.reason}", values)


def _also(seen: Seen, report: ClientReport, choice: Choice, scores: dict[int, float]) -> list[Remark]:
    remarks = []
    region = seen.derp_map.regions.get(choice.region)
    label = _label(seen, choice.region)
    if choice.region and scores.get(choice.region, 0) > 0 and choice.region in report.latency_ns:
        values = {"region": label, "score": f"{scores[choice.region]:g}"}
        remarks.append(
            Remark("choice_scored", {**values, "latency": milliseconds(report.latency_ns[choice.region]) + " ms"})
        )
    if region is not None and region.avoid:
        remarks.append(Remark("choice_avoid", {"region": label}))
    if choice.region in late_regions(report.latency_ns):
        remarks.append(Remark("choice_late", {"region": label}))
    if choice.best and not choice.home:
        stay = [other for other in report.latency_ns if other != choice.best and _would_stay(report, scores, other)]
        if stay:
            remarks.append(Remark("choice_others_stay", {"regions": ", ".join(_label(seen, one) for one in stay)}))
    return remarks


def _would_stay(report: ClientReport, scores: dict[int, float], home: int) -> bool:
    """Would a client stay whose home is this region?"""
    return Chooser(scores, home).add(report.latency_ns, 0).region == home


def _findings(seen: Seen, report: ClientReport, choice: Choice, nat: NAT) -> list[Finding]:
    found: list[Finding] = []
    if not report.latency_ns and seen.nodes:
        return [choosing.no_region_answers(len(regions_seen(seen)))]
    silent: list[str] = []
    for region, nodes in regions_seen(seen):
        relays = [node for node in nodes if not node.node.stun_only]
        troubles = [node.trouble for node in relays if node.trouble is not None and _is_fault(node.trouble)]
        if region.region_id == choice.region and relays and len(troubles) == len(relays):
            found.append(choosing.home_does_not_relay(_label(seen, choice.region), troubles[0].step))
        has_stun = any(node.v4.latency_ns is not None or node.v6.latency_ns is not None for node in nodes)
        does_relay = any(node.login_ns is not None for node in relays)
        if report.udp and does_relay and not has_stun and not region.no_measure_no_home:
            silent.append(_label(seen, region.region_id))
    if silent:
        found.append(choosing.region_without_stun(silent))
    if not report.udp and seen.nodes:
        found.append(choosing.udp_blocked())
    if nat.kind is NATKind.ENDPOINT_DEPENDENT:
        found.append(choosing.mapping_varies())
    return found


def _is_fault(trouble: Trouble) -> bool:
    """A relay that does not let in our throw-away key may let in its clients."""
    return trouble.kind is not TroubleKind.NOT_LET_IN
