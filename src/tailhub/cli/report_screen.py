"""A check's report for people: the verdict first, then what is wrong and what to do, then what was looked at.

Lines to be pasted are whole and alone. Not here: finding anything out (`tailhub.tools`); words are in `report_texts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tailhub.cli.report_texts import TEXTS
from tailhub.cli.screen import Line, Style
from tailhub.cli.text_layout import display_width, pad, wrap
from tailhub.findings import CATALOGUE, Finding, Language, Severity
from tailhub.findings.examples import forms
from tailhub.findings.texts import STEP_NAMES
from tailhub.tools.report import Outcome, Report, Step

__all__ = [
    "code_lines",
    "counted",
    "finding_block",
    "finding_rows",
    "headline",
    "report_lines",
    "summary",
    "verdict",
]

_STYLES: dict[Severity, Style] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "step"}
_OUTCOMES: dict[Outcome, tuple[str, Style]] = {
    Outcome.OK: ("ok", "good"),
    Outcome.OK_BEYOND: ("ok_beyond", "good"),
    Outcome.WARNING: ("outcome_warning", "warning"),
    Outcome.FAIL: ("fail", "error"),
    Outcome.UNTESTED: ("untested", "dim"),
}
_ENDS_IN_COMMAND = re.compile(r"(?P<text>.*?[:：])\s*`(?P<command>[^`]+)`[.。]?", re.DOTALL)
_LEAST_COLUMNS = 24  # of prose, however narrow the terminal


def report_lines(report: Report, lang: Language, columns: int, title: str) -> Iterator[Line]:
    """All about one relay or machine. `title`: what it is called, with the command's name."""
    words = TEXTS[lang]
    text, style = verdict(report, lang)
    place = f"   {report.place.text(lang)}" if report.place else ""
    yield Line(f"{title}   {text}{place}", style)
    for finding in report.findings:
        yield Line("")
        yield from finding_block(finding, lang, columns)
    yield Line("")
    yield from _steps(report.steps, lang, columns)
    if any(step.outcome is Outcome.OK_BEYOND for step in report.steps):
        yield from (Line("  " + text, "dim") for text in wrap(words["beyond"], columns - 2))


def verdict(report: Report, lang: Language) -> tuple[str, Style]:
    """The whole report in a few words."""
    if report.count(Severity.ERROR):
        return TEXTS[lang]["broken"], "error"
    if report.count(Severity.WARNING):
        return TEXTS[lang]["well_but"], "warning"
    return TEXTS[lang]["well"], "title"


def counted(reports: Sequence[Report], lang: Language) -> str:
    """How much is wrong in all of it."""
    words = TEXTS[lang]
    errors = sum(report.count(Severity.ERROR) for report in reports)
    warnings = sum(report.count(Severity.WARNING) for report in reports)
    counts = [words["one_error" if errors == 1 else "errors"].format(count=errors)] if errors else []
    counts += [words["one_warning" if warnings == 1 else "warnings"].format(count=warnings)] if warnings else []
    return words["comma"].join(counts) or words["nothing"]


def summary(reports: Sequence[Report], lang: Language) -> str:
    """How much is wrong in all of it, and which options tell more."""
    words = TEXTS[lang]
    parts = [counted(reports, lang)]
    if len(reports) > 1:
        well = sum(report.is_healthy for report in reports)
        parts.insert(0, words["relays"].format(count=len(reports), well=well, broken=len(reports) - well))
    first = next((finding.code for report in reports for finding in report.findings), "")
    if first:
        parts += [words["more"].format(code=first), words["share"]]
    return "   ".join([*parts, words["machines"]])


def finding_block(finding: Finding, lang: Language, columns: int) -> Iterator[Line]:
    """One finding: how bad, the headline, its code; then what was seen, what it means, what to do, and what it does."""
    text, *seen = finding.what(lang).split("\n")
    yield from headline(finding.severity, text, finding.code, lang, columns)
    yield from finding_rows(finding, seen, lang, columns)


def headline(severity: Severity, text: str, code: str, lang: Language, columns: int) -> Iterator[Line]:
    """How bad it is, what it is, and the code."""
    words = TEXTS[lang]
    labels = max(_labels(words) + 2, *(display_width(words[name]) for name in ("error", "warning", "note")))
    head = pad(words[severity.value], labels) + "  "
    parts = wrap(text, max(_LEAST_COLUMNS, columns - display_width(head) - len(code) - 2))
    room = columns - len(code) - 2
    for number, part in enumerate(parts):
        line = (head if number == 0 else " " * display_width(head)) + part
        yield Line(f"{pad(line, room)}  {code}" if number == 0 else line, _STYLES[severity])


def finding_rows(
    finding: Finding, seen: Sequence[str], lang: Language, columns: int, seen_label: str = ""
) -> Iterator[Line]:
    """What was `seen`, and what the finding says it means, what to do, and what it does to users now."""
    words = TEXTS[lang]
    rows = [
        (seen_label or words["seen"], list(seen)),
        (words["means"], [finding.means(lang)] if finding.means(lang) else []),
        (words["fix"], _numbered(finding.remedy(lang).split("\n"))),
        (words["now"], [finding.now(lang)] if finding.now(lang) else []),
    ]
    width = _labels(words)
    for label, texts in rows:
        for text in texts:
            for line in _prose(text, columns - width - 4):
                yield Line(f"  {pad(label, width)}  {line.text}", line.style)
                label = ""


def _labels(words: Mapping[str, str]) -> int:
    return max(display_width(words[name]) for name in ("seen", "means", "fix", "now"))


def _numbered(steps: list[str]) -> list[str]:
    return [f"{number} {step}" for number, step in enumerate(steps, start=1)] if len(steps) > 1 else steps


def _prose(text: str, columns: int) -> Iterator[Line]:
    """Broken at `columns`; a command at its end gets a line of its own, without the backticks."""
    command = ""
    if found := _ENDS_IN_COMMAND.fullmatch(text):
        text, command = found["text"], found["command"]
    indent = "  " if re.match(r"\d ", text) else ""
    for number, part in enumerate(wrap(text, max(_LEAST_COLUMNS, columns - len(indent)))):
        yield Line((indent if number else "") + part)
    if command:
        yield Line(f"    {command}", "paste")


def _steps(steps: Sequence[Step], lang: Language, columns: int) -> Iterator[Line]:
    words = TEXTS[lang]
    labels = max(display_width(words[key]) for key, _ in _OUTCOMES.values())
    names = max((display_width(_step_name(step, lang)) for step in steps), default=0)
    for step in steps:
        key, style = _OUTCOMES[step.outcome]
        remark = step.remark.text(lang) if step.remark else ""
        see = words["see"].format(code=step.code) if step.code else ""
        head = f"  {pad(words[key], labels)}  {pad(_step_name(step, lang), names)}  "
        text = words["comma"].join(part for part in (remark, see) if part)
        for number, part in enumerate(wrap(text, max(_LEAST_COLUMNS, columns - display_width(head)))):
            yield Line(((head if number == 0 else " " * display_width(head)) + part).rstrip(), style)


def _step_name(step: Step, lang: Language) -> str:
    names = STEP_NAMES.get(step.name, (step.name, step.name))
    return names[lang == "zh"]


def code_lines(code: str, lang: Language, columns: int) -> Iterator[Line]:
    """The page of a code: each part of its text in all its forms."""
    words, entry = TEXTS[lang], CATALOGUE[code]
    yield Line(f"{code} {entry.name}   {words[entry.severity.value]}", _STYLES[entry.severity])
    for part, title in (
        ("what", "what_title"),
        ("means", "means_title"),
        ("remedy", "fix_title"),
        ("now", "now_title"),
    ):
        texts = forms(code, part, lang)
        if not texts:
            continue
        yield Line("")
        yield Line(words[title], "step")
        for text in texts:
            lines = text.split("\n")
            for line in _numbered(lines) if part == "remedy" else lines:
                yield from (Line(f"  {one.text}", one.style) for one in _prose(line, columns - 2))
    yield Line("")
    yield Line(words["values"], "dim")
