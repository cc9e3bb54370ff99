"""Commands that look at relays: their flags. What each does is in a module of its own, loaded when called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailhub import findings
from tailhub.cli import command_line, options
from tailhub.exceptions import UsageError


def doctor(
    target: Annotated[
        str,
        typer.Argument(
            metavar="[TARGET]",
            help="HOST[:PORT], a policy file or map (HuJSON, JSON, YAML), its URL, -, tailnet or tailnet:SOCKET.",
        ),
    ] = "",
    local: Annotated[bool, typer.Option("--local", help="Check this machine: the relay runs here, or will.")] = False,
    log: Annotated[
        str, typer.Option(metavar="FILE", help="Explain the lines of a client's log; - is standard input.")
    ] = "",
    explain: Annotated[str, typer.Option(metavar="CODE", help="Show the page of a code, such as TH014.")] = "",
    region: Annotated[str, typer.Option(metavar="ID", help="Only this region of the map: its id, code or name.")] = "",
    pin: Annotated[str, typer.Option(metavar="PIN", help="CertName that clients have for HOST: sha256-raw:…")] = "",
    stun_port: Annotated[
        int, typer.Option(metavar="PORT", min=-1, max=65535, help="STUN port of HOST (default: 3478; -1: none).")
    ] = 0,
    insecure: Annotated[bool, typer.Option("--insecure", help="Clients of HOST have InsecureForTests.")] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--key", "tailhub doctor"),
            metavar="FILE",
            help="Log in with the private node key in it, one that may relay (default: a key of the tools' own).",
        ),
    ] = None,
    watch: Annotated[
        str, typer.Option(metavar="TIME", help="Hold a quiet connection so long: is it cut? 90s finds most proxies.")
    ] = "",
    mesh_key_file: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--mesh-key-file", "tailhub doctor"),
            metavar="FILE",
            help="Mesh key of a region of several relays: which of them have a link to which?",
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="With --local: the relay's configuration file.")
    ] = None,
    state_dir: Annotated[Path | None, options.state_dir("doctor --local")] = None,
    share: Annotated[
        bool, typer.Option("--share", help="For a forum: without names, addresses, keys and pins.")
    ] = False,
    as_json: Annotated[bool, options.JSON] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Find out why a relay does not work, and what to do.

    From any machine, it goes from the relay's name to packets between two clients. Without TARGET it takes the relays
    of one's own in the map that this machine's Tailscale client has. The exit code is 1 when something is broken.
    """
    language = command_line.language(lang)
    asked = [("TARGET", target), ("--local", local), ("--log", log), ("--explain", explain)]
    given = [name for name, value in asked if value]
    if len(given) > 1:
        raise UsageError(findings.options_exclude(given[0], given[1]))
    from tailhub.cli import doctor as checking

    form = checking.form_of(as_json=as_json, to_share=share)
    if explain:
        return checking.explain_code(explain, as_json=as_json, lang=language)
    if log:
        from tailhub.cli.doctor_log import explain_log

        return explain_log(log, form, language)
    if local:
        return checking.check_here(config, state_dir, form, language)
    asked_for = checking.find_targets(target, region, stun_port=stun_port, pin=pin, insecure=insecure)
    if asked_for.map_text is not None and not asked_for.targets:
        code = checking.check_unreadable(asked_for.map_text, form, language)
        if code is not None:
            return code
        asked_for.relays()  # raises what a map's own check does not say
    looking = checking.options_of(key, command_line.duration("--watch", watch, 3600.0) if watch else 0.0)
    mesh_keys = checking.mesh_keys_of(mesh_key_file)
    return checking.check_from_outside(asked_for, looking, mesh_keys, form, language)
