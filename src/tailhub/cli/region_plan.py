"""``tailhub region plan``: says what is wrong with a description, or writes the plan and says what is new.

The texts are in `tailhub.cli.region_plan_texts`.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tailhub.cli import output
from tailhub.cli.called import program
from tailhub.cli.listing import step
from tailhub.cli.region_plan_texts import TEXTS
from tailhub.cli.report_json import finding_json
from tailhub.cli.screen import Line, Style, columns_of, finding_lines, show
from tailhub.cli.text_layout import display_width, pad, wrap
from tailhub.exceptions import UsageError
from tailhub.findings import Language, Severity
from tailhub.tools.region.description import RegionDescription
from tailhub.tools.region.example import EXAMPLE
from tailhub.tools.region.plan import MAP_FILE, MESH_KEY, SCRIPT
from tailhub.tools.region.plan_directory import KeyWish, Outcome, load_description, plan_region

__all__ = ["described", "example", "plan", "plan_place", "wish"]

_STYLES: dict[str, Style] = {"new": "good", "changed": "warning"}


def example(lang: Language) -> str:
    """A description to begin with."""
    return EXAMPLE[lang]


def wish(*, new_key: bool, drop_old_key: bool) -> KeyWish:
    """What becomes of the mesh key."""
    return "new" if new_key else "drop" if drop_old_key else "keep"


def plan_place(description: Path, named: Path | None) -> Path:
    """The directory of a description's plan."""
    return named if named is not None else description.with_suffix("") if description.suffix else Path("region")


def described(path: Path, *, as_json: bool, lang: Language) -> RegionDescription:
    """The description at `path`; all that is wrong with it is shown, and the last of it raised as a `UsageError`."""
    region, faults = load_description(path)
    if not faults:
        return region
    if as_json:
        _write({"findings": [finding_json(one, lang) for one in faults]})
    else:
        for fault in faults[:-1]:
            output.write_finding(fault, lang)
    raise UsageError(faults[-1])


def plan(description: Path, out: Path | None, wish: KeyWish, *, as_json: bool, lang: Language) -> int:
    """Write the plan; the exit code."""
    region = described(description, as_json=as_json, lang=lang)
    directory = plan_place(description, out)
    done = plan_region(region, directory, wish, datetime.now(UTC))
    if as_json:
        _write(_json(directory, done, lang))
    else:
        show(list(_screen(region, directory, done, wish, lang, columns_of(sys.stdout))), sys.stdout)
    return 1 if any(note.severity is Severity.ERROR for note in done.notes) else 0


def _write(value: object) -> None:
    output.write(json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")


def _json(directory: Path, done: Outcome, lang: Language) -> dict[str, object]:
    files = [{"path": one.path, "state": one.state, "difference": list(one.difference)} for one in done.files]
    notes = [finding_json(note, lang) for note in done.notes]
    values: dict[str, object] = {"directory": str(directory), "files": files, "mesh_keys": done.keys}
    return values | {"pins": dict(done.pins), "others": list(done.others), "findings": notes}


def _screen(
    region: RegionDescription, directory: Path, done: Outcome, wish: KeyWish, lang: Language, columns: int
) -> Iterator[Line]:
    words = TEXTS[lang]
    changes = [one for one in done.files if one.state != "same"]
    nodes = len(region.nodes)
    title = words["planned"].format(id=region.region_id, code=region.code, nodes=nodes, directory=directory)
    yield Line(title if changes else f"{title}{words['nothing_new']}", "title")
    if changes or done.others:
        yield Line("")
    width = max(display_width(words[state]) for state in _STYLES)
    for one in changes:
        yield Line(f"  {pad(words[one.state], width)}  {one.path}", _STYLES[one.state])
        yield from (Line(f"  {' ' * width}    {line}", "dim") for line in one.difference)
    for name in done.others:
        yield from (Line(f"  {part}", "dim") for part in wrap(words["other"].format(name=name), columns - 2))
    for note in done.notes:
        yield Line("")
        yield from finding_lines(note, lang, columns)
    steps = _steps(region, directory, done, wish, lang) if changes or done.keys == 2 else []
    for number, (text, commands) in enumerate(steps, start=1):
        yield from step(number, text, columns, commands)


def _steps(
    region: RegionDescription, directory: Path, done: Outcome, wish: KeyWish, lang: Language
) -> Iterator[tuple[str, Sequence[str]]]:
    """What a person does next, each with its commands."""
    words = TEXTS[lang]
    place = shlex.quote(str(region.path))
    kinds = {node.kind for node in region.nodes}
    if done.keys == 2:
        yield words["key_copy"], [f"{program()} reload"]
        if "derper" in kinds:
            yield words["key_derper"], []
        out = "" if plan_place(region.path, None) == directory else f" --out {shlex.quote(str(directory))}"
        yield words["key_drop"], [f"{program()} region plan {place}{out} --drop-old-key"]
        return
    if wish == "drop":
        yield words["key_dropped"], [f"{program()} reload"]
        return
    if "tailhub" in kinds:
        yield (
            words["copy"],
            [
                f"scp {shlex.quote(str(directory))}/<node>/* root@<host>:/etc/tailhub/",
                "ssh root@<host> 'chown tailhub: /etc/tailhub/* && systemctl reload-or-restart tailhub'",
            ],
        )
    if "derper" in kinds:
        yield words["script"], [f"sh {SCRIPT}"]
    map_file, key = (shlex.quote(str(directory / name)) for name in (MAP_FILE, MESH_KEY))
    if len(region.nodes) > 1:
        yield words["check"], [f"{program()} region check {map_file} --mesh-key-file {key}"]
    yield words["map"].format(file=directory / MAP_FILE), [f"{program()} derpmap convert {map_file}"]
