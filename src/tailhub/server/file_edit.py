"""Putting a file's new text in its place, whole or not at all, and noticing that somebody else has written it."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TypeAlias

from tailhub.server.state_files import NEW, give_to_owner, sync_directory, write_whole

__all__ = ["Trace", "replace_file", "target_of", "trace"]

Trace: TypeAlias = "tuple[int, ...]"
"""What changes when a file does; empty: there is no file."""


def trace(path: Path) -> Trace:
    """What changes when the file does."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    except OSError as exc:
        return (exc.errno or 0,)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def target_of(path: Path) -> Path:
    """What is replaced: where a link leads. Raises `OSError`, also for links that lead in a circle."""
    try:
        return path.resolve()
    except RuntimeError as exc:  # so Python 3.11 and 3.12 say it
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from exc


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file, or make it. Raises `OSError`; nothing has changed then."""
    target = target_of(path)
    new = target.with_name(target.name + NEW)
    try:
        write_whole(new, data)
        try:
            status = target.stat()
        except FileNotFoundError:
            give_to_owner(new, target.parent)
        else:
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                with contextlib.suppress(PermissionError):  # root of a container may lack that right
                    os.chown(new, status.st_uid, status.st_gid)
            new.chmod(status.st_mode & 0o7777)
        new.replace(target)
        sync_directory(target.parent)
    except OSError:
        new.unlink(missing_ok=True)
        raise
