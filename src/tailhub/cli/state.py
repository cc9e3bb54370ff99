"""``tailhub state``: moves a relay to another machine, or takes one over from derper."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tailhub import findings
from tailhub.cli import command_line, options, output
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Finding, Language

if TYPE_CHECKING:
    from tailhub.cli.screen import Line
    from tailhub.server.state_archive import Archive

app = typer.Typer(help="Move a relay's state to another machine, or take it over.", invoke_without_command=True)

STANDARD = "-"  # standard input or output

_TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "exported": "tailhub state export   {count} files, {size} KiB, into {file}",
        "imported": "tailhub state import   {count} files into {path}",
        "origin": "From",
        "origin_value": "{host}, {date}, tailhub {version}",
        "key": "Relay key",
        "no_key": "none: a new one is made at the next start (clients do not mind; the region id changes)",
        "pinned": "Pin",
        "no_pin": "none: a new one is made at the next start",
        "more": "Further",
        "replaced": "Before",
        "replaced_value": "what was here is in {path}; remove it when the relay works",
        "secret": "The file has the relay's private keys and can be read by you alone: keep it so. The configuration "
        "file is not in it.",
        "copy": "Copy it to the new machine, and import it there:",
        "start": "Start the relay there. Its pin is the same; change the address in the map or in DNS.",
        "stop": "Stop the relay here once clients have gone over.",
        "run": "Start the relay; clients that pin its certificate notice nothing but the reconnect:",
    },
    "zh": {
        "exported": "tailhub state export   {count} 个文件，{size} KiB，已写入 {file}",
        "imported": "tailhub state import   {count} 个文件，已导入 {path}",
        "origin": "来源",
        "origin_value": "{host}，{date}，tailhub {version}",
        "key": "中继密钥",
        "no_key": "无：下次启动时生成新的（客户端不受影响；区域编号会变）",
        "pinned": "指纹",
        "no_pin": "无：下次启动时生成新证书",
        "more": "其他",
        "replaced": "原有状态",
        "replaced_value": "已移到 {path}；确认中继正常后可以删除",
        "secret": "文件里有中继的私钥，只有你能读取：请保管好。配置文件不在其中。",
        "copy": "把它复制到新机器，并在那里导入：",
        "start": "在新机器上启动中继。指纹不变；请修改 map 或 DNS 里的地址。",
        "stop": "等客户端都转过去之后，停掉这里的中继。",
        "run": "启动中继；锁定其证书的客户端只会重新连接一次：",
    },
}


@app.callback()
def state(context: typer.Context) -> None:
    """Move a relay's state to another machine, or take it over from derper."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command("export")
def export_state(
    file: Annotated[str, typer.Argument(metavar="FILE", help="File to make (tar); - for standard output.")],
    state_dir: Annotated[Path | None, options.state_dir("state export")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Write all of a relay's state into one file: key, certificates, lists, usage. The relay may go on running."""
    language = command_line.language(lang)
    from tailhub.cli.admin_socket import state_directory
    from tailhub.server.state_archive import collect, left_behind, pack, write_archive

    now = datetime.now(UTC)
    path = state_directory(state_dir)
    files = collect(path)
    data = pack(files, now)
    lacking = findings.export_lacks(paths) if (paths := left_behind(path)) else None
    if file == STANDARD:
        if sys.stdout.isatty():
            reason = "a terminal cannot show what a tar holds; name a file"
            raise MachineError(findings.output_failed(reason))
        _write_bytes(data)
        if lacking is not None:
            output.write_finding(lacking, language)
        return 0
    write_archive(Path(file), data)
    _show(_exported(Path(file), files, len(data), lacking, language))
    return 0


@app.command("import")
def import_state(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DIR", help="What `export` has made (- for standard input), or derper's directory."
        ),
    ],
    key_file: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--key-file", "tailhub state import"),
            metavar="FILE",
            help="derper's key (its -c), when DIR has only its certificate.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if there is state: that is moved aside, not deleted.")
    ] = False,
    state_dir: Annotated[Path | None, options.state_dir("state import")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Make an exported state, or what derper kept in DIR, the state of the relay here: all of it or nothing."""
    language = command_line.language(lang)
    from tailhub.cli.admin_socket import state_directory
    from tailhub.server.state_import import put_state, read_directory

    path = state_directory(state_dir)
    archive: Archive | None = None
    files: Mapping[str, bytes]
    if source != STANDARD and Path(source).is_dir():
        files = read_directory(Path(source), key_file)
    elif key_file is not None:
        raise UsageError(findings.options_exclude("--key-file", "FILE"))
    else:
        archive = _read_archive(source)
        files = archive.files
    replaced = put_state(path, files, datetime.now(UTC), force=force)
    _show(_imported(path, files, archive, replaced, state_dir, language))
    return 0


def _read_archive(source: str) -> Archive:
    from tailhub.certs.files import current_directory
    from tailhub.server.state_archive import MAX_ARCHIVE_LEN, unpack

    try:
        if source == STANDARD:
            data = sys.stdin.buffer.read(MAX_ARCHIVE_LEN + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(MAX_ARCHIVE_LEN + 1)
    except FileNotFoundError as exc:
        raise MachineError(findings.file_missing("tailhub state import", source, current_directory())) from exc
    except OSError as exc:
        raise MachineError(findings.file_trouble(source, exc.strerror or str(exc))) from exc
    return unpack(data, source)


def _write_bytes(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise MachineError(findings.output_failed(exc.strerror or str(exc))) from exc


# --- what is printed --------------------------------------------------------------------------------------------------


def _show(lines: Iterator[Line]) -> None:
    from tailhub.cli.screen import show

    show(list(lines), sys.stdout)


def _columns() -> int:
    from tailhub.cli.screen import columns_of

    return columns_of(sys.stdout)


def _exported(
    path: Path, files: Mapping[str, bytes], length: int, lacking: Finding | None, lang: Language
) -> Iterator[Line]:
    from tailhub.cli.listing import block, short_path, step
    from tailhub.cli.screen import Line, finding_lines
    from tailhub.cli.text_layout import wrap

    words, columns = _TEXTS[lang], _columns()
    size, shown = -(-length // 1024), short_path(path)
    yield Line(words["exported"].format(count=len(files), size=size, file=shown), "title")
    yield Line("")
    yield from block(_contents(files, words), columns)
    yield Line("")
    for part in wrap(words["secret"], columns - 2):
        yield Line(f"  {part}", "warning")
    if lacking is not None:
        yield Line("")
        yield from finding_lines(lacking, lang, columns)
    target = path.name
    commands = [f"scp -p {shown} NEW:", f"ssh -t NEW sudo tailhub state import {target}"]
    yield from step(1, words["copy"], columns, commands)
    yield from step(2, words["start"], columns)
    yield from step(3, words["stop"], columns)


def _imported(
    path: Path,
    files: Mapping[str, bytes],
    archive: Archive | None,
    replaced: Path | None,
    state_dir: Path | None,
    lang: Language,
) -> Iterator[Line]:
    from tailhub.cli.called import program
    from tailhub.cli.listing import block, short_path, step
    from tailhub.cli.screen import Line

    words, columns = _TEXTS[lang], _columns()
    yield Line(words["imported"].format(count=len(files), path=short_path(path)), "title")
    yield Line("")
    rows = _contents(files, words)
    if archive is not None:
        date = f"{archive.made_at:%Y-%m-%d %H:%M} UTC"
        value = words["origin_value"].format(host=archive.host, date=date, version=archive.version)
        rows = [(words["origin"], value), *rows]
    if replaced is not None:
        rows = [*rows, (words["replaced"], words["replaced_value"].format(path=short_path(replaced)))]
    yield from block(rows, columns)
    option = f" --state-dir {short_path(state_dir)}" if state_dir is not None else ""
    yield from step(1, words["run"], columns, [f"{program()} relay{option}"])


def _contents(files: Mapping[str, bytes], words: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """What is in it, in a few words."""
    from tailhub.server.state_place import RELAY_KEY

    certs = [name for name in files if name.startswith("pinned") and name.endswith(".crt")]
    pins = [(words["pinned"], f"{_pin(files[name])}  {name}") for name in certs]
    known = {RELAY_KEY, *certs, *(name.removesuffix(".crt") + ".key" for name in certs)}
    more = sorted({name.partition("/")[0] + "/" * ("/" in name) for name in files if name not in known})
    return [
        (words["key"], _public_key(files[RELAY_KEY]) if RELAY_KEY in files else words["no_key"]),
        *(pins or [(words["pinned"], words["no_pin"])]),
        (words["more"], ", ".join(more)),
    ]


def _pin(pem: bytes) -> str:
    import re
    import ssl

    from tailhub.certs.pin import pin_of_der

    first = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    try:
        return pin_of_der(ssl.PEM_cert_to_DER_cert(first[0].decode())) if first else "?"
    except ValueError:
        return "?"


def _public_key(data: bytes) -> str:
    from tailhub import box
    from tailhub.exceptions import LocalError
    from tailhub.server.state import parse_relay_key

    try:
        return str(box.public_key(parse_relay_key(data)))
    except LocalError:
        return "?"
