"""``tailhub allow``: lets friends use the relay. Asks the running relay; without one, edits the list itself.

Where that is then: `tailhub.cli.allow_offline`. The texts are in `tailhub.cli.access_texts`.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailhub import findings
from tailhub.cli import command_line, options, output
from tailhub.exceptions import UsageError
from tailhub.findings import Language

if TYPE_CHECKING:
    from tailhub.cli.screen import Line
    from tailhub.verifiers.allow_list import Backing

app = typer.Typer(help="Let friends use the relay: the allow list, and who was refused.", invoke_without_command=True)

_NAME = typer.Option(metavar="NAME", help="What to call it, without spaces.")
_TENANT = typer.Option(metavar="TENANT", help="The tenant to which it belongs, if not the relay's own.")
_CONFIG = typer.Option("--config", metavar="FILE", help="The relay's configuration file, where no relay runs.")
_COMMENT = typer.Option(metavar="TEXT", help="A remark for the list.")
_SPACE = 2  # columns between those of a table


@app.callback()
def allow(context: typer.Context) -> None:
    """Let friends use the relay: the allow list, and who was refused."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
def pending(
    as_json: Annotated[bool, options.JSON] = False,
    state_dir: Annotated[Path | None, options.state_dir("allow pending")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Show who was refused: number, key, address, when, how often, and whose new key it probably is."""
    language = command_line.language(lang)
    from tailhub.cli.admin_socket import call, state_directory

    found = call(state_directory(state_dir), "GET", "pending")
    _show(found, as_json, lambda columns: _pending_screen(found, state_dir, language, columns))
    return 0


@app.command()
def approve(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Its number on the list of `pending`.")],
    name: Annotated[str, _NAME] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="It is the new key of the device with that name, or of the probable one.")
    ] = False,
    tenant: Annotated[str, _TENANT] = "",
    comment: Annotated[str, _COMMENT] = "",
    as_json: Annotated[bool, options.JSON] = False,
    state_dir: Annotated[Path | None, options.state_dir("allow approve")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Let one of the refused in, at once and from now on."""
    language = command_line.language(lang)
    from urllib.parse import quote

    from tailhub.cli.admin_socket import call, state_directory

    fields = {"name": name, "replace": replace, "tenant": tenant, "comment": comment}
    found = call(state_directory(state_dir), "POST", f"pending/{quote(number, safe='')}/approve", fields)
    _show(found, as_json, lambda columns: _added_screen(found, "approved", None, language))
    return 0


@app.command()
def add(
    key: Annotated[str, typer.Argument(metavar="KEY", help="nodekey:…, or the short one of a client that was here.")],
    name: Annotated[str, _NAME] = "",
    replace: Annotated[bool, typer.Option("--replace", help="It is the new key of the device with that name.")] = False,
    tenant: Annotated[str, _TENANT] = "",
    comment: Annotated[str, _COMMENT] = "",
    as_json: Annotated[bool, options.JSON] = False,
    config: Annotated[str | None, _CONFIG] = None,
    state_dir: Annotated[Path | None, options.state_dir("allow add")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Put a key on the allow list, or give one that is there another name. Works without a running relay too."""
    language = command_line.language(lang)
    from tailhub.cli.admin_socket import call, is_relay_running, state_directory

    directory, backing = state_directory(state_dir, config), None
    if is_relay_running(directory):
        fields = {"key": key, "name": name, "replace": replace, "tenant": tenant, "comment": comment}
        found = call(directory, "POST", "allow", fields)
    else:
        from tailhub.cli.allow_offline import offline_list
        from tailhub.relay.allowed_keys import AllowedKey, completed
        from tailhub.relay.key_lookup import find_entries, find_key

        backing, tenants = offline_list(directory, config, edits=True)
        keys = asyncio.run(backing.read()).keys
        gone = find_entries(name, keys.values()) if replace else []
        entry = AllowedKey(find_key(key, (), ()), name, tenant, comment)
        entry = completed(entry, keys, tenants, replaced := {one.key for one in gone} - {entry.key})
        asyncio.run(backing.allow(entry, replaced))
        found = {"allowed": _entry(entry), "replaced": [_entry(one) for one in gone if one.key in replaced]}
    _show(found, as_json, lambda columns: _added_screen(found, "added", backing, language))
    return 0


@app.command()
def remove(
    which: Annotated[str, typer.Argument(metavar="KEY|NAME", help="nodekey:…, a short key, or the name on the list.")],
    as_json: Annotated[bool, options.JSON] = False,
    config: Annotated[str | None, _CONFIG] = None,
    state_dir: Annotated[Path | None, options.state_dir("allow remove")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Take a key off the allow list: its device is cut off at once. Works without a running relay too."""
    language = command_line.language(lang)
    from urllib.parse import urlencode

    from tailhub.cli.admin_socket import call, is_relay_running, state_directory

    directory, backing = state_directory(state_dir, config), None
    if is_relay_running(directory):
        found = call(directory, "DELETE", "allow?" + urlencode({"which": which}))
    else:
        from tailhub.cli.allow_offline import offline_list
        from tailhub.relay.key_lookup import find_entries

        backing, _ = offline_list(directory, config, edits=True)
        entries = find_entries(which, asyncio.run(backing.read()).keys.values())
        asyncio.run(backing.disallow({entry.key for entry in entries}))
        found = {"removed": [_entry(entry) for entry in entries]}
    _show(found, as_json, lambda columns: _removed_screen(found, backing, language))
    return 0


@app.command("list")
def list_keys(
    as_json: Annotated[bool, options.JSON] = False,
    config: Annotated[str | None, _CONFIG] = None,
    state_dir: Annotated[Path | None, options.state_dir("allow list")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Show the allow list. Works without a running relay too."""
    language = command_line.language(lang)
    from tailhub.cli.admin_socket import call, is_relay_running, state_directory

    directory = state_directory(state_dir, config)
    if is_relay_running(directory):
        found = call(directory, "GET", "allow")
    else:
        from tailhub.cli.allow_offline import offline_list

        backing, _ = offline_list(directory, config, edits=False)
        listing = asyncio.run(backing.read())
        for finding in listing.found:
            output.write_finding(finding, language)
        keys = [_entry(entry) for entry in listing.keys.values()]
        found = {"lists": [{"place": backing.place, "tenant": "", "trouble": "", "keys": keys}]}
    _show(found, as_json, lambda columns: _list_screen(found, language, columns))
    return 0


def _entry(entry: Any) -> Mapping[str, Any]:
    from tailhub.server.access_json import entry_json

    return entry_json(entry)


# --- what is printed --------------------------------------------------------------------------------------------------


def _show(value: Mapping[str, Any], as_json: bool, screen: Any) -> None:
    from tailhub.cli.screen import columns_of, show

    if as_json:
        output.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    else:
        show(list(screen(columns_of(sys.stdout))), sys.stdout)


def _pending_screen(found: Mapping[str, Any], state_dir: Path | None, lang: Language, columns: int) -> Iterator[Line]:
    from tailhub.cli.access_texts import TEXTS, ago
    from tailhub.cli.called import program
    from tailhub.cli.listing import step
    from tailhub.cli.screen import Line, finding_lines

    words, now = TEXTS[lang], time.time()
    rows = found["pending"]
    yield Line(words["pending"].format(count=len(rows)), "title")
    yield Line("")
    if not rows:
        yield Line("  " + words["nobody" if found["has_verifiers"] else "everyone"])
    else:
        head = [words[name] for name in ("number", "key", "address", "last", "times", "replaces")]
        table = [
            [
                str(row["id"]),
                row["short"],
                row["address"],
                ago(now - row["last_unix_s"], words),
                str(row["count"]),
                replacement(row, words),
            ]
            for row in rows
        ]
        yield from _table(head, table)
    if found["has_verifiers"] and not found["has_list"]:
        yield Line("")
        yield from finding_lines(findings.no_allow_list(), lang, columns)
    elif rows:
        option = f" --state-dir {shlex.quote(str(state_dir))}" if state_dir is not None else ""
        number = rows[-1]["id"]
        yield from step(1, words["approve"], columns, [f"{program()} allow approve {number} --name NAME{option}"])
        key = shlex.quote(rows[-1]["short"])
        yield from step(2, words["explain"], columns, [f"{program()} explain {key}{option}"])


def replacement(row: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """Whose new key that of a refused client probably is."""
    old = row.get("replaces")
    return words["by_" + old["reason"]].format(name=old["name"] or old["short"]) if old else ""


def _added_screen(found: Mapping[str, Any], text: str, backing: Backing | None, lang: Language) -> Iterator[Line]:
    from tailhub.cli.access_texts import TEXTS
    from tailhub.cli.screen import Line

    words, entry = TEXTS[lang], found["allowed"]
    name = words["as_name"].format(name=entry["name"]) if entry["name"] else ""
    yield Line(words[text].format(key=entry["short"], name=name))
    for old in found["replaced"]:
        yield Line(words["replaced"].format(key=old["short"]))
    yield from _edited(backing, words)


def _removed_screen(found: Mapping[str, Any], backing: Backing | None, lang: Language) -> Iterator[Line]:
    from tailhub.cli.access_texts import TEXTS
    from tailhub.cli.screen import Line

    words = TEXTS[lang]
    for entry in found["removed"]:
        name = f" ({entry['name']})" if entry["name"] else ""
        yield Line(words["removed"].format(key=entry["short"], name=name))
    yield from _edited(backing, words)


def _edited(backing: Backing | None, words: Mapping[str, str]) -> Iterator[Line]:
    from tailhub.cli.listing import short_path
    from tailhub.cli.screen import Line

    if backing is not None:
        yield Line(words["edited"].format(path=short_path(backing.place)))


def _list_screen(found: Mapping[str, Any], lang: Language, columns: int) -> Iterator[Line]:
    from tailhub.cli.access_texts import TEXTS
    from tailhub.cli.listing import block, short_path
    from tailhub.cli.screen import Line

    words = TEXTS[lang]
    count = sum(len(one["keys"]) for one in found["lists"])
    yield Line(words["list_of_one" if count == 1 else "list"].format(count=count), "title")
    for one in found["lists"]:
        yield Line("")
        yield from block([(words["place"], short_path(one["place"])), (words["tenant"], one["tenant"])], columns)
        if one["trouble"]:
            yield Line(f"  {one['trouble']}", "error")
        if one["keys"]:
            yield Line("")
            names = ("short", "name", "tenant", "comment")
            head = [words[name] for name in ("key", "name", "tenant", "comment")]
            yield from _table(head, [[entry[name] for name in names] for entry in one["keys"]])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """A table whose columns are as wide as what stands in them; empty columns are left out."""
    from tailhub.cli.screen import Line
    from tailhub.cli.text_layout import display_width, pad

    used = [number for number in range(len(head)) if any(row[number] for row in rows)]
    widths = {number: max(display_width(row[number]) for row in (head, *rows)) for number in used}
    for row in (head, *rows):
        cells = [pad(findings.printable(row[number]), widths[number] + _SPACE) for number in used]
        yield Line(("  " + "".join(cells)).rstrip(), "step" if row is head else "")
