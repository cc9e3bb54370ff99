"""``tailhub doctor --log``: explains a client's log. What its lines mean is in `tailhub.tools.client_log`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import tailhub
from tailhub import findings
from tailhub.cli.doctor_log_texts import TEXTS
from tailhub.cli.output import write
from tailhub.cli.report_texts import TEXTS as REPORT_TEXTS
from tailhub.cli.screen import COLUMNS, Line, Style, columns_of, plain, show
from tailhub.cli.text_layout import display_width, pad, wrap
from tailhub.exceptions import MachineError
from tailhub.findings import Language, Severity
from tailhub.tools.client_log import ClientLog, LogLine, RegionHistory, State, read_client_log
from tailhub.tools.client_log.meaning import finding_of, remark_of, severity_of

__all__ = ["explain_log"]

MOST_LINE_BYTES = 16 << 10  # a longer line comes in pieces
MOST_REGIONS = 20  # that are shown
_SAID_OF = 4  # regions whose words are shown with one finding
_STYLES: dict[Severity, Style] = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "step"}
_STATES: dict[State, Style] = {State.CONNECTED: "good", State.FAILING: "error"}


def explain_log(path: str, form: str, lang: Language) -> int:
    """Explain the log at `path`, ``-`` for standard input; the exit code: 1 if an error in it is not over.

    `form` is ``screen``, ``json`` or ``share``. Raises `MachineError` for a file that cannot be read.
    """
    log = _read(path)
    name = TEXTS[lang]["input"] if path == "-" else path
    if form == "json":
        write(json.dumps(_json(log, name, lang), indent=1, ensure_ascii=False) + "\n")
    elif form == "share":
        from tailhub.cli.doctor import masked

        names = [region.name for region in log.regions] + [name.rpartition("/")[2]]
        write(masked(plain(list(_screen(log, name, lang, COLUMNS))), names, lang))
    else:
        show(list(_screen(log, name, lang, columns_of(sys.stdout))), sys.stdout)
    return 1 if any(severity_of(line) is Severity.ERROR for line in log.found) else 0


def _read(path: str) -> ClientLog:
    try:
        if path == "-":
            return read_client_log(_lines(sys.stdin.buffer))
        with Path(path).expanduser().open("rb") as file:
            return read_client_log(_lines(file))
    except OSError as exc:
        raise MachineError(findings.file_trouble(path, exc.strerror or str(exc))) from exc


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(MOST_LINE_BYTES), b"")


# --- for people -------------------------------------------------------------------------------------------------------


def _screen(log: ClientLog, name: str, lang: Language, columns: int) -> Iterator[Line]:
    words, report = TEXTS[lang], REPORT_TEXTS[lang]
    severities = [severity_of(line) for line in log.found]
    worst = next((one for one in (Severity.ERROR, Severity.WARNING) if one in severities), None)
    verdict = {Severity.ERROR: report["broken"], Severity.WARNING: report["well_but"], None: report["well"]}[worst]
    style: Style = _STYLES[worst] if worst is not None else "title"
    if not log.known:
        verdict, style = words["nothing_known"], "warning"
    yield Line(f"tailhub doctor --log {findings.printable(name)}   {verdict}", style)
    yield from _about(log, words, report["comma"], columns)
    trouble = [line for line in log.found if line.is_trouble]
    for _, lines in groupby(sorted(trouble, key=_order(trouble)), key=lambda line: line.code):
        yield Line("")
        yield from _block(list(lines), lang, columns)
    yield from _regions(log, trouble, lang, columns)
    over = [line for line in log.found if line.code and line.is_over]
    for title, rows in (("over_title", over), ("seen_title", [line for line in log.found if not line.code])):
        if rows:
            yield from (Line(""), Line(words[title], "step"))
            for _, alike in groupby(sorted(rows, key=_alike), key=_alike):
                yield from _row(list(alike), lang, columns)


def _about(log: ClientLog, words: dict[str, str], comma: str, columns: int) -> Iterator[Line]:
    parts = [words["lines"].format(lines=f"{log.lines:,}", known=f"{log.known:,}")]
    parts += [words["span"].format(first=log.first, last=log.last)] if log.first and log.last else []
    parts += [words["client"].format(version=findings.printable(log.version))] if log.version else []
    remarks = [comma.join(parts)]
    remarks += [words["reversed"]] if log.is_reversed else []
    remarks += [words["hidden"].format(hidden=f"{log.hidden:,}")] if log.hidden else []
    remarks += [words["none_known"]] if not log.known else []
    for remark in remarks:
        yield from (Line("  " + part, "dim") for part in wrap(remark, columns - 2))


def _order(lines: Sequence[LogLine]) -> Any:
    """The codes in the order in which they come: of each the first is the gravest."""
    ranks: dict[str, int] = {}
    for line in sorted(lines, key=lambda line: tuple(_STYLES).index(severity_of(line))):
        ranks.setdefault(line.code, len(ranks))
    return lambda line: ranks[line.code]


def _block(lines: Sequence[LogLine], lang: Language, columns: int) -> Iterator[Line]:
    """One finding, with what the lines that mean it say."""
    from tailhub.cli.report_screen import finding_rows, headline

    words, line = TEXTS[lang], lines[0]
    text = remark_of(line).text(lang)
    yield from headline(severity_of(line), text[0].upper() + text[1:], line.code, lang, columns)
    said = [text for one in lines[:_SAID_OF] for text in _said(one, words)]
    if len(lines) > _SAID_OF:
        said.append(words["more_regions"].format(count=len(lines) - _SAID_OF))
    yield from finding_rows(finding_of(line), said, lang, columns, seen_label=words["says"])


def _said(line: LogLine, words: dict[str, str]) -> Iterator[str]:
    region = words["in_region"].format(region=line.region) if line.region is not None else ""
    yield f"{region}{findings.printable(line.said)}"
    yield _times(line, words)


def _times(line: LogLine, words: dict[str, str]) -> str:
    key = "times_undated" if not line.first or not line.last else "once" if line.count == 1 else "times"
    first, last = findings.printable(line.first), findings.printable(line.last)
    if first[:10] == last[:10] and first[:4].isdigit():
        last = last[11:]  # on the same day
    return words[key].format(count=f"{line.count:,}", first=first, last=last)


def _regions(log: ClientLog, trouble: Iterable[LogLine], lang: Language, columns: int) -> Iterator[Line]:
    if not log.regions:
        return
    words, comma = TEXTS[lang], REPORT_TEXTS[lang]["comma"]
    codes: dict[int, list[str]] = {}
    for line in trouble:
        if line.region is not None and line.code not in codes.setdefault(line.region, []):
            codes[line.region].append(line.code)
    yield from (Line(""), Line(words["regions"], "step"))
    rows = sorted(log.regions, key=lambda one: (not one.is_home, one.state is not State.FAILING, one.region))
    names = [_region_name(one) for one in rows]
    width = max(map(display_width, names))
    for one, name in list(zip(rows, names, strict=True))[:MOST_REGIONS]:
        see = words["see"].format(code=comma.join(codes[one.region])) if codes.get(one.region) else ""
        parts = [words["home"] if one.is_home else "", _state(one, words), see]
        head = f"  {pad(name, width)}  "
        for number, part in enumerate(wrap(comma.join(filter(None, parts)), max(24, columns - display_width(head)))):
            yield Line((head if not number else " " * display_width(head)) + part, _STATES.get(one.state, "dim"))
    if len(rows) > MOST_REGIONS:
        yield Line("  " + words["more_rows"].format(count=len(rows) - MOST_REGIONS), "dim")


def _region_name(one: RegionHistory) -> str:
    return findings.printable(f"{one.region} {one.name[:20]}".rstrip())


def _state(one: RegionHistory, words: dict[str, str]) -> str:
    key = one.state.value
    if not one.since and one.state in (State.FAILING, State.CONNECTED):
        key = "failing_undated" if one.state is State.FAILING else "connected_before"
    elif one.state is State.FAILING and not one.failures:
        key = "held"
    return words[key].format(since=findings.printable(one.since), failures=f"{one.failures:,}")


def _alike(line: LogLine) -> tuple[str, str]:
    return line.code, remark_of(line).text()


def _row(lines: Sequence[LogLine], lang: Language, columns: int) -> Iterator[Line]:
    """What is said of several regions alike."""
    words, line = TEXTS[lang], lines[0]
    numbers = [str(one.region) for one in lines if one.region is not None]
    region = words["in_regions" if len(numbers) > 1 else "in_region"] if numbers else ""
    region = region.format(region=numbers[0] if numbers else "", regions=", ".join(numbers))
    times = f"   {_times(line, words)}" if len(lines) == 1 else ""
    code = f"   {line.code}" if line.code else ""
    for number, part in enumerate(wrap(f"{region}{remark_of(line).text(lang)}{times}{code}", columns - 4)):
        yield Line(("    " if number else "  ") + part, "dim" if not line.code else "")


# --- for programs -----------------------------------------------------------------------------------------------------


def _json(log: ClientLog, name: str, lang: Language) -> dict[str, Any]:
    return {
        "version": tailhub.__version__,
        "log": name,
        "lines": log.lines,
        "known": log.known,
        "hidden": log.hidden,
        "first": log.first,
        "last": log.last,
        "client": log.version,
        "is_reversed": log.is_reversed,
        "is_healthy": log.is_healthy,
        "home_changes": log.home_changes,
        "regions": [
            {
                "region": one.region,
                "name": one.name,
                "is_home": one.is_home,
                "state": one.state.value,
                "since": one.since,
                "connections": one.connections,
                "failures": one.failures,
            }
            for one in log.regions
        ],
        "found": [_line_json(line, lang) for line in log.found],
    }


def _line_json(line: LogLine, lang: Language) -> dict[str, Any]:
    return {
        "kind": line.name,
        "code": line.code or None,
        "severity": severity_of(line).value,
        "is_over": line.is_over,
        "region": line.region,
        "count": line.count,
        "first": line.first,
        "last": line.last,
        "said": line.said,
        "text": remark_of(line).text(lang),
        "values": dict(line.values),
    }
