"""``tailhub config``: what a start would do with this configuration, what is wrong with it, and an example.

The texts are in `tailhub.cli.config_texts`.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailhub import findings
from tailhub.cli import command_line, output
from tailhub.cli.config_texts import TEXTS
from tailhub.cli.flags import takes_settings
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Finding, Language
from tailhub.settings.merge import Given, Origin, Settings, load
from tailhub.settings.setting import Section, Setting
from tailhub.settings.table import BY_NAME, SETTINGS, TENANT_BY_NAME
from tailhub.settings.values import public_text

if TYPE_CHECKING:
    from tailhub.cli.screen import Line

app = typer.Typer(help="Check, show or begin the relay's configuration.", invoke_without_command=True)

_LANG_HELP = "Language of what is printed: en or zh (default: by locale)."
_JSON = typer.Option("--json", help="As JSON, for programs.")
_LANG = typer.Option(metavar="en|zh", help=_LANG_HELP)
_SHORT_COLUMNS = 22  # a value up to here does not push away where it comes from
_NONE = "-"


@app.callback()
def config(context: typer.Context) -> None:
    """Check, show or begin the relay's configuration."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
@takes_settings
def check(
    flags: Mapping[str, object],
    as_json: Annotated[bool, _JSON] = False,
    lang: Annotated[str | None, _LANG] = None,
) -> int:
    """Tell everything that is wrong with the configuration, each at its place and with what to do.

    It looks at the files that it names, too, and starts nothing. Takes the flags that `tailhub relay` would be started
    with. The exit code is 1 when there is an error.
    """
    language = command_line.language(lang)
    from tailhub.settings.machine_checks import machine_findings

    settings = _load(flags)
    known = settings.findings()
    found = known + [finding for finding in machine_findings(settings.config()) if finding not in known]
    found.sort(key=lambda finding: ("error", "warning", "note").index(finding.severity.value))
    if as_json:
        value = {"file": _file(settings), "findings": [_finding_json(finding, language) for finding in found]}
        output.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    else:
        _show(lambda columns: _check_screen(settings, flags, found, language, columns))
    return 1 if any(finding.severity == "error" for finding in found) else 0


@app.command()
@takes_settings
def show(
    flags: Mapping[str, object],
    as_json: Annotated[bool, _JSON] = False,
    lang: Annotated[str | None, _LANG] = None,
) -> int:
    """Show every setting as a start would have it, and where it comes from: flag, variable, file, default.

    The exit code is 1 when something cannot be read.
    """
    language = command_line.language(lang)
    settings = _load(flags)
    faults = [finding for finding in settings.faults if finding.severity == "error"]
    if as_json:
        output.write(json.dumps(_settings_json(settings), indent=1, ensure_ascii=False) + "\n")
    else:
        _show(lambda columns: _show_screen(settings, bool(faults), language, columns))
    return 1 if faults else 0


@app.command()
def init(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="File to make; without it, standard output.")] = "-",
    lang: Annotated[str | None, _LANG] = None,
) -> int:
    """Write an example of the configuration file, with every setting explained. A file that is there stays."""
    language = command_line.language(lang)
    from tailhub.settings.example import example

    text = example(language)
    if file == "-":
        output.write(text)
        return 0
    path = Path(file).expanduser() if file.startswith("~") else Path(file)
    _write_new(path, text)
    _show(lambda columns: _init_screen(path, language, columns))
    return 0


def _write_new(path: Path, text: str) -> None:
    """Make the file, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("x", encoding="utf-8")
    except FileExistsError as exc:
        raise MachineError(findings.file_in_the_way(exc.filename or str(path))) from exc
    except OSError as exc:
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc
    try:
        with stream:
            stream.write(text)
    except OSError as exc:
        path.unlink(missing_ok=True)
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc


def _load(flags: Mapping[str, object]) -> Settings:
    return load(flags, os.environ, os.geteuid() if hasattr(os, "geteuid") else None, sys.platform)


def _show(screen: Any) -> None:
    from tailhub.cli.screen import columns_of
    from tailhub.cli.screen import show as show_lines

    show_lines(list(screen(columns_of(sys.stdout))), sys.stdout)


def _file(settings: Settings) -> str | None:
    return str(settings.file) if settings.is_read else None


# --- check ------------------------------------------------------------------------------------------------------------


def _finding_json(finding: Finding, lang: Language) -> dict[str, object]:
    values: dict[str, object] = {"code": finding.code, "severity": finding.severity.value, "name": finding.name}
    return values | {"what": finding.what(lang), "remedy": finding.remedy(lang)}


def _check_screen(
    settings: Settings, flags: Mapping[str, object], found: list[Finding], lang: Language, columns: int
) -> Iterator[Line]:
    from tailhub.cli.listing import block
    from tailhub.cli.screen import Line, finding_lines

    words = TEXTS[lang]
    errors = sum(finding.severity == "error" for finding in found)
    warnings = sum(finding.severity == "warning" for finding in found)
    verdict = [words["error" if errors == 1 else "errors"].format(count=errors)] if errors else []
    verdict += [words["warning" if warnings == 1 else "warnings"].format(count=warnings)] if warnings else []
    title = f"tailhub config check   {words['comma'].join(verdict) or words['sound']}"
    yield Line(title, "error" if errors else "warning" if warnings else "title")
    yield Line("")
    variables = [name for name in sorted(os.environ) if name.startswith(findings.PREFIX)]
    given = [BY_NAME[name].flag for name in flags if name in BY_NAME]
    rows = [(words["file"], _file_words(settings, words)), (words["variables"], ", ".join(variables))]
    yield from block([*rows, (words["flags"], ", ".join(given))], columns)
    for finding in found:
        yield Line("")
        yield from finding_lines(finding, lang, columns)


def _file_words(settings: Settings, words: dict[str, str]) -> str:
    from tailhub.cli.listing import short_path

    if settings.file is None:
        return words["no_file"]
    path = short_path(settings.file)
    return path if settings.is_read else words["absent"].format(path=path)


# --- show -------------------------------------------------------------------------------------------------------------


def _text(setting: Setting, value: object) -> str:
    """A value for people; what is secret stays so."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        value = ", ".join(str(one) for one in value)
    if value in (None, ""):
        return setting.shown_default or _NONE
    return public_text(setting, str(value))


def _origin(given: Given | None, origin: Origin, words: dict[str, str]) -> str:
    if given is None or origin == "quiet":
        return words[origin]
    return words["line"].format(line=given.place.line) if origin == "key" else given.place.written


def _show_screen(settings: Settings, is_faulty: bool, lang: Language, columns: int) -> Iterator[Line]:
    from tailhub.cli.listing import block
    from tailhub.cli.screen import Line
    from tailhub.cli.text_layout import wrap
    from tailhub.settings.example import section_title

    words = TEXTS[lang]
    yield Line("tailhub config show", "title")
    yield Line("")
    yield from block([(words["file"], _file_words(settings, words))], columns)
    if is_faulty:
        yield Line("")
        yield from (Line(f"  {text}", "error") for text in wrap(words["faults"], columns - 2))
    for section in Section:
        yield Line("")
        yield Line(section_title(section, lang), "step")
        for setting in SETTINGS:
            if setting.section is section:
                value, origin, _ = settings.value(setting)
                given = settings.relay.get(setting.name)
                where = _origin(given, origin, words) + (words["restart"] if setting.needs_restart else "")
                yield from _row(setting, _text(setting, value), where, origin, columns)
    for number, listener in enumerate(settings.more, start=2):
        yield Line("")
        yield Line(words["listener"].format(number=number), "step")
        for name, given in listener.items():
            text = _text(BY_NAME[name], given.value)
            yield from _row(BY_NAME[name], text, _origin(given, "key", words), "key", columns)
    for tenant in settings.tenants:
        yield Line("")
        yield Line(words["tenant"].format(name=tenant["name"].value or _NONE), "step")
        for name, given in tenant.items():
            if name != "name":
                text = _text(TENANT_BY_NAME[name], given.value)
                yield from _row(TENANT_BY_NAME[name], text, _origin(given, "key", words), "key", columns)


def _row(setting: Setting, value: str, where: str, origin: Origin, columns: int) -> Iterator[Line]:
    """Name, value, and where that comes from; below each other where they do not fit beside each other."""
    from tailhub.cli.screen import Line, Style
    from tailhub.cli.text_layout import display_width, pad

    style: Style = "dim" if origin == "default" else ""
    width = max(len(one.name) for one in SETTINGS)
    head = f"  {pad(setting.name, width)}  {pad(value, _SHORT_COLUMNS)}"
    if display_width(f"{head}  {where}") <= columns:
        yield Line(f"{head}  {where}", style)
    else:
        yield Line(head.rstrip(), style)
        yield Line(f"{' ' * (width + 4)}{where}", style)


def _settings_json(settings: Settings) -> dict[str, object]:
    values = {}
    for setting in SETTINGS:
        value, origin, place = settings.value(setting)
        values[setting.name] = _value_json(setting, value, origin, place)
    more = [
        {name: _value_json(BY_NAME[name], given.value, "key", given.place) for name, given in listener.items()}
        for listener in settings.more
    ]
    tenants = [
        {name: _value_json(TENANT_BY_NAME[name], given.value, "key", given.place) for name, given in tenant.items()}
        for tenant in settings.tenants
    ]
    return {"file": _file(settings), "settings": values, "more_listeners": more, "tenants": tenants}


_SOURCES: dict[Origin, str] = {"flag": "flag", "variable": "environment", "key": "file"}


def _value_json(setting: Setting, value: object, origin: Origin, place: findings.Place | None) -> dict[str, object]:
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, tuple):
        value = [public_text(setting, str(one)) for one in value]
    if isinstance(value, str) and value:
        value = public_text(setting, value)
    result: dict[str, object] = {"value": value, "source": _SOURCES.get(origin, origin)}
    if setting.needs_restart:
        result["needs_restart"] = True
    if place is not None and origin != "quiet":
        result |= {"place": place.written} | ({"line": place.line} if place.line else {})
    return result


# --- init -------------------------------------------------------------------------------------------------------------


def _init_screen(path: Path, lang: Language, columns: int) -> Iterator[Line]:
    from tailhub.cli.called import program
    from tailhub.cli.listing import short_path, step
    from tailhub.cli.screen import Line
    from tailhub.settings.default_file import default_file

    words = TEXTS[lang]
    usual = default_file(os.environ, os.geteuid() if hasattr(os, "geteuid") else None, sys.platform)
    is_usual = usual is not None and path.absolute() == usual
    option = "" if is_usual else f" --config {shlex.quote(str(path))}"
    yield Line(words["made"].format(path=short_path(path)), "title")
    yield from step(1, words["edit"], columns, [f"{program()} config check{option}"])
    yield from step(2, words["run"], columns, [f"{program()} relay{option}"])
