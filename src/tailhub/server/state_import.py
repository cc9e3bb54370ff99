"""Bringing a relay's state here: from an archive, from a copied state directory, or from where derper kept it.

Of derper are taken its key (``-c``) and a self-signed pair (``<ip>.crt``, ``<ip>.key`` of ``-certdir``), which becomes
the pinned one as it is: clients notice nothing but the reconnect. A certificate from a CA stays where it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tailhub import findings
from tailhub.certs.files import read_file
from tailhub.exceptions import LocalError, MachineError
from tailhub.server.listener_record import LISTENERS
from tailhub.server.pinned_pair import foreign_pairs, pair_paths
from tailhub.server.state import StateDir, directory_finding, parse_relay_key
from tailhub.server.state_archive import collect
from tailhub.server.state_files import give_to_owner
from tailhub.server.state_place import RELAY_KEY, may_have_state
from tailhub.server.state_swap import LOCK, state_entries, swap

__all__ = ["move_in", "put_state", "read_directory"]

_CERT_DIRS = ("", "certs", "derper-certs")  # below the directory that was named
_SHOWN = 4  # names of files that are in the way


def read_directory(directory: Path, key_file: Path | None = None) -> dict[str, bytes]:
    """The files for a state directory, from another one of tailhub's or from those of derper. Raises `MachineError`."""
    if key_file is None and may_have_state(directory) and pair_paths(directory)[0].exists():
        return collect(directory)
    files: dict[str, bytes] = {}
    key = key_file or directory / RELAY_KEY
    if key_file is not None or key.exists():
        data = read_file(key, "--key-file")
        try:
            parse_relay_key(data)
        except LocalError as exc:
            raise MachineError(findings.relay_key_malformed(str(key), str(exc))) from exc
        files[RELAY_KEY] = data
    pairs = {cert: pair for place in _CERT_DIRS for cert, pair in foreign_pairs(directory / place).items()}
    if len(pairs) > 1:
        names = [str(cert.relative_to(directory)) for cert in pairs]
        raise MachineError(findings.several_pairs(str(directory), names))
    cert_path, key_path = pair_paths(Path())
    for certificate in pairs.values():
        files |= {key_path.name: certificate.key_pem, cert_path.name: certificate.chain_pem}
    if not files:
        raise MachineError(findings.nothing_to_import(str(directory)))
    return files


def put_state(path: Path, files: Mapping[str, bytes], now: datetime, *, force: bool = False) -> Path | None:
    """Make these files the state in `path`; where the state is now that was there, if any was.

    Raises `MachineError`: a relay runs there, or there is state and no `force`. Nothing has changed then.
    """
    _make_for_owner(path)
    state = StateDir.open(path)
    try:
        give_to_owner(path / LOCK, path)
        there = [entry.name for entry in state_entries(path)]
        if there and not force:
            shown = there[:_SHOWN] + (["…"] if len(there) > _SHOWN else [])
            raise MachineError(findings.state_in_the_way(str(path), shown))
        return swap(path, files, now)
    except OSError as exc:
        raise MachineError(directory_finding(path, exc)) from exc
    finally:
        state.close()


def move_in(path: Path, source: Path, now: datetime) -> Path:
    """Make the state of `source` that of `path`, which has none, or no more than a note.

    `source` stays as it is, under the name that is returned.

    Raises `MachineError`, also when a relay runs on `source`; then `path` has none still, or `source` its old name.
    """
    StateDir.open(source).close()
    with contextlib.suppress(OSError):  # a note about a start, which the next one makes anew
        (path / LISTENERS).unlink()
    put_state(path, collect(source), now)
    number, moved = 1, source.with_name(source.name + ".moved")
    while os.path.lexists(moved):
        number += 1
        moved = source.with_name(f"{source.name}.moved-{number}")
    try:
        source.rename(moved)
    except OSError as exc:
        raise MachineError(directory_finding(source, exc)) from exc
    return moved


def _make_for_owner(path: Path) -> None:
    """Make the directory; what root makes belongs to whom the place belongs, as a home directory does."""
    try:
        missing = [place for place in (path, *path.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(mode=0o700)
            give_to_owner(place, place.parent)
    except OSError as exc:
        raise MachineError(directory_finding(path, exc)) from exc
