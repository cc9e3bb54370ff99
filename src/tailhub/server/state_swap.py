"""Replacing all that is in a state directory at once: all or nothing, whenever the power fails.

The new files are written into a directory inside it, whose last name says that they are complete; from then on the
change is only ever carried to its end (`finish_swap`, which every opening of the state calls). Inside, because the
directory itself may be a mount point or belong to a service, and keeps its owner and mode. What was there before is
moved into a directory of its own; nothing is deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tailhub.server.state_files import NEW, give_to_owner, sync_directory, write_whole
from tailhub.server.state_place import ADMIN_SOCKET

__all__ = ["LOCK", "REPLACED", "finish_swap", "is_passing", "is_unfinished", "state_entries", "swap"]

LOCK = "lock"
REPLACED = "replaced-"  # begins the name of a directory with what was there before
_WRITING = ".import.new"
_COMPLETE = ".import-"  # then the time: the old files go to `REPLACED` and that time
_PLACING = ".placing-"  # the old files have gone


def is_passing(name: str) -> bool:
    """Is an entry of a state directory with this name no part of the state?"""
    own = name in (LOCK, ADMIN_SOCKET, "lost+found") or name.endswith(NEW)
    return own or name.startswith((REPLACED, _COMPLETE, _PLACING))


def is_unfinished(directory: Path) -> bool:
    """Was a change cut off in the middle, so that some of what is here is old, some new, some not in its place yet?"""
    return any(_directories(directory, prefix) for prefix in (_COMPLETE, _PLACING))


def state_entries(directory: Path) -> list[Path]:
    """What a state directory holds, in the order of names."""
    return sorted(path for path in directory.iterdir() if not is_passing(path.name))


def swap(directory: Path, files: Mapping[str, bytes], now: datetime) -> Path | None:
    """Put `files`, by their names with ``/``, in the place of all that is there; where that is now, if there was any.

    The caller has locked the directory. Raises `OSError`; nothing has changed then, or the next opening goes on.
    """
    writing = directory / _WRITING
    if writing.exists():
        shutil.rmtree(writing)
    try:
        _write_all(writing, files)
    except OSError:
        shutil.rmtree(writing, ignore_errors=True)
        raise
    stamp = _free_stamp(directory, f"{now:%Y%m%d-%H%M%S}")
    had_state = bool(state_entries(directory))
    writing.rename(directory / f"{_COMPLETE}{stamp}")
    sync_directory(directory)
    finish_swap(directory)
    return directory / f"{REPLACED}{stamp}" if had_state else None


def finish_swap(directory: Path) -> None:
    """Carry a change to its end that was complete when its process was killed. Raises `OSError`."""
    for complete in _directories(directory, _COMPLETE):
        stamp = complete.name.removeprefix(_COMPLETE)
        if old := state_entries(directory):
            aside = directory / f"{REPLACED}{stamp}"
            aside.mkdir(mode=0o700, exist_ok=True)
            give_to_owner(aside, directory)
            for entry in old:
                entry.rename(aside / entry.name)
            sync_directory(aside)
        complete.rename(directory / f"{_PLACING}{stamp}")
        sync_directory(directory)
    for placing in _directories(directory, _PLACING):
        for entry in sorted(placing.iterdir()):
            entry.rename(directory / entry.name)
        placing.rmdir()
        sync_directory(directory)


def _write_all(writing: Path, files: Mapping[str, bytes]) -> None:
    state = writing.parent
    writing.mkdir(mode=0o700)
    directories = {writing}
    for name, data in files.items():
        path = writing / name
        missing = []
        while path.parent not in directories:
            missing.append(path.parent)
            directories.add(path.parent)
            path = path.parent
        for directory in reversed(missing):
            directory.mkdir(mode=0o700)
            give_to_owner(directory, state)
        write_whole(writing / name, data)
        give_to_owner(writing / name, state)
    for directory in directories:
        sync_directory(directory)


def _free_stamp(directory: Path, stamp: str) -> str:
    """`stamp`, with a number behind it if there is an older state of that time."""
    number, free = 1, stamp
    while (directory / f"{REPLACED}{free}").exists():
        number += 1
        free = f"{stamp}-{number}"
    return free


def _directories(directory: Path, prefix: str) -> list[Path]:
    return [path for path in sorted(directory.glob(f"{prefix}*")) if path.is_dir() and not path.is_symlink()]
