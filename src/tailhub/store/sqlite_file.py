"""A store's SQLite file as a file: copies of it, and moving a damaged one aside. Without SQLAlchemy."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

__all__ = [
    "KEPT",
    "Identities",
    "copy_file",
    "drop_log",
    "file_uri",
    "identities",
    "is_part",
    "look",
    "set_aside",
    "snapshot",
    "stamp",
]

Identities: TypeAlias = "tuple[tuple[int, int] | None, ...]"
"""Device and inode of each file of a database, in the order of `_BESIDE`."""

KEPT = 3  # copies from before changes; older ones go
_BESIDE = ("", "-wal", "-shm")  # the files that SQLite has for one database
_DAMAGED = ".damaged-"  # then the time: the name of one that was moved aside


def file_uri(path: Path) -> str:
    """The file for SQLite, as a URI: only one of those can be opened without the right to write."""
    return f"file:{quote(str(path))}"


def is_part(name: str, database: str) -> bool:
    """Is a file with this name the database, one that SQLite has beside it, or a damaged one from before?"""
    return name in {f"{database}{suffix}" for suffix in _BESIDE} or name.startswith(f"{database}{_DAMAGED}")


def look(path: Path) -> None:
    """Raise `OSError` or `sqlite3.Error` if this is no database that can be read."""
    with path.open("rb"):  # the system's own words are plainer
        pass
    with closing(sqlite3.connect(f"{file_uri(path)}?mode=ro", uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def snapshot(path: Path) -> bytes:
    """The content of a database at this moment, also while it is written to. Raises `sqlite3.Error`."""
    with (
        closing(sqlite3.connect(f"{file_uri(path)}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        return copy.serialize()


def copy_file(path: Path, directory: Path, version: str, now: float) -> Path:
    """Copy a SQLite database as it is at this moment, for its owner alone. Raises `OSError` or `sqlite3.Error`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = directory / f"{path.stem}-{stamp(now)}-{version}{path.suffix}"
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except (OSError, sqlite3.Error):
        copy.unlink(missing_ok=True)
        raise
    for old in sorted(directory.glob(f"{path.stem}-*{path.suffix}"))[:-KEPT]:
        with suppress(OSError):
            old.unlink()
    return copy


def set_aside(path: Path, now: float) -> Path:
    """Move a damaged database out of the way, whole, beside where it was. Raises `OSError`."""
    number, aside = 1, path.with_name(f"{path.name}{_DAMAGED}{stamp(now)}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}{_DAMAGED}{stamp(now)}-{number}")
    for suffix in reversed(_BESIDE):  # the database last: while it is there, all of it is tried again
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside


def identities(path: Path) -> Identities:
    """Which files are the database and what is beside it; None: there is none. Raises `OSError`."""
    return tuple(_identity(Path(f"{path}{suffix}")) for suffix in _BESIDE)


def drop_log(path: Path, before: Identities) -> None:
    """Remove what is beside a database that has another file now, if it is still what was there `before`.

    SQLite leaves it, and would write the old file's newest pages over the new one. Raises `OSError`.
    """
    for suffix, was, now in zip(_BESIDE, before, identities(path), strict=True):
        if suffix and now is not None and now == was:
            Path(f"{path}{suffix}").unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def stamp(now: float) -> str:
    """A moment as part of a name; names of later ones are behind."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}"
