"""``tailhub log``: what the running relay logs, and whose steps it logs one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tailhub import findings
from tailhub.cli import command_line, output
from tailhub.exceptions import UsageError
from tailhub.findings import Language

app = typer.Typer(help="What the running relay logs, and whose steps one by one.", invoke_without_command=True)

_LANG = typer.Option(metavar="en|zh", help="Language of what is printed: en or zh (default: by locale).")
_JSON = typer.Option("--json", help="As JSON, for programs.")

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "level": "Level: {level}",
        "nobody": "Nobody's steps are logged one by one.",
        "of": "Steps are logged of {who}, for {minutes} min more.",
        "everyone": "At the level debug everyone's steps are logged.",
        "where": "They are in the relay's log (`journalctl -u tailhub -f` for a service), at most 100 lines a second.",
        "not_there": "{who} was not looked at.",
    },
    "zh": {
        "level": "级别：{level}",
        "nobody": "没有逐步记录任何客户端。",
        "of": "正在逐步记录 {who}，还有 {minutes} 分钟。",
        "everyone": "级别为 debug 时，逐步记录所有客户端。",
        "where": "内容在中继的日志里（作为服务运行时：`journalctl -u tailhub -f`），每秒最多 100 行。",
        "not_there": "{who} 本来就没有被逐步记录。",
    },
}


def _state_dir(command: str) -> Any:
    parser = command_line.path("--state-dir", f"tailhub log {command}")
    return typer.Option(parser=parser, metavar="DIR", help="Directory that keeps the relay's state.")


@app.callback()
def log(context: typer.Context) -> None:
    """What the running relay logs, and whose steps one by one."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
def show(
    as_json: Annotated[bool, _JSON] = False,
    state_dir: Annotated[Path | None, _state_dir("show")] = None,
    lang: Annotated[str | None, _LANG] = None,
) -> int:
    """Show the level, and whose steps are logged and for how long yet."""
    return _print(_call(state_dir, "GET"), as_json, command_line.language(lang))


@app.command()
def level(
    name: Annotated[str, typer.Argument(metavar="LEVEL", help="error, warning, info, or debug: everyone's steps.")],
    as_json: Annotated[bool, _JSON] = False,
    state_dir: Annotated[Path | None, _state_dir("level")] = None,
    lang: Annotated[str | None, _LANG] = None,
) -> int:
    """Log what is at least as grave as this, until the relay is restarted or reads its settings again."""
    language = command_line.language(lang)
    return _print(_call(state_dir, "PUT", {"level": name}), as_json, language)


@app.command()
def debug(
    who: Annotated[
        str, typer.Argument(metavar="KEY|ADDRESS", help="nodekey:…, a short key as in logs, an address, or a network.")
    ],
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="How long, such as 10m.")] = "1h",
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    as_json: Annotated[bool, _JSON] = False,
    state_dir: Annotated[Path | None, _state_dir("debug")] = None,
    lang: Annotated[str | None, _LANG] = None,
) -> int:
    """Log each step of some clients: how they connect, what is decided, control frames, drops, why they go.

    At once, for those too that are here already; never what packets carry. At most 20 keys and addresses at a time.
    """
    language = command_line.language(lang)
    from tailhub.cli.drain import duration
    from tailhub.server.debug_choice import parse_choice

    text, seconds = parse_choice(who).text, duration("--for", for_)
    chosen = list(_call(state_dir, "GET")["debug"])
    if off:
        if text not in chosen and not as_json:
            output.write(TEXTS[language]["not_there"].format(who=findings.printable(text)) + "\n")
        fields: dict[str, object] = {"debug": [one for one in chosen if one != text]}
    else:
        fields = {"debug": [*(one for one in chosen if one != text), text], "ends_in_s": {text: seconds}}
    return _print(_call(state_dir, "PUT", fields), as_json, language)


def _call(state_dir: Path | None, method: str, fields: Mapping[str, object] | None = None) -> dict[str, Any]:
    from tailhub.cli.admin_socket import call, state_directory

    return call(state_directory(state_dir), method, "log-level", fields)


def _print(state: Mapping[str, Any], as_json: bool, lang: Language) -> int:
    texts = TEXTS[lang]
    if as_json:
        output.write(json.dumps(state, indent=1, ensure_ascii=False) + "\n")
        return 0
    lines = [texts["level"].format(level=state["level"])]
    for who, seconds in state["ends_in_s"].items():
        lines.append(texts["of"].format(who=findings.printable(who), minutes=max(1, round(seconds / 60))))
    if state["level"] == "debug":
        lines.append(texts["everyone"])
    elif not state["ends_in_s"]:
        lines.append(texts["nobody"])
    if state["ends_in_s"]:
        lines.append(texts["where"])
    output.write("\n".join(lines) + "\n")
    return 0
