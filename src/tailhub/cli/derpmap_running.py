"""Bare ``tailhub derpmap``: asks the running relay for its map over the unix socket in its state directory."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from tailhub import findings
from tailhub.cli.admin_socket import get, state_directory
from tailhub.cli.derpmap_texts import TEXTS
from tailhub.cli.output import write
from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import Language
from tailhub.server.state_place import ADMIN_SOCKET
from tailhub.tailcfg.derpmap import DERPMap, parse_json
from tailhub.tailcfg.forms import headscale_yaml, policy_snippet, to_json

STARTING_TRIES, STARTING_PAUSE_S = 20, 0.25


def print_map(state_dir: Path | None, *, as_json: bool, as_yaml: bool, lang: Language) -> int:
    """Print the map; the exit code. What is meant to be pasted goes to standard output, alone when redirected."""
    derp_map = fetch_map(state_directory(state_dir))
    if not derp_map.regions:
        raise MachineError(findings.address_unknown())
    if as_yaml:
        write(headscale_yaml(derp_map))
    elif as_json:
        write(to_json(derp_map) + "\n")
    else:
        hint = TEXTS[lang]["paste"] + "\n" if sys.stdout.isatty() else ""
        write(hint + policy_snippet(derp_map) + "\n")
    return 0


def fetch_map(state_dir: Path) -> DERPMap:
    """The public map of the relay whose state is in `state_dir`. Raises `MachineError`."""
    if not hasattr(socket, "AF_UNIX"):
        raise MachineError(findings.platform_unsupported(sys.platform))
    path = state_dir / ADMIN_SOCKET
    status, body = get(path, "/derpmap.json?view=public")
    for _ in range(STARTING_TRIES):
        if status != 503:  # a relay that has just been started still looks for its address
            break
        time.sleep(STARTING_PAUSE_S)
        status, body = get(path, "/derpmap.json?view=public")
    if status != 200:
        raise MachineError(findings.relay_not_found(path, body.decode("utf-8", "replace").strip()))
    try:
        return parse_json(body)
    except LocalError as exc:
        raise MachineError(findings.relay_not_found(path, exc)) from exc
