"""What a map says wrong, joined with what was seen of its relays: each cause counts once, in its relay's report."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tailhub.findings import Finding, Severity, reach
from tailhub.findings import tls as tls_findings
from tailhub.tools.doctor.mapped import unreadable_map, with_map
from tailhub.tools.map_source import MapText
from tailhub.tools.report import Judgement, Outcome, Report
from tailhub.tools.target import map_targets

PIN = "sha256-raw:" + "ab" * 32
WELL = {"Name": "912a", "RegionID": 912, "HostName": "a.example.com"}


def policy(*nodes: dict[str, object], **region: object) -> MapText:
    """A policy with region 912."""
    one = {"RegionID": 912, "Nodes": nodes, **region}
    return MapText(json.dumps({"derpMap": {"Regions": {"912": one}}}, indent=1), "hujson", "policy.hujson")


def joined(map_text: MapText, *seen: Finding) -> list[Report]:
    """The reports of all relays of the map, when `seen` was found at each."""
    targets = map_targets(map_text.derp_map(), map_text.origin)
    judgement = Judgement()
    for finding in seen:
        judgement.found("tls", finding)
    reports = [Report(str(target), tuple(judgement.findings), tuple(judgement.steps)) for target in targets]
    return with_map(reports, targets, map_text)


def pin_differs() -> Finding:
    """As the check of the certificate says it."""
    return tls_findings.pin_differs(PIN, PIN, datetime(2026, 1, 1, tzinfo=UTC), is_only_form=True)


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def test_a_sound_map_adds_a_step_and_no_finding() -> None:
    """What was seen stays as it was."""
    (report,) = joined(policy(WELL), pin_differs())
    assert codes(report) == ["TH014"]
    assert [(step.name, step.outcome, step.code) for step in report.steps] == [
        ("map", Outcome.OK, ""),
        ("tls", Outcome.FAIL, "TH014"),
    ]


@pytest.mark.parametrize(
    ("fields", "seen", "cause"),
    [
        ({"CertName": PIN.upper()}, pin_differs(), "TH492"),
        ({"CertName": "sha256:" + "ab" * 32}, tls_findings.self_signed(PIN, "a"), "TH492"),
        ({"HostName": "https://a.example.com"}, reach.name_unresolved("https://a.example.com"), "TH482"),
        ({"HostName": "a.example.com:8443"}, reach.name_unresolved("a.example.com:8443"), "TH483"),
        ({"HostName": ""}, reach.name_unresolved(""), "TH481"),
        ({"IPv4": "256.1.1.1"}, reach.name_unresolved("a.example.com"), "TH493"),
    ],
    ids=["upper-case-pin", "old-pin", "scheme", "port", "empty", "address"],
)
def test_what_follows_from_the_map_is_counted_once(fields: dict[str, object], seen: Finding, cause: str) -> None:
    """The map's fault is the finding; the step that failed because of it says so."""
    (report,) = joined(policy(WELL | fields), seen)
    assert codes(report) == [cause]
    assert report.count(Severity.ERROR) == 1
    assert [step.code for step in report.steps] == [cause, cause]


def test_what_does_not_follow_is_counted_too() -> None:
    """A closed port has nothing to do with a pin."""
    (report,) = joined(
        policy(WELL | {"CertName": PIN.upper()}), reach.tcp_refused(["203.0.113.7"], 443, stun_answers=False)
    )
    assert codes(report) == ["TH492", "TH006"]


def test_a_nodes_fault_is_in_its_own_report() -> None:
    """And what was seen of the other one counts."""
    other = WELL | {"Name": "912b", "CertName": PIN.upper()}
    first, second = joined(policy(WELL, other), pin_differs())
    assert (codes(first), codes(second)) == (["TH014"], ["TH492"])


def test_a_regions_fault_is_told_once() -> None:
    """In the report of its first relay; notes about the map are left out."""
    one, other = ({"Name": name, "HostName": "a.example.com", "RegionID": 912} for name in ("912a", "912b"))
    first, second = joined(policy(one, other, RegionID=913, Avoid=True))
    assert (codes(first), codes(second)) == (["TH471"], [])


def test_a_map_that_clients_cannot_read() -> None:
    """Has all its errors in one report, and its relays are not looked at; one that can be read has no such report."""
    broken = MapText(policy(WELL).text.replace('"Nodes"', "Nodes"), "hujson", "policy.hujson")
    report = unreadable_map(broken)
    assert report is not None
    assert codes(report) == ["TH464"]
    assert [step.outcome for step in report.steps] == [Outcome.FAIL, Outcome.UNTESTED]
    assert unreadable_map(policy(WELL)) is None
