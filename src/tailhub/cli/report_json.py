"""A check's report for programs. Texts are in the language that was asked for; codes, names and values in none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tailhub import __version__
from tailhub.findings import CATALOGUE, Finding, Language, Severity
from tailhub.findings.examples import forms
from tailhub.tools.report import Report, Step

__all__ = ["code_json", "finding_json", "report_json"]


def report_json(reports: Sequence[Report], lang: Language) -> str:
    """All reports as one JSON object, ended by a line's end."""
    whole = {
        "version": __version__,
        "errors": sum(report.count(Severity.ERROR) for report in reports),
        "warnings": sum(report.count(Severity.WARNING) for report in reports),
        "reports": [_report(report, lang) for report in reports],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, default=str) + "\n"


def _report(report: Report, lang: Language) -> dict[str, Any]:
    return {
        "subject": report.subject,
        "place": report.place.text(lang) if report.place else "",
        "findings": [finding_json(finding, lang) for finding in report.findings],
        "steps": [_step(step, lang) for step in report.steps],
    }


def finding_json(finding: Finding, lang: Language) -> dict[str, Any]:
    """One finding: its code and values, and each of its texts."""
    headline, *seen = finding.what(lang).split("\n")
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "what": headline,
        "seen": seen,
        "means": finding.means(lang),
        "remedy": finding.remedy(lang).split("\n"),
        "now": finding.now(lang),
        "values": dict(finding.values),
    }


def _step(step: Step, lang: Language) -> dict[str, Any]:
    remark = step.remark
    return {
        "name": step.name,
        "outcome": step.outcome.value,
        "text": remark.text(lang) if remark else "",
        "remark": remark.key if remark else None,
        "values": dict(remark.values) if remark else {},
        "code": step.code or None,
    }


def code_json(code: str, lang: Language) -> str:
    """The page of a code as one JSON object: every form of each part of its text."""
    entry = CATALOGUE[code]
    parts = {part: forms(code, part, lang) for part in ("what", "means", "remedy", "now")}
    whole = {"code": code, "name": entry.name, "severity": entry.severity.value, **parts}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
