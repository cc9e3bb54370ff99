"""A check's report as it is shown."""

from __future__ import annotations

import json

import pytest

from support.doctor_sample import PICTURES, picture
from tailhub import findings
from tailhub.cli.report_json import report_json
from tailhub.cli.report_screen import code_lines, finding_block, report_lines, summary
from tailhub.cli.screen import plain
from tailhub.cli.text_layout import display_width
from tailhub.findings import CATALOGUE, Language
from tailhub.findings.remark import Remark
from tailhub.tools.report import Judgement, Outcome, Report, Step


def report(judgement: Judgement) -> Report:
    """The whole of what one judgement says."""
    return Report("203.0.113.7:8443", tuple(judgement.findings), tuple(judgement.steps))


BROKEN = Judgement()
BROKEN.ok("name")
BROKEN.found("tcp", findings.port_taken("--listen", "TCP", 8443, None, None))
BROKEN.consequence("tls", "TH030")
BROKEN.untested("stun")
BROKEN.ok("upgrade", beyond=True)


def test_the_verdict_stands_first() -> None:
    """The first line says whether it works; what is wrong stands above what was looked at."""
    lines = plain(list(report_lines(report(BROKEN), "en", 100, "tailhub doctor"))).splitlines()
    assert lines[0] == "tailhub doctor   it does not work"
    assert lines[2].startswith("BROKEN ")
    assert lines[2].endswith("TH030")
    assert [
        line.split()[:2] for line in lines if line.startswith("  ") and line[2:6] in ("ok  ", "FAIL", "–   ", "ok* ")
    ] == [
        ["ok", "name"],
        ["FAIL", "tcp"],
        ["FAIL", "tls"],
        ["–", "stun"],
        ["ok*", "upgrade"],
    ]
    assert lines[-1].lstrip().startswith("* ")


def test_a_healthy_relay() -> None:
    """Without findings the verdict is that all is well, and nothing is offered that would explain more."""
    healthy = Judgement()
    healthy.ok("name")
    assert (
        plain(list(report_lines(report(healthy), "en", 100, "tailhub doctor"))).splitlines()[0].endswith("all is well")
    )
    assert summary([report(healthy)], "en") == "nothing is wrong   for programs: --json"


def test_the_sum_of_several() -> None:
    """Several relays are counted, and a consequence is no further error."""
    assert summary([report(BROKEN), report(Judgement())], "en").startswith("2 relays: 1 well, 1 not   1 error   ")


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("columns", [40, 80, 110])
def test_every_page_fits(columns: int, lang: Language) -> None:
    """Below its title, the prose of each page is broken at the terminal's width; only a command may be longer."""
    for code in CATALOGUE:
        for line in list(code_lines(code, lang, columns))[1:]:
            if display_width(line.text) > columns and line.style != "paste":
                longest = max(map(display_width, line.text.split()))
                assert "`" in line.text or longest > columns - 12, line.text


def test_a_command_stands_alone() -> None:
    """A command at the end of a step is a line of its own, ready to be copied, and steps have numbers."""
    block = list(finding_block(findings.port_taken("--listen", "TCP", 8443, None, 8444), "en", 60))
    assert any(line.style == "paste" and line.text.strip() == "--listen :8444" for line in block)


def test_for_programs() -> None:
    """JSON has each finding with its code, values and texts, and each step with its outcome and code."""
    whole = json.loads(report_json([report(BROKEN)], "en"))
    assert (whole["errors"], whole["warnings"]) == (1, 0)
    [one] = whole["reports"]
    assert one["findings"][0]["code"] == "TH030"
    assert one["findings"][0]["values"]["port"] == 8443
    assert [(step["name"], step["outcome"], step["code"]) for step in one["steps"]] == [
        ("name", "ok", None),
        ("tcp", "fail", "TH030"),
        ("tls", "fail", "TH030"),
        ("stun", "untested", None),
        ("upgrade", "ok_beyond", None),
    ]


def test_a_step_has_what_was_seen() -> None:
    """A finding's severity decides how its step ended."""
    judgement = Judgement()
    judgement.found("x", findings.no_dns(), Remark("a"))
    assert judgement.steps == [Step("x", Outcome.OK, Remark("a"), "TH074")]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_pictures_in_the_documentation_are_of_today(lang: Language) -> None:
    """The pictures are what ``python -m tests.support.doctor_sample`` makes, and load nothing from elsewhere."""
    made = PICTURES[lang].read_text(encoding="utf-8")
    assert made == picture(lang)
    assert "url(http" not in made
