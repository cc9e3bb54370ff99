"""Writing files of a state directory: each whole or not at all, on the disk too, and for their owner alone.

Not here: what is in them. Errors are `OSError`; `tailhub.server.state` has the sentences for people.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["NEW", "alone_in", "give_to_owner", "give_tree", "sync_directory", "write_files", "write_whole"]

NEW = ".new"  # ends the name of what is being written, until it is whole
TURN_S = 5.0  # that an edit waits for another one
_PAUSE_S = 0.01


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files, in this order, each whole or left as it was; nobody else can read them."""
    try:
        for name, data in files.items():
            write_whole(directory / (name + NEW), data)
        for name in files:
            (directory / (name + NEW)).replace(directory / name)
        sync_directory(directory)
    except OSError:
        for name in files:
            (directory / (name + NEW)).unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Make a file of mode 0600 and have it on the disk; one that is in the way goes."""
    path.unlink(missing_ok=True)  # left by a process that was killed; ours is made anew, with our mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Have the names in a directory on the disk."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Keep others that come this way, in this process or another, from editing files of a directory at the same time.

    Raises `TimeoutError` if that takes longer than an edit does. Where nothing can be locked it locks nothing.
    """
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock

        descriptor = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):  # Windows; a directory that may not be listed
        yield
        return
    try:
        deadline = time.monotonic() + TURN_S
        while True:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "another program has been editing it for long") from None
                time.sleep(_PAUSE_S)
            except OSError:  # a network file system without locks
                break
        yield
    finally:
        os.close(descriptor)  # and the lock with it


def give_to_owner(path: Path, directory: Path) -> None:
    """Give what root made in a service's state `directory` to whom that belongs: the service could not read it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    owner = directory.stat()
    with contextlib.suppress(PermissionError):  # root of a container may lack that right; then root reads it, too
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def give_tree(directory: Path, uid: int, gid: int) -> None:
    """Give a directory with all that is in it to somebody; nobody else may look in. Raises `OSError`.

    Whoever has it already may put links there while root is at work: none is followed, nor a directory that is one.
    """
    directory.chmod(0o700)
    os.chown(directory, uid, gid, follow_symlinks=False)
    for _, directories, files, descriptor in os.fwalk(directory):
        for name in (*directories, *files):
            os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
