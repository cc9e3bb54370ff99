"""Where commands find the running relay: the state directory whose socket is asked (`tailhub.tools.admin_socket`)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tailhub.exceptions import FindingError
from tailhub.server.state_place import locate
from tailhub.tools.admin_socket import API, TIMEOUT_S, UnixConnection, call, get, is_relay_running, told_finding

__all__ = [
    "API",
    "TIMEOUT_S",
    "UnixConnection",
    "call",
    "get",
    "is_relay_running",
    "state_directory",
    "told_finding",
]


def state_directory(state_dir: Path | None, config_file: str | None = None) -> Path:
    """The relay's state directory: `state_dir` (``--state-dir``), else that of its configuration or the usual one.

    Raises `FindingError` only for a `config_file` that was named.
    """
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    if state_dir is None:
        from tailhub.settings.merge import load

        try:
            state_dir = load({"config": config_file}, os.environ, uid, sys.platform).config().state_dir
        except FindingError:  # what is wrong with it is not this command's matter
            if config_file is not None:
                raise
            state_dir = None
    return locate(state_dir, os.environ, uid)
