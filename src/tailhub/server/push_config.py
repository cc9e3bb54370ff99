"""Where the settings tell a relay to push its map to, and what is wrong with that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import LocalError
from tailhub.findings import Finding
from tailhub.findings import map_push as push_findings
from tailhub.server.config import RelayConfig
from tailhub.server.map_pusher import TAILSCALE, Destination

__all__ = ["destination_of", "push_doubts", "push_findings_of"]


def destination_of(config: RelayConfig) -> Destination | None:
    """None where nothing is to be pushed."""
    if not config.push_map_to:
        return None
    secret = "" if config.push_map_secret_file is None else str(config.push_map_secret_file)
    return Destination(config.push_map_to, secret, config.push_map_tailnet, config.push_map_api_url)


def push_findings_of(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong, without opening anything."""
    to, secret = config.push_map_to, config.push_map_secret_file
    place = config.place("push_map_to")
    if to and to != TAILSCALE and not Path(to).is_absolute():
        yield push_findings.bad_push_target(to, place)
    if to == TAILSCALE and secret is None:
        yield findings.option_needs_other(place, to, findings.sibling(place, "push_map_secret_file"))
    if to == TAILSCALE:
        from tailhub.verifiers.url import parse_url

        try:
            parse_url(config.push_map_api_url)
        except LocalError:
            default = RelayConfig.push_map_api_url
            yield findings.bad_api_url(config.place("push_map_api_url"), config.push_map_api_url, default)
        return
    for name in ("push_map_secret_file", "push_map_tailnet", "push_map_api_url"):
        value = getattr(config, name)
        if value != getattr(RelayConfig, name):
            other = config.place(name)
            yield findings.option_needs_other(other, str(value), findings.sibling(other, "push_map_to"))


def push_doubts(config: RelayConfig) -> Iterator[Finding]:
    """What the machine says of it. Raises `MachineError` for a credential that cannot be read or is none."""
    destination = destination_of(config)
    if destination is None:
        return
    if destination.to == TAILSCALE:
        from tailhub.server.state import secret_findings

        destination.secret()
        yield from secret_findings(Path(destination.secret_file))
        return
    path = Path(destination.to)
    if not os.access(path.parent, os.W_OK):  # a new file takes the old one's place
        is_there = path.parent.is_dir()
        reason = f"{path.parent} is not writable by this user" if is_there else f"there is no directory {path.parent}"
        yield push_findings.map_push_failed(destination.to, reason, is_file=True)
