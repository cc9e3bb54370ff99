"""``tailhub derpmap lint``: what is wrong in a map, each with the line it stands in, for people and as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence

from tailhub.cli.derpmap_texts import TEXTS
from tailhub.cli.output import write
from tailhub.cli.report_json import finding_json
from tailhub.cli.report_screen import finding_block
from tailhub.cli.screen import Line, columns_of, show
from tailhub.cli.text_layout import display_width
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language, Severity, checking
from tailhub.tools.derpmap.lint import MapFinding, lint_findings, port_finding, region_names
from tailhub.tools.map_source import MapText, read_map_text
from tailhub.tools.target import Target, map_targets

__all__ = ["lint_screen", "print_lint"]

_MOST_SHOWN = 200  # columns of a line of the file, and as many characters before the place


def print_lint(name: str, region: str, *, asks: bool, as_json: bool, lang: Language) -> int:
    """Look through a map and print what is wrong; the exit code: 1 if there is an error. `asks`: the relays too."""
    map_text = read_map_text(name)
    if region and (regions := region_names(map_text)) and not region_names(map_text, region):
        raise UsageError(checking.no_such_region(region, name, regions))
    found = lint_findings(map_text, region)
    if asks:
        found = sorted([*found, *_asked(map_text, region)], key=lambda one: (one.line, one.column))
    if as_json:
        text = json.dumps(_as_json(map_text, found, lang), indent=1, ensure_ascii=False, default=str) + "\n"
        write(text.encode("utf-8", "backslashreplace").decode())  # bytes that are not UTF-8, as JSON escapes them
    else:
        show(list(lint_screen(map_text, found, lang, columns_of(sys.stdout))), sys.stdout)
    return 1 if any(one.finding.severity is Severity.ERROR for one in found) else 0


def lint_screen(map_text: MapText, found: Sequence[MapFinding], lang: Language, columns: int) -> Iterator[Line]:
    """What is printed: the count, then each finding below the line that it is about."""
    words = TEXTS[lang]
    counts = {severity: sum(one.finding.severity is severity for one in found) for severity in Severity}
    parts = [words[f"{severity.value}s"].format(count=count) for severity, count in counts.items() if count]
    bad = "error" if counts[Severity.ERROR] else "warning" if counts[Severity.WARNING] else "good"
    verdict = words["comma"].join(parts) or words["nothing"]
    yield Line(f"tailhub derpmap lint   {map_text.origin}   {verdict}", bad)  # type: ignore[arg-type]  # one of its words
    lines = map_text.text.split("\n")
    for one in found:
        yield Line("")
        yield Line(f"{map_text.origin}:{one.line}:{one.column}", "step")
        yield from _excerpt(lines, one)
        yield from finding_block(one.finding, lang, columns)


def _excerpt(lines: Sequence[str], one: MapFinding) -> Iterator[Line]:
    """The line, and a caret below the place."""
    if not 1 <= one.line <= len(lines):
        return
    before = _shown(lines[one.line - 1][: one.column - 1])[-_MOST_SHOWN:]
    after = _shown(lines[one.line - 1][one.column - 1 :])[:_MOST_SHOWN]
    number = str(one.line)
    yield Line(f"  {number} | {before}{after}".rstrip(), "dim")
    yield Line(f"  {' ' * len(number)} | {' ' * display_width(before)}^", "dim")


def _shown(text: str) -> str:
    """As wide as it is shown: a tab and whatever cannot be seen as spaces."""
    return "".join(char if char.isprintable() else " " for char in text.replace("\t", "    ").rstrip("\r\n"))


def _asked(map_text: MapText, region: str) -> list[MapFinding]:
    from tailhub.tools.derpmap.asking import ask_ports
    from tailhub.tools.derpmap.ports import judge_ports

    try:
        targets = map_targets(map_text.derp_map(), map_text.origin, region)
    except MachineError:  # what it is about has been found already
        return []
    own = [target for target in targets if target.host and not target.host.endswith(".tailscale.com")]

    async def ask(target: Target) -> list[MapFinding]:
        seen = await ask_ports(target)
        return [port_finding(map_text, target, fault) for fault in judge_ports(target, seen)]

    async def ask_all() -> list[MapFinding]:
        return [one for found in await asyncio.gather(*map(ask, own)) for one in found]

    return asyncio.run(ask_all())


def _as_json(map_text: MapText, found: Sequence[MapFinding], lang: Language) -> dict[str, object]:
    return {
        "origin": map_text.origin,
        "form": map_text.form,
        "errors": sum(one.finding.severity is Severity.ERROR for one in found),
        "warnings": sum(one.finding.severity is Severity.WARNING for one in found),
        "findings": [{"line": one.line, "column": one.column, **finding_json(one.finding, lang)} for one in found],
    }
