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
from tailhub.cli import allow, cert, command_line, config, log, notify, output, state
from tailhub.cli.flags import takes_settings
from tailhub.exceptions import FindingError, UsageError
from tailhub.findings import Finding
from tailhub.settings.merge import load

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
app.add_typer(log.app, name="log")
app.add_typer(state.app, name="state")
app.add_typer(notify.app, name="notify")

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
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Run the relay. Without arguments it makes what it needs and prints what to paste where.

    "off" instead of HOST:PORT switches that listener off. HOST may be empty, localhost, an IPv4 address, or [IPv6];
    PORT a number, https, http or stun.
    Each flag is a variable and a line of the configuration file too: `tailhub config init` shows them.
    """
    from tailhub.cli.relay import run_settings

    uid = os.geteuid() if hasattr(os, "geteuid") else None
    return run_settings(lambda: load(flags, os.environ, uid, sys.platform), command_line.language(lang))


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def derper(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FLAGS OF DERPER]", help="`tailhub derper -help` lists them.", show_default=False),
    ] = None,
) -> int:
    """Run the relay with the flags and DERP_* variables of Tailscale's derper."""
    from tailhub.cli.derper import run_original

    return run_original(words or [], command_line.language(None))


@app.command()
def derpmap(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for derp.urls of Headscale and for tools.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, for derp.paths of Headscale.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub derpmap"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Print the running relay's map again.

    Plain, it is for Tailscale's policy file.
    """
    language = command_line.language(lang)
    if as_json and as_yaml:
        raise UsageError(findings.options_exclude("--json", "--yaml"))
    from tailhub.cli.derpmap import print_map

    return print_map(state_dir, as_json=as_json, as_yaml=as_yaml, lang=language)


@app.command()
def usage(
    by: Annotated[str, typer.Option(metavar="key|pair|tenant|day|relay", help="What each line is about.")] = "key",
    month: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="The billing period that begins in it (default: the current one).")
    ] = "",
    since: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day.")] = "",
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day that is not counted any more.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, for spreadsheets.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The relay's configuration file.")
    ] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub usage"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
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


@app.command()
def explain(
    key: Annotated[
        str, typer.Argument(metavar="KEY|NAME", help="nodekey:…, a short key as in logs, or a name on the allow list.")
    ],
    ask: Annotated[bool, typer.Option("--ask", help="Ask all verifiers about it now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub explain"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Tell why a key may relay or may not: what each verifier said of it, and when."""
    from tailhub.cli.explain import explain as explain_key

    return explain_key(key, state_dir, ask=ask, as_json=as_json, lang=command_line.language(lang))


@app.command()
def drain(
    evacuate: Annotated[
        bool, typer.Option("--evacuate", help="Move all devices to another region of the map, without losing packets.")
    ] = False,
    delay: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="How long STUN is answered late before that (default: 6m)."),
    ] = None,
    over: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Close all devices one after the other over this time; then the relay ends."),
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="With --over: do not end then, until the relay is told to.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Show how far it is, and end.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Serve everyone again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs; does not wait.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub drain"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Empty the running relay before maintenance.

    With --evacuate STUN is answered late until busy devices have moved to another region, some 6 minutes; then quiet
    ones are asked to. Exit code 1 when somebody is left. With --over nobody new is taken, users are told, and devices
    are closed: they come back when the relay is started again.
    """
    language = command_line.language(lang)
    words = (("--evacuate", evacuate), ("--over", over is not None), ("--status", status), ("--stop", stop))
    asked = [name for name, is_given in words if is_given]
    if len(asked) > 1:
        raise UsageError(findings.options_exclude(*asked[:2]))
    from tailhub.cli import drain as command

    if evacuate:
        delay_s = None if delay is None else command.duration("--for", delay)
        return command.evacuate(state_dir, delay_s, as_json=as_json, lang=language)
    if delay is not None:
        raise UsageError(findings.option_needs_other("--for", delay, "--evacuate"))
    if over is not None:
        over_s = command.duration("--over", over)
        return command.close(state_dir, over_s, stays=stay, as_json=as_json, lang=language)
    if stay:
        raise UsageError(findings.option_needs_other("--stay", "", "--over"))
    return command.show(state_dir, stop=stop, as_json=as_json, lang=language)


@app.command()
def reload(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub reload"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Have the running relay read its configuration and files again; connections stay.

    Tells what has changed and what needs a restart. When something is wrong nothing changes, and it says what.
    """
    from tailhub.cli.reload import reload as reload_relay

    return reload_relay(state_dir, as_json=as_json, lang=command_line.language(lang))


@app.command()
def top(
    url: Annotated[
        str, typer.Option(metavar="URL", help="Another relay's operator's pages, as http://100.64.0.7:9912.")
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--token-file", "tailhub top"),
            metavar="FILE",
            help="Its token: operator.token in that relay's state directory.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One overview as JSON, for programs.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub top"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Watch the running relay in a terminal: traffic, clients, pairs, drops, certificates, quotas, the log.

    Keys: p pairs, e log, / search, r b n s d t sort by rate, total, name, since, drops, RTT; once more: turn round;
    arrows and page keys scroll; q ends. Where there is no terminal it prints one frame.
    """
    language = command_line.language(lang)
    if once and as_json:
        raise UsageError(findings.options_exclude("--once", "--json"))
    if token_file is not None and not url:
        raise UsageError(findings.option_needs_other("--token-file", str(token_file), "--url"))
    from tailhub.cli.top import top as command

    return command(state_dir, url, token_file, once=once, as_json=as_json, lang=language)


@app.command()
def dashboard(
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub dashboard"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Print the link to the running relay's dashboard, for this machine and for another one.

    Exit code 1 when its listener is off.
    """
    from tailhub.cli.dashboard import open_dashboard

    return open_dashboard(state_dir, command_line.language(lang))


@app.command()
def notice(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What users are to read.", show_default=False)] = "",
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Take it back after this time, such as 90m or 2h.")
    ] = None,
    tenant: Annotated[str, typer.Option(metavar="NAME", help="Tell the devices of this tenant only.")] = "",
    key: Annotated[str, typer.Option(metavar="KEY", help="Tell this device only: nodekey:… or its short key.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Take notices back: all, or that of a tenant or key.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(parser=command_line.path("--state-dir", "tailhub notice"), metavar="DIR", help=_STATE_HELP),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Tell users something: it stands in `tailscale status` on their devices. Without a text: show what they are told.

    A newer one takes the place of the one before, for everybody, for a tenant and for a device each. It survives
    restarts.
    """
    language = command_line.language(lang)
    if clear and text:
        raise UsageError(findings.options_exclude("--clear", "TEXT"))
    if lasts is not None and not text:
        raise UsageError(findings.option_needs_other("--for", lasts, "TEXT"))
    from tailhub.cli import notice as command

    if clear:
        return command.clear(state_dir, tenant, key, as_json=as_json, lang=language)
    if text:
        return command.put(state_dir, text, lasts, tenant, key, as_json=as_json, lang=language)
    return command.show(state_dir, as_json=as_json, lang=language)


@app.command()
def upgrade(
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="Install this one (default: the newest).")
    ] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the service that runs it.")] = "tailhub",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")] = False,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Get a newer version, try it beside the one that runs, and have the service run with it.

    In a virtual environment, by pipx or by uv. It checks the configuration and starts with a copy of the state before
    the old one stops; if the service does not come up with it, the old one runs again.
    """
    from tailhub.cli.upgrade import upgrade as take_over

    return take_over(version, name, is_dry=dry_run, lang=command_line.language(lang))


@app.command("start-on-trial", hidden=True)
def start_on_trial(
    config_file: Annotated[str | None, typer.Option("--config", metavar="FILE")] = None,
    state_dir: Annotated[Path | None, typer.Option(metavar="DIR")] = None,
) -> int:
    """For `tailhub upgrade`: start with a copy of the state, on ports that nobody sees, and end."""
    from tailhub.cli.trial import start_on_trial as start

    return start(config_file, state_dir)


service = typer.Typer(help="The relay as a service of systemd.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(service, name="service")

_NAME = typer.Option(metavar="NAME", help="Name of the service, its state directory and its configuration directory.")


@service.command("install")
def service_install(
    name: Annotated[str, _NAME] = "tailhub",
    user: Annotated[
        str, typer.Option(metavar="USER", help="User that the relay runs as; made if missing.")
    ] = "tailhub",
    config: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--config", "tailhub service install"),
            metavar="FILE",
            help="Configuration file (default: /etc/NAME/tailhub.toml).",
        ),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Run the relay as a service, from now on and when the machine starts.

    A user of its own, a hardened unit, and the state of whoever tried it out before. Safe to repeat.
    """
    from tailhub.cli.service import install
    from tailhub.settings.example import example

    language = command_line.language(lang)
    return install(name, user, config, example(language), language)


@service.command("status")
def service_status(
    name: Annotated[str, _NAME] = "tailhub",
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Show how the service does; exit code 3 when it does not run."""
    from tailhub.cli.service import status

    return status(name, command_line.language(lang))


@service.command("upgrade")
def service_upgrade(
    name: Annotated[str, _NAME] = "tailhub",
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Write the unit as this version has it and restart; go back if the service does not come up."""
    from tailhub.cli.service import upgrade

    return upgrade(name, command_line.language(lang))


@service.command("uninstall")
def service_uninstall(
    name: Annotated[str, _NAME] = "tailhub",
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Stop the service and remove its unit. State, configuration and user stay."""
    from tailhub.cli.service import uninstall

    return uninstall(name, command_line.language(lang))
