"""``tailhub region check``: do the relays of a region know each other? Prints what `tailhub.tools.region` finds."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import tailhub
from tailhub import findings
from tailhub.certs.files import current_directory
from tailhub.cli.command_line import can_print
from tailhub.cli.doctor import find_targets, mesh_keys_of
from tailhub.cli.output import write
from tailhub.cli.region_texts import TEXTS
from tailhub.cli.report_json import finding_json
from tailhub.cli.report_screen import counted, finding_block, verdict
from tailhub.cli.screen import COLUMNS, Line, columns_of, show
from tailhub.cli.text_layout import wrap
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language, Severity, checking, printable
from tailhub.keys import MeshKey, NodePublic
from tailhub.tools.region import ExaminedRegion, NodeSeen, examine_region, regions_of_several
from tailhub.tools.region.judge import node_names
from tailhub.tools.target import Target

__all__ = ["check_regions"]

_MARKS = ("●", "✗", "?", "·", "–")  # there, lacking, not known, a node and itself, nothing to be said
_PLAIN_MARKS = ("+", "X", "?", ".", "-")
_MAP_SUFFIXES = (".json", ".hujson", ".yaml", ".yml")  # else a name that is no file is a host's
_NAMED = 8  # nodes; of more the picture has numbers only, which the table before it explains


def check_regions(name: str, region: str, mesh_key_file: Path | None, *, as_json: bool, lang: Language) -> int:
    """Look and print; the exit code: 1 if an error was found. Raises `UsageError`, `MachineError`."""
    mesh_keys = mesh_keys_of(mesh_key_file)
    if name.endswith(".toml"):
        name, planned = _planned(Path(name).expanduser(), as_json=as_json, lang=lang)
        mesh_keys = mesh_keys or planned
    asked = find_targets(name, region, stun_port=0, pin="", insecure=False)
    relays = regions_of_several(asked.relays())
    if not relays and asked.map_text is None and Path(name).suffix.lower() in _MAP_SUFFIXES:
        raise MachineError(findings.file_missing("MAP", name, current_directory()))
    if not relays:
        raise UsageError(checking.no_region_of_several(name, region))
    with nullcontext() if as_json or not sys.stderr.isatty() else _status(relays, lang):
        examined = [asyncio.run(examine_region(one, mesh_keys)) for one in relays]
    if as_json:
        write(json.dumps(_json(examined, lang), indent=1, ensure_ascii=False, default=str) + "\n")
    else:
        for one in examined:
            _show(one, lang)
        reports = [one.report for one in examined]
        more = [line for line in (counted(reports, lang), TEXTS[lang]["machines"]) if line]
        show([Line("   ".join(more), "step")], sys.stdout)
    return 0 if all(one.report.count(Severity.ERROR) == 0 for one in examined) else 1


def _planned(description: Path, *, as_json: bool, lang: Language) -> tuple[str, list[MeshKey]]:
    """The map and the mesh keys that were planned from a description. Raises `UsageError`, `MachineError`."""
    from tailhub.cli.region_plan import described, plan_place
    from tailhub.findings import region_restart
    from tailhub.tools.region.plan import MAP_FILE
    from tailhub.tools.region.plan_directory import read_mesh_keys

    region, place = described(description, as_json=as_json, lang=lang), plan_place(description, None)
    if not (place / MAP_FILE).is_file():
        raise MachineError(region_restart.no_plan_there(str(place), str(description)))
    return str(place / MAP_FILE), read_mesh_keys(region, place)


def _status(relays: Sequence[Sequence[Target]], lang: Language) -> Any:
    from rich.console import Console

    regions = ", ".join(str(one[0].node.region_id) for one in relays)
    return Console(stderr=True).status(TEXTS[lang]["looking"].format(region=regions))


# --- for people -------------------------------------------------------------------------------------------------------


def _show(one: ExaminedRegion, lang: Language) -> None:
    words, columns = TEXTS[lang], columns_of(sys.stdout)
    title = words["title"].format(
        id=one.region.region_id, name=one.region.region_name or one.region.region_code, nodes=len(one.seen.nodes)
    )
    text, style = verdict(one.report, lang)
    show([Line(title + (words["broken"] if style == "error" else text), style), Line("")], sys.stdout)
    write(_pictures(one, lang))
    lines = [Line(part, "dim") for part in _legend(one, lang, columns)]
    for finding in one.report.findings:
        lines += [Line(""), *finding_block(finding, lang, columns)]
    show([*lines, Line("")], sys.stdout)


def _pictures(one: ExaminedRegion, lang: Language) -> str:
    """The nodes, and who has a link to whom."""
    from rich.console import Console

    stream, is_terminal = io.StringIO(), sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else COLUMNS
    width = max(width, 3 * len(one.seen.nodes) + 4)  # a picture that is broken is none
    console = Console(file=stream, force_terminal=is_terminal, width=width, highlight=False, markup=False, emoji=False)
    console.print(_nodes(one, lang))
    console.print(_ways(one, lang))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n")) + "\n"


def _nodes(one: ExaminedRegion, lang: Language) -> Any:
    from rich.text import Text

    words, seen, nothing = TEXTS[lang], one.seen, _marks()[-1]
    table = _table()
    table.add_column("", justify="right")
    for column in ("node", "where", "state"):
        table.add_column(words[column], overflow="fold")
    if seen.has_mesh_key:
        table.add_column(words["version"])
        table.add_column(words["clients"], justify="right")
    for number, (node, name) in enumerate(zip(seen.nodes, _names(one), strict=True), start=1):
        state = _state(node, has_mesh_key=seen.has_mesh_key)
        row = [str(number), printable(name), printable(str(Target(node.node)))]
        figures = [printable(node.version) or nothing, str(node.clients) if node.is_mesh else nothing]
        style = "" if state == "ok" else "red" if state in ("missing", "key_differs") else "yellow"
        table.add_row(*map(Text, row), Text(words[state], style), *map(Text, figures if seen.has_mesh_key else []))
    return table


def _ways(one: ExaminedRegion, lang: Language) -> Any:
    """A line and a column for each node, by its number."""
    from rich.text import Text

    (there, lacking, unknown, itself, _), seen = _marks(), one.seen
    is_large = len(seen.nodes) > _NAMED
    table = _table(padding=0 if is_large else 1)
    table.add_column("", justify="right")
    if not is_large:
        table.add_column(TEXTS[lang]["linked"] if _marks() is _MARKS else "", overflow="fold")
    for number in range(len(seen.nodes)):
        table.add_column(str(number + 1), justify="right" if is_large else "center", no_wrap=True)
    styles = {True: Text(there, "green"), False: Text(lacking, "bold red"), None: Text(unknown, "dim")}
    for i, name in enumerate(_names(one)):
        cells = [Text(itself, "dim") if i == j else styles[seen.ways.get((i, j))] for j in range(len(seen.nodes))]
        table.add_row(str(i + 1), *([] if is_large else [printable(name)]), *cells)
    return table


def _table(padding: int = 1) -> Any:
    from rich import box
    from rich.table import Table

    lines = box.SIMPLE_HEAD if _marks() is _MARKS else box.ASCII
    return Table(box=lines, pad_edge=False, header_style="bold", padding=(0, padding))


def _legend(one: ExaminedRegion, lang: Language, columns: int) -> Iterator[str]:
    words, (there, lacking, unknown, *_) = TEXTS[lang], _marks()
    text = words["legend_keyed" if one.seen.has_mesh_key else "legend_sent"].format(there=there, lacking=lacking)
    count = len(one.seen.nodes)
    if len(one.seen.ways) < count * (count - 1):
        text += "   " + words["legend_unknown"].format(unknown=unknown)
    yield from wrap(text, columns)


def _marks() -> tuple[str, str, str, str, str]:
    return _MARKS if can_print("".join(_MARKS) + "─↓→") else _PLAIN_MARKS


def _names(one: ExaminedRegion) -> list[str]:
    return node_names([node.node for node in one.seen.nodes])


def _state(node: NodeSeen, *, has_mesh_key: bool) -> str:
    """A key of the words."""
    if node.failure:
        return "missing"
    if has_mesh_key:
        return "ok" if node.is_mesh else "key_differs"
    return "ok" if node.is_admitted else "not_let_in"


# --- for programs -----------------------------------------------------------------------------------------------------


def _json(examined: Sequence[ExaminedRegion], lang: Language) -> dict[str, Any]:
    reports = [one.report for one in examined]
    return {
        "version": tailhub.__version__,
        "errors": sum(report.count(Severity.ERROR) for report in reports),
        "warnings": sum(report.count(Severity.WARNING) for report in reports),
        "regions": [_region_json(one, lang) for one in examined],
    }


def _region_json(one: ExaminedRegion, lang: Language) -> dict[str, Any]:
    names, seen = _names(one), one.seen
    keys = {node.server_key: name for node, name in zip(seen.nodes, names, strict=True) if node.server_key}
    return {
        "region": one.region.region_id,
        "name": one.region.region_name or one.region.region_code,
        "seen_by": "mesh_key" if seen.has_mesh_key else "packets",
        "nodes": [
            {
                "name": name,
                "address": str(Target(node.node)),
                "state": _state(node, has_mesh_key=seen.has_mesh_key),
                "failure": node.failure or None,
                "server_key": str(NodePublic(node.server_key)) if node.server_key else None,
                "tailhub": node.version or None,
                "clients": node.clients if node.is_mesh else None,
                "mesh_peers": sorted(keys.get(key) or str(NodePublic(key)) for key in node.peers)
                if node.is_mesh
                else None,
            }
            for node, name in zip(seen.nodes, names, strict=True)
        ],
        "ways": [{"from": names[i], "to": names[j], "is_there": there} for (i, j), there in sorted(seen.ways.items())],
        "findings": [finding_json(finding, lang) for finding in one.report.findings],
    }
