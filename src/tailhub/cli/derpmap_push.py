"""``tailhub derpmap push``: brings a relay's region to where clients get their map from; shows it, and asks.

What it does is in `tailhub.tools.map_push`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from tailhub import findings
from tailhub.cli.admin_socket import state_directory
from tailhub.cli.derpmap_edit import difference
from tailhub.cli.derpmap_running import fetch_map
from tailhub.cli.derpmap_texts import TEXTS
from tailhub.cli.output import write_finding
from tailhub.cli.screen import Line, show
from tailhub.exceptions import FindingError, LocalError, MachineError, UsageError
from tailhub.findings import Finding, Language
from tailhub.findings import derp_map as derp_map_findings
from tailhub.findings import map_push as push_findings
from tailhub.server.config import RelayConfig
from tailhub.server.map_pusher import TAILSCALE, Destination
from tailhub.server.push_config import destination_of
from tailhub.settings.merge import load
from tailhub.tailcfg.derpmap import DERPRegion
from tailhub.tools.derpmap.map_file import Edited
from tailhub.tools.map_push.places import place_of
from tailhub.tools.map_push.push import Prepared, commit, own_region, prepare
from tailhub.tools.map_source import read_map_text

__all__ = ["Wish", "push"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: empty is what the relay's configuration says. `source`: a map instead of the relay's own."""

    to: str = ""
    source: str = ""
    secret_file: str = ""
    tailnet: str = ""
    api_url: str = ""
    config_file: str | None = None
    state_dir: Path | None = None


def push(wish: Wish, *, is_dry: bool, is_sure: bool, is_forced: bool, lang: Language) -> int:
    """Push it; the exit code: 1 if it was not pushed because somebody said no."""
    destination = _destination(wish)
    directory = None if wish.source else state_directory(wish.state_dir, wish.config_file)
    region = _region(wish.source, directory)
    prepared = asyncio.run(prepare(place_of(destination), region, directory))
    words, name = TEXTS[lang], prepared.place.name
    if not prepared.is_changed:
        asyncio.run(commit(prepared, None if is_dry else directory))
        show([Line(words["unchanged"].format(name=name), "good")], sys.stdout)
        return 0
    show(list(difference(Edited(prepared.before.text, prepared.after))), sys.stdout)
    if is_dry:
        _warn_of_conflicts(prepared, lang)
        show([Line(words["would_write"].format(name=name), "good")], sys.stdout)
        return 0
    if not (is_sure or is_forced):
        if not sys.stdin.isatty():
            raise UsageError(push_findings.push_needs_yes(name))
        _warn_of_conflicts(prepared, lang)
        if not typer.confirm(words["push"].format(name=name), err=True):
            return 1
    elif not is_forced:
        prepared.refuse_conflicts()
    asyncio.run(commit(prepared, directory))
    lines = [Line(words["written"].format(name=name), "good")]
    if prepared.after.form == "yaml":
        lines.append(Line(words["headscale_takes"], "dim"))
    show(lines, sys.stdout)
    return 0


def _destination(wish: Wish) -> Destination:
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    config = RelayConfig()
    try:
        config = load({"config": wish.config_file}, os.environ, uid, sys.platform).config()
    except FindingError:  # what is wrong with it is not this command's matter
        if wish.config_file is not None:
            raise
    configured = destination_of(config) or Destination(TAILSCALE, tailnet="-")
    to = wish.to or configured.to
    secret_file = wish.secret_file or configured.secret_file
    if to == TAILSCALE and not secret_file:
        raise UsageError(findings.option_needs_other("derpmap push", to, "--secret-file"))
    return Destination(to, secret_file, wish.tailnet or configured.tailnet, wish.api_url or configured.api_url)


def _region(source: str, directory: Path | None) -> DERPRegion:
    derp_map = read_map_text(source).derp_map() if directory is None else fetch_map(directory)
    if not derp_map.regions:
        raise MachineError(findings.address_unknown())
    try:
        return own_region(derp_map)
    except LocalError as exc:
        raise UsageError(derp_map_findings.map_unreadable(source, str(exc))) from exc


def _warn_of_conflicts(prepared: Prepared, lang: Language) -> None:
    try:
        prepared.refuse_conflicts()
    except MachineError as exc:
        if isinstance(exc.finding, Finding):
            write_finding(exc.finding, lang)
