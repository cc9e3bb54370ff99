"""``tailhub``: its commands and their flags. What each command does is in a module of its own, loaded when called."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import tailhub
from tailhub import findings
from tailhub.cli import (
    allow,
    cert,
    checks,
    command_line,
    config,
    derpmap,
    log,
    notify,
    options,
    output,
    probe_command,
    region,
    running,
    service_commands,
    state,
)
from tailhub.cli.flags import takes_settings
from tailhub.exceptions import FindingError, UsageError
from tailhub.findings import Finding
from tailhub.settings.merge import Settings, load

app = typer.Typer(
    name="tailhub",
    help="A relay for Tailscale networks: DERP and STUN, one command.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(allow.app, name="allow")
app.add_typer(cert.app, name="cert")
app.add_typer(config.app, name="config")
app.add_typer(derpmap.app, name="derpmap")
app.add_typer(log.app, name="log")
app.add_typer(state.app, name="state")
app.add_typer(notify.app, name="notify")
app.add_typer(service_commands.app, name="service")
app.add_typer(region.app, name="region")


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
        if (finding := command_line.complaint(exc, arguments)) is None:
            raise
        _print_error(finding, arguments)
        return UsageError.exit_code
    return code if isinstance(code, int) else 0


def _print_error(finding: Finding, arguments: list[str]) -> None:
    """In the language that was asked for."""
    asked = command_line.asked_language(arguments)
    output.write_finding(finding, command_line.language(asked if asked in ("en", "zh") else None))


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
@takes_settings
def relay(
    flags: Mapping[str, object],
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Run the relay. Without arguments it makes what it needs and prints what to paste where.

    "off" instead of HOST:PORT switches that listener off. HOST may be empty, localhost, an IPv4 address, or [IPv6];
    PORT a number, https, http or stun.
    Each flag is a variable and a line of the configuration file too: `tailhub config init` shows them.
    """
    from tailhub.cli.relay import run_settings

    uid = os.geteuid() if hasattr(os, "geteuid") else None

    def read(is_first: bool) -> Settings:
        return load(flags, os.environ, uid, sys.platform, may_be_pipe=is_first)

    return run_settings(read, command_line.language(lang))


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def derper(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FLAGS OF DERPER]", help="`tailhub derper -help` lists them.", show_default=False),
    ] = None,
) -> int:
    """Run the relay with derper's own flags and DERP_* variables."""
    from tailhub.cli.derper import run_original

    return run_original(words or [], command_line.language(None))


@app.command()
def usage(
    by: Annotated[str, typer.Option(metavar="key|pair|tenant|day|relay", help="What each line is about.")] = "key",
    month: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="The billing period that begins in it (default: the current one).")
    ] = "",
    since: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day.")] = "",
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day that is not counted any more.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for spreadsheets.")] = False,
    as_json: Annotated[bool, options.JSON] = False,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The relay's configuration file.")
    ] = None,
    state_dir: Annotated[Path | None, options.state_dir("usage")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Show who used what: packets, bytes, and what they cost.

    It reads the store of the relay's configuration, whether the relay runs or not. What a running relay has counted is
    there within seconds.
    """
    language = command_line.language(lang)
    if as_csv and as_json:
        raise UsageError(findings.options_exclude("--csv", "--json"))
    from tailhub.cli.usage import print_usage

    form = "csv" if as_csv else "json" if as_json else "table"
    return print_usage(config, state_dir, by, (month, since, until), form, language)


app.command()(checks.doctor)

for _command in (running.explain, running.drain, running.reload, running.top, running.dashboard, running.notice):
    app.command()(_command)


@app.command()
def netcheck(
    map_name: Annotated[
        str,
        typer.Option(
            "--map",
            metavar="FILE|URL|-|tailnet",
            help="The map (default: the running relay's, else the tailnet's).",
        ),
    ] = "",
    region: Annotated[str, typer.Option(metavar="REGION", help="Only this region: its id, code or name.")] = "",
    home: Annotated[
        str, typer.Option(metavar="REGION", help="Choose as a client whose home is this region (default: none yet).")
    ] = "",
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="How long an answer is waited for, at each step.")
    ] = "3s",
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, in the shape of `tailscale netcheck --format=json`.")
    ] = False,
    as_full_json: Annotated[bool, typer.Option("--json-full", help="As JSON: all that was seen and why.")] = False,
    state_dir: Annotated[Path | None, options.state_dir("netcheck")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Measure all relays of a map from here, and tell which region a client would choose, and why.

    STUN over IPv4 and IPv6, TCP, TLS, the DERP login, a ping through DERP; what kind of NAT is in between. Tailscale's
    own map: --map https://login.tailscale.com/derpmap/default. Exit code 1 when something is wrong.
    """
    language = command_line.language(lang)
    if as_json and as_full_json:
        raise UsageError(findings.options_exclude("--json", "--json-full"))
    from tailhub.cli.netcheck import netcheck as check

    form = "json" if as_json else "json-full" if as_full_json else "table"
    timeout_s = command_line.duration("--timeout", timeout, least_s=0.01)
    return check(map_name, region, home, state_dir, form, timeout_s, language)


@app.command()
def upgrade(
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="Install this one (default: the newest).")
    ] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the service that runs it.")] = "tailhub",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Try a newer version, then have the service run with it.

    In a virtual environment, by pipx or by uv. Beside the one that runs it checks the configuration and starts with a
    copy of the state, before the old one stops; if the service does not come up with it, the old one runs again.
    """
    from tailhub.cli.upgrade import upgrade as take_over

    return take_over(version, name, is_dry=dry_run, lang=command_line.language(lang))


app.command()(probe_command.probe)


@app.command("start-on-trial", hidden=True)
def start_on_trial(
    config_file: Annotated[str | None, typer.Option("--config", metavar="FILE")] = None,
    state_dir: Annotated[Path | None, typer.Option(metavar="DIR")] = None,
) -> int:
    """For `tailhub upgrade`: start with a copy of the state, on ports that nobody sees, and end."""
    from tailhub.cli.trial import start_on_trial as start

    return start(config_file, state_dir)
