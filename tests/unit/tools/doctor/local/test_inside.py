"""What is said of a relay's machine as a whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tailhub import findings
from tailhub.findings import Finding
from tailhub.findings import local as local_findings
from tailhub.settings.merge import Settings
from tailhub.tools.doctor.local import inside
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement, Outcome, Report


def report_of(monkeypatch: pytest.MonkeyPatch, **found: Finding) -> Report:
    """The report if each part, by its name, finds one thing."""

    def part(finding: Finding) -> inside.LocalCheck:
        async def check(_context: LocalContext) -> Judgement:
            judgement = Judgement()
            judgement.found("config", finding)
            return judgement

        return check

    monkeypatch.setattr(inside, "CHECKS", tuple((name, part(finding)) for name, finding in found.items()))
    settings = Settings()
    return asyncio.run(inside.examine_local(LocalContext(settings, settings.config(), Path("/s"))))


def test_a_service_that_cannot_start_is_a_consequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it does not run is put down to the fault that its last words name, else to the first that stops a start."""
    down = local_findings.service_not_running("tailhub", "failed", "no such setting [TH091]")
    half, unknown = findings.options_exclude("a", "b"), findings.unknown_setting("lisen")
    report = report_of(monkeypatch, running=down, state=half, configuration=unknown)
    assert [finding.code for finding in report.findings] == ["TH068", "TH091"]
    assert [step.code for step in report.steps] == ["TH091", "TH068", "TH091"]
    silent = local_findings.service_not_running("tailhub", "failed")
    assert report_of(monkeypatch, running=silent, state=half).steps[0].code == "TH068"


def test_what_two_parts_find_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same thing is one finding, though both parts' rows lead to it; of another file it is another."""
    one, other = findings.allow_list_empty("/a"), findings.allow_list_empty("/b")
    report = report_of(monkeypatch, configuration=one, verifiers=one, more=other)
    assert report.findings == (one, other)
    assert [step.code for step in report.steps] == ["TH288"] * 3


def test_settings_that_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the settings name is not looked at where this user may not read them: the defaults would be a guess."""

    async def never(_context: LocalContext) -> Judgement:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(inside, "CHECKS", (("ports", never),))
    settings = Settings()
    context = LocalContext(settings, settings.config(), Path("/s"), is_closed=True)
    (step,) = asyncio.run(inside.examine_local(context)).steps
    assert (step.name, step.outcome) == ("ports", Outcome.UNTESTED)


def test_a_service_that_is_down_for_no_known_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not keep it from starting is no reason."""
    down = local_findings.service_not_running("tailhub", "failed")
    rule = local_findings.firewall_drops("ufw", ["TCP 8443"], ["ufw allow 8443/tcp"])
    report = report_of(monkeypatch, running=down, firewall=rule)
    assert [finding.code for finding in report.findings] == ["TH427", "TH421"]
