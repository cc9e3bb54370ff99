"""``tailhub notify``: tries out where messages about the relay go. Texts: `tailhub.cli.notify_texts`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from tailhub import findings
from tailhub.alerts.events import EVENTS, Event
from tailhub.cli import command_line, output
from tailhub.cli.flags import takes_settings
from tailhub.cli.notify_texts import TEXTS
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language, choose_language, printable
from tailhub.settings.merge import load

if TYPE_CHECKING:
    from tailhub.alerts.message import Message
    from tailhub.server.config import RelayConfig

app = typer.Typer(help="Messages about the relay: try them out.", invoke_without_command=True)

_LANG_HELP = "Language of what is printed: en or zh (default: by locale)."
_AT_ONCE = 2  # sendings, which take 40 MB each


@app.callback()
def notify(context: typer.Context) -> None:
    """Messages about the relay: try them out."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command("test")
@takes_settings
def try_out(
    flags: Mapping[str, object],
    event: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Send an example of a message about it: {', '.join(EVENTS)}."),
    ] = None,
    lang: Annotated[str | None, typer.Option(metavar="en|zh", help=_LANG_HELP)] = None,
) -> int:
    """Send a test message to everybody whom the configuration names, and say who has accepted it.

    Takes the flags that `tailhub relay` would be started with. The exit code is 1 when somebody has not accepted it.
    """
    language = command_line.language(lang)
    settings = load(flags, os.environ, os.geteuid() if hasattr(os, "geteuid") else None, sys.platform)
    for fault in settings.faults:
        if fault.severity == "error":
            raise UsageError(fault)
    return send_test(settings.config(), event, language)


def send_test(config: RelayConfig, event: str | None, lang: Language) -> int:
    """Send it, at most to some at a time; the exit code. Raises `FindingError`."""
    from tailhub.server.alert_sender import send
    from tailhub.server.notify_config import has_apprise, notify_findings, targets_of

    chosen = next((one for one in EVENTS if one == event), None)
    if event is not None and chosen is None:
        raise UsageError(findings.bad_choice("--event", event, EVENTS))
    for finding in notify_findings(config):
        raise UsageError(finding)
    targets = targets_of(config)
    if not targets:
        raise UsageError(findings.notify_missing("`tailhub notify test`"))
    if not has_apprise():
        raise MachineError(findings.notify_needs_apprise(config.place("notify" if config.notify else "notify_file")))
    message = _message(config, chosen)
    texts, failed = TEXTS[lang], 0
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = pool.map(lambda target: send(target.url, message), targets)
        for target, outcome in zip(targets, outcomes, strict=True):
            failed += not outcome.accepted
            text = texts["accepted" if outcome.accepted else "failed"]
            output.write(text.format(target=printable(target.name), reason=printable(outcome.reason)) + "\n")
    return 1 if failed else 0


def _message(config: RelayConfig, event: Event | None) -> Message:
    from tailhub.alerts.message import example, test_message

    name = config.hostname or next(iter(config.addresses), "") or socket.gethostname()
    language = choose_language(os.environ, config.notify_language or None)
    return example(event, name, language) if event is not None else test_message(name, language)
