"""``tailhub cert``: the certificates that a relay has, and a new one for clients to pin.

The texts are in `tailhub.cli.cert_texts`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailhub import findings
from tailhub.cli import command_line, options, output
from tailhub.cli.cert_texts import TEXTS
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language

if TYPE_CHECKING:
    from tailhub.certs.files import Certificate
    from tailhub.cli.screen import Line
    from tailhub.server.certificate_list import KnownCertificate
    from tailhub.server.listener_record import ListenerRecord

app = typer.Typer(help="Show the relay's certificates; make a new one to pin.", invoke_without_command=True)

_SOON_DAYS = 365


@app.callback()
def cert(context: typer.Context) -> None:
    """Show the relay's certificates; make a new one to pin."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
def show(
    as_json: Annotated[bool, options.JSON] = False,
    state_dir: Annotated[Path | None, options.state_dir("cert show")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Show every certificate of the relay: names, addresses, pin, days left, file, and which listener serves it.

    The exit code is 1 when one of them cannot be used or has expired.
    """
    language = command_line.language(lang)
    directory, known, now = *_known(state_dir), datetime.now(UTC)
    if as_json:
        value = {"state_dir": str(directory), "certificates": [_as_json(one, now) for one in known]}
        output.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    else:
        from tailhub.cli.screen import columns_of
        from tailhub.cli.screen import show as show_lines

        show_lines(list(_screen(directory, known, now, language, columns_of(sys.stdout))), sys.stdout)
    is_sound = all(one.certificate is not None and now < one.certificate.not_after for one in known)
    return 0 if is_sound else 1


@app.command()
def renew(
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the new pair (default: this year).")
    ] = "",
    hostname: Annotated[
        str, typer.Option("--hostname", metavar="NAME", help="Further DNS name (or address) for clients to use.")
    ] = "",
    address: Annotated[
        list[str] | None, typer.Option("--address", metavar="IP", help="Further address for clients to use.")
    ] = None,
    state_dir: Annotated[Path | None, options.state_dir("cert renew")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Make a new certificate to pin beside the old one, and say how to change over without an outage.

    It has the names and addresses of the old one. Nothing changes until a listener is told to serve it.
    """
    language = command_line.language(lang)
    from tailhub.cli.screen import columns_of
    from tailhub.cli.screen import show as show_lines
    from tailhub.server.config import RelayConfig, check_config, split_hostname
    from tailhub.server.listener_record import read_listeners
    from tailhub.server.pinned_pair import load_pinned, make_pair, pin_names
    from tailhub.server.state import directory_finding

    hostname, addresses = split_hostname(hostname, tuple(address or ()))
    for one in addresses or ("",):  # one by one: several of a family are fine here
        check_config(RelayConfig(hostname=hostname, addresses=(one,) if one else ()))
    directory, known = _known(state_dir)
    usable = [one for one in known if one.certificate is not None]
    # Without one of our own it takes the place of the one from files: a domain that is given up, for example.
    old = next((one for one in usable if one.pin_name is not None), usable[0] if usable else None)
    if old is None or old.certificate is None:
        raise MachineError(findings.state_not_found(str(directory)))
    now = datetime.now(UTC)
    pin = name or _free_name(pin_names(directory), f"{now:%Y}")
    # The name that we made up tells scanners what runs here, and no map needs it.
    kept = (one.replace(".tailhub.invalid", ".invalid") for one in old.certificate.names)
    names = dict.fromkeys((*([hostname.lower()] if hostname else []), *kept))
    try:
        make_pair(directory, pin, list(names), list(dict.fromkeys((*old.certificate.ips, *addresses))), now)
    except OSError as exc:
        raise MachineError(directory_finding(directory, exc)) from exc
    made = load_pinned(directory, pin)
    lines = _steps(directory, pin, made, hostname, read_listeners(directory), language, columns_of(sys.stdout))
    show_lines(list(lines), sys.stdout)
    return 0


def _known(state_dir: Path | None) -> tuple[Path, list[KnownCertificate]]:
    """The state directory and the certificates; at least one, else `MachineError`."""
    from tailhub.certs.files import unreadable
    from tailhub.cli.admin_socket import state_directory
    from tailhub.server.certificate_list import list_certificates
    from tailhub.server.state import directory_finding

    directory = state_directory(state_dir)
    try:
        known = list_certificates(directory, datetime.now(UTC))
    except PermissionError as exc:
        raise MachineError(unreadable(directory)) from exc
    except OSError as exc:
        raise MachineError(directory_finding(directory, exc)) from exc
    if not known:
        raise MachineError(findings.state_not_found(str(directory)))
    return directory, known


def _free_name(taken: list[str], wanted: str) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


# --- what is printed --------------------------------------------------------------------------------------------------


def _as_json(one: KnownCertificate, now: datetime) -> dict[str, Any]:
    value: dict[str, Any] = {
        "cert": str(one.cert),
        "key": str(one.key),
        "pinned_as": one.pin_name,
        "advertised": one.is_advertised,
        "listeners": [
            {"listen": record.listen, "port": record.port, "public_port": record.public_port, "name": record.hostname}
            for record in one.listeners
        ],
    }
    if (certificate := one.certificate) is not None:
        value |= {
            "pin": certificate.pin,
            "clients_pin_it": certificate.needs_pin,
            "names": list(certificate.names),
            "addresses": list(certificate.ips),
            "issuer": certificate.issuer,
            "not_before": certificate.not_before.isoformat(),
            "not_after": certificate.not_after.isoformat(),
            "days_left": (certificate.not_after - now).days,
        }
    if one.finding is not None:
        value["problem"] = {"code": one.finding.code, "text": one.finding.render()}
    return value


def _screen(
    directory: Path, known: list[KnownCertificate], now: datetime, lang: Language, columns: int
) -> Iterator[Line]:
    from tailhub.cli.listing import block, short_path
    from tailhub.cli.screen import Line, finding_lines
    from tailhub.cli.text_layout import display_width

    words = TEXTS[lang]
    yield Line(words["title"].format(path=short_path(directory)), "title")
    labels = max(display_width(words[key]) for key in ("pin", "names", "addresses", "served", "file", "issuer"))
    for one in known:
        yield Line("")
        shown = one.cert.stem if one.pin_name is not None else short_path(one.cert)
        if one.certificate is None:
            yield Line(shown, "error")
            if one.finding is not None:
                yield from finding_lines(one.finding, lang, columns)
            continue
        yield _verdict(shown, one.certificate, now, words)
        rows = [
            (words["pin"], one.certificate.pin if one.certificate.needs_pin else ""),
            (words["names"], ", ".join(one.certificate.names)),
            (words["addresses"], ", ".join(one.certificate.ips)),
            (words["issuer"], "" if one.certificate.self_signed else one.certificate.issuer),
            (words["served"], _served(one, words)),
            (words["file"], short_path(one.cert)),
        ]
        yield from block(rows, columns, labels)


def _verdict(shown: str, certificate: Certificate, now: datetime, words: dict[str, str]) -> Line:
    """The first line: what clients do with it, and how long."""
    from tailhub.cli.screen import Line, Style

    days = (certificate.not_after - now).days
    use = words["pinned" if certificate.needs_pin else "by_name"]
    key, style = "valid", "good"
    if now >= certificate.not_after:
        key, style = "expired", "error"
    elif now < certificate.not_before:
        key, style = "not_yet", "error"
    elif certificate.needs_pin and days < _SOON_DAYS:
        key, style = "soon", "warning"
    when = words[key].format(
        date=f"{certificate.not_after:%Y-%m-%d}", days=days, start=f"{certificate.not_before:%Y-%m-%d}"
    )
    chosen: Style = style  # type: ignore[assignment]  # one of its words
    return Line(f"{shown}   {use}{words['comma']}{when}", chosen)


def _served(one: KnownCertificate, words: dict[str, str]) -> str:
    if not one.listeners:
        return words["unserved"]
    places = [_place(record) for record in one.listeners]
    return ", ".join(places) + (words["advertised"] if one.is_advertised else "")


def _place(record: ListenerRecord) -> str:
    text = f"TCP {record.port}" if record.port else record.listen
    return text if record.public_port in (0, record.port) else f"{text} → {record.public_port}"


def _steps(
    directory: Path,
    pin: str,
    made: Certificate,
    hostname: str,
    records: list[ListenerRecord],
    lang: Language,
    columns: int,
) -> Iterator[Line]:
    """What to do with the new pair: plain steps, each with what to paste. `records` are the listeners there are."""
    from tailhub.cli.listing import block, short_path, step
    from tailhub.cli.screen import Line
    from tailhub.server.pinned_pair import pair_paths

    words = TEXTS[lang]
    taken = {record.port for record in records}
    old_port = (records[0].port if records else 0) or 8443
    port = next(number for number in range(old_port + 1, old_port + len(taken) + 2) if number not in taken)
    yield Line(words["renewed"], "title")
    yield Line("")
    rows = [
        (words["pin"], made.pin),
        (words["names"], ", ".join(made.names)),
        (words["addresses"], ", ".join(made.ips)),
        (words["file"], short_path(pair_paths(directory, pin)[0])),
    ]
    yield from block(rows, columns)
    tables = [_table(record) for record in records] or [["[[listen]]", f'listen = ":{old_port}"']]
    name = [f'hostname = "{hostname}"'] if hostname else []
    # Right behind the advertised one: the new one is advertised when that is taken out.
    tables.insert(1, ["[[listen]]", f'listen = ":{port}"', f'pin = "{pin}"', *name])
    yield from step(1, words["step_listen"], columns, [line for table in tables for line in table])
    yield from step(2, words["step_open"].format(port=port), columns)
    node = [*([f'"HostName": "{hostname}"'] if hostname else []), f'"DERPPort": {port}', f'"CertName": "{made.pin}"']
    yield from step(3, words["step_map"], columns, [", ".join(node)])
    yield from step(4, words["step_wait"].format(port=old_port), columns)
    yield from step(5, words["step_drop"].format(port=old_port), columns)


def _table(record: ListenerRecord) -> list[str]:
    """A listener as the configuration file has it."""
    values: dict[str, object] = {"listen": record.listen}
    if record.public_port != record.port:
        values["public_port"] = record.public_port
    for name in ("hostname", "pin", "cert", "key", "cert_dir"):
        if value := getattr(record, name):
            values[name] = value
    if record.origin == "acme":
        values["acme"] = True
    if record.origin == "none":
        values["tls"] = False
    # The strings and numbers of JSON are those of TOML.
    return ["[[listen]]", *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())]
