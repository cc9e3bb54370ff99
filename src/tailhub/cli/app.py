"""``tailhub``: its commands and their flags. What each command does is in a module of its own, loaded when called."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import tailhub
from tailhub import findings
from tailhub.cli import output, usage
from tailhub.exceptions import FindingError, UsageError
from tailhub.findings import Finding, Language, choose_language
from tailhub.server.config import RelayConfig, split_hostname

app = typer.Typer(
    name="tailhub",
    help="A relay for Tailscale networks: DERP and STUN, one command.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_LANG_HELP = "Language of what is printed: en or zh (default: by locale)."
_STATE_HELP = "Directory that keeps the relay's key and certificate."


def run(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 (the machine stands in the way) or 2 (wrong usage)."""
    output.open_missing_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(arguments)
    except BrokenPipeError:  # `tailhub derpmap | head -1`: the reader has had enough
        return 1
    finally:
        output.give_up()


def _run(arguments: list[str]) -> int:
    try:
        code = app(args=arguments, standalone_mode=False)
    except typer.Abort:
        return 130
    except FindingError as exc:
        if isinstance(exc.finding, Finding):
            _print_error(exc.finding, arguments)
        return exc.exit_code
    except Exception as exc:
        if (finding := usage.complaint(exc, arguments)) is None:
            raise
        _print_error(finding, arguments)
        return UsageError.exit_code
    return code if isinstance(code, int) else 0


def _print_error(finding: Finding, arguments: list[str]) -> None:
    """One sentence or two for a person, in their language, and the code to look it up by."""
    asked = usage.asked_language(arguments)
    language = _language(asked if asked in ("en", "zh") else None)
    try:
        sys.stderr.write(f"tailhub: {finding.render(language)}  [{finding.code}]\n")
    except OSError:  # nowhere to say it: the exit code has to do
        pass


def _language(override: str | None) -> Language:
    chosen = choose_language(os.environ, override)
    # A terminal for ASCII would show nothing but question marks.
    return chosen if chosen == "en" or usage.can_print("中继") else "en"


def _show_version(wanted: bool) -> None:
    if wanted:
        output.write(f"tailhub {tailhub.__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A relay for Tailscale networks: DERP and STUN, one command."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
def relay(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where clients connect (TLS, any port).")] = ":8443",
    http_listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Plain HTTP: captive portal check and redirect, usually :80.")
    ] = "off",
    stun_listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="STUN over UDP.")] = ":3478",
    admin_listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Health, metrics and the map, for you only.")
    ] = "127.0.0.1:9912",
    public_port: Annotated[
        int | None,
        typer.Option(
            parser=usage.number(partial(findings.bad_port, "--public-port")),
            metavar="N",
            help="TCP port that clients use, if another one than --listen's.",
        ),
    ] = None,
    stun_public_port: Annotated[
        int | None,
        typer.Option(
            parser=usage.number(partial(findings.bad_port, "--stun-public-port")),
            metavar="N",
            help="UDP port that clients use, if another one than --stun-listen's.",
        ),
    ] = None,
    hostname: Annotated[str, typer.Option(metavar="NAME", help="DNS name that clients use (or an address).")] = "",
    address: Annotated[
        list[str] | None, typer.Option(metavar="IP", help="Address that clients use; once for IPv4, once for IPv6.")
    ] = None,
    discover: Annotated[
        bool, typer.Option("--discover/--no-discover", help="Ask the cloud's metadata and public STUN servers.")
    ] = True,
    cert: Annotated[
        Path | None,
        typer.Option(parser=usage.path("--cert"), metavar="FILE", help="Certificate (PEM) with its chain."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(parser=usage.path("--key"), metavar="FILE", help="The certificate's private key (PEM)."),
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(parser=usage.path("--state-dir"), metavar="DIR", help=_STATE_HELP)
    ] = None,
    mesh_key_file: Annotated[
        Path | None,
        typer.Option(
            parser=usage.path("--mesh-key-file"),
            metavar="FILE",
            help="Secret shared by the relays of one region: 64 hex digits.",
        ),
    ] = None,
    region_id: Annotated[
        int | None,
        typer.Option(
            parser=usage.number(findings.bad_region_id),
            metavar="N",
            help="Region in the printed map, 900 to 999 (default: from the key).",
        ),
    ] = None,
    home: Annotated[str, typer.Option(metavar="blank|URL", help="Home page: nothing, or a redirect.")] = "",
    bootstrap_dns_names: Annotated[
        str, typer.Option(metavar="A,B", help="Names to publish on /bootstrap-dns, separated by commas.")
    ] = "",
    stun_rfc: Annotated[
        bool, typer.Option("--stun-rfc/--no-stun-rfc", help="Answer plain RFC 8489 STUN too, limited by address.")
    ] = True,
    workers: Annotated[
        int | None,
        typer.Option(
            parser=usage.workers,
            metavar="N|auto",
            help="Processes that serve clients (auto: 1 up to two cores, else one less than there are).",
            show_default="auto",
        ),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Run the relay. Without arguments it makes what it needs and prints what to paste where.

    "off" instead of HOST:PORT switches that listener off. HOST may be empty, an IPv4 address, or [IPv6].
    """
    language = _language(lang)
    from tailhub.cli.relay import run_relay

    names = tuple(name.strip() for name in bootstrap_dns_names.split(",") if name.strip())
    hostname, addresses = split_hostname(hostname, tuple(address or ()))
    config = RelayConfig(
        listen=listen,
        http_listen=http_listen,
        stun_listen=stun_listen,
        admin_listen=admin_listen,
        public_port=public_port,
        stun_public_port=stun_public_port,
        hostname=hostname,
        addresses=addresses,
        discover=discover,
        cert=cert,
        key=key,
        state_dir=state_dir,
        mesh_key_file=mesh_key_file,
        region_id=region_id,
        home=home,
        bootstrap_dns_names=names,
        stun_rfc=stun_rfc,
        workers=workers or None,
    )
    return run_relay(config, language)


@app.command()
def derpmap(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for derp.urls of Headscale and for tools.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, for derp.paths of Headscale.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=usage.path("--state-dir", "tailhub derpmap"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Print the running relay's map again.

    Plain, it is for Tailscale's policy file.
    """
    language = _language(lang)
    if as_json and as_yaml:
        raise UsageError(findings.options_exclude("--json", "--yaml"))
    from tailhub.cli.derpmap import print_map

    return print_map(state_dir, as_json=as_json, as_yaml=as_yaml, lang=language)
