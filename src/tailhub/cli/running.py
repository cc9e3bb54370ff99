"""Commands about the relay that runs: their flags. What each does is in a module of its own, loaded when called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailhub import findings
from tailhub.cli import command_line, options
from tailhub.exceptions import UsageError


def explain(
    key: Annotated[
        str, typer.Argument(metavar="KEY|NAME", help="nodekey:…, a short key as in logs, or a name on the allow list.")
    ],
    ask: Annotated[bool, typer.Option("--ask", help="Ask all verifiers about it now.")] = False,
    as_json: Annotated[bool, options.JSON] = False,
    state_dir: Annotated[Path | None, options.state_dir("explain")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Tell why a key may relay, or may not.

    What each verifier said of it, and when.
    """
    from tailhub.cli.explain import explain as explain_key

    return explain_key(key, state_dir, ask=ask, as_json=as_json, lang=command_line.language(lang))


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
    state_dir: Annotated[Path | None, options.state_dir("drain")] = None,
    lang: Annotated[str | None, options.LANG] = None,
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
        delay_s = None if delay is None else command_line.duration("--for", delay)
        return command.evacuate(state_dir, delay_s, as_json=as_json, lang=language)
    if delay is not None:
        raise UsageError(findings.option_needs_other("--for", delay, "--evacuate"))
    if over is not None:
        over_s = command_line.duration("--over", over)
        return command.close(state_dir, over_s, stays=stay, as_json=as_json, lang=language)
    if stay:
        raise UsageError(findings.option_needs_other("--stay", "", "--over"))
    return command.show(state_dir, stop=stop, as_json=as_json, lang=language)


def reload(
    as_json: Annotated[bool, options.JSON] = False,
    state_dir: Annotated[Path | None, options.state_dir("reload")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Have the relay read its configuration and files again.

    Connections stay. Tells what has changed and what needs a restart. When something is wrong nothing changes, and it
    says what.
    """
    from tailhub.cli.reload import reload as reload_relay

    return reload_relay(state_dir, as_json=as_json, lang=command_line.language(lang))


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
    state_dir: Annotated[Path | None, options.state_dir("top")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Watch the running relay in a terminal.

    Traffic, clients, pairs, drops, certificates, quotas, the log.

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


def dashboard(
    state_dir: Annotated[Path | None, options.state_dir("dashboard")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Print the link to the running relay's dashboard.

    For this machine and for another one. Exit code 1 when its listener is off.
    """
    from tailhub.cli.dashboard import open_dashboard

    return open_dashboard(state_dir, command_line.language(lang))


def notice(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="What users are to read.", show_default=False)] = "",
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Take it back after this time, such as 90m or 2h.")
    ] = None,
    tenant: Annotated[str, typer.Option(metavar="NAME", help="Tell the devices of this tenant only.")] = "",
    key: Annotated[str, typer.Option(metavar="KEY", help="Tell this device only: nodekey:… or its short key.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="Take notices back: all, or that of a tenant or key.")] = False,
    as_json: Annotated[bool, options.JSON] = False,
    state_dir: Annotated[Path | None, options.state_dir("notice")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Tell users something, in their own `tailscale status`.

    Without a text: show what they are told. A newer one takes the place of the one before, for everybody, for a tenant
    and for a device each. It survives restarts.
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
