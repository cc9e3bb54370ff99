"""Who the tools are at login: one node key, kept, so that a relay that admits only keys it knows can be told of it.

It lies apart from a relay's state, which is exported, moved and given to services. Files are in the form of a relay's
own key, and are written whole or not at all, for their owner alone. I/O; what is asked with the key is not here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tailhub import box, findings
from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import checking, relaying
from tailhub.keys import NodePrivate
from tailhub.server.state import parse_relay_key
from tailhub.server.state_files import alone_in, write_files
from tailhub.server.state_place import own_home

__all__ = ["kept_key", "own_key", "own_key_path", "read_key"]

_NAME = Path("tailhub-tools", "own.key")
_NOBODYS_STATE = Path("/var/lib")  # of a user without a home
_MAX_FILE_BYTES = 4096


def own_key(path: Path | None = None) -> NodePrivate:
    """The key in the file `path` (default: `own_key_path`), made there if there is none. Blocks.

    A file that somebody else wrote may also hold nothing but ``privkey:<64 hex>``. Raises `MachineError` for one that
    cannot be read or written, or is no key; it stays as it is then.
    """
    path = path or own_key_path(os.environ)
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path)
        return _read(path)
    except OSError as exc:
        raise MachineError(relaying.own_key_unusable(str(path), exc.strerror or str(exc))) from exc
    except LocalError as exc:
        raise MachineError(relaying.own_key_unusable(str(path), str(exc))) from exc


def kept_key() -> NodePrivate | None:
    """The own key; None where it cannot be kept, which must not stand in the way of a check: it is not what is checked.

    Blocks.
    """
    try:
        return own_key()
    except MachineError:
        return None


def read_key(path: Path) -> NodePrivate:
    """A key that somebody names: in the form of a relay's own key file, or bare. Blocks. Raises `MachineError`."""
    try:
        return _read(path)
    except OSError as exc:
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc
    except LocalError as exc:
        raise MachineError(checking.not_a_private_key(str(path))) from exc


def own_key_path(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where it is kept: by the XDG base directory specification, on macOS and Windows in the system's own place."""
    if platform == "win32":
        data = environ.get("LOCALAPPDATA")
        return (Path(data) if data else Path.home() / "AppData" / "Local") / _NAME
    xdg = Path(environ.get("XDG_STATE_HOME", ""))
    if xdg.is_absolute():  # the XDG specification: ignore a relative one
        return xdg / _NAME
    home = own_home(environ)
    if home is None:
        return _NOBODYS_STATE / _NAME
    return home / ("Library/Application Support" if platform == "darwin" else ".local/state") / _NAME


def _make(path: Path) -> None:
    with alone_in(path.parent):  # two tools that begin at the same time become the same one
        if not path.exists():
            write_files(path.parent, {path.name: _file_text(box.generate().to_text())})


def _read(path: Path) -> NodePrivate:
    """Raises `OSError`, `LocalError`."""
    with path.open("rb") as file:
        data = file.read(_MAX_FILE_BYTES)
    if data.startswith(NodePrivate.PREFIX.encode()):
        data = _file_text(data.decode("ascii", "replace").strip())
    return parse_relay_key(data)


def _file_text(key: str) -> bytes:
    return json.dumps({"PrivateKey": key}, indent="\t").encode()
