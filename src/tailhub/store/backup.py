"""Copies of a store from before its tables are changed, and moving a damaged file aside."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from tailhub.store.tables import PREFIX

__all__ = ["KEPT", "copy_file", "copy_tables", "set_aside"]

KEPT = 3  # copies; older ones go
SCHEMA = f"{PREFIX}backup_"  # begins the name of a PostgreSQL schema with copies
_BESIDE = ("", "-wal", "-shm")  # the files that SQLite has for one database


def copy_file(path: Path, directory: Path, version: str, now: float) -> Path:
    """Copy a SQLite database as it is at this moment, for its owner alone. Raises `OSError` or `sqlite3.Error`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = directory / f"{path.stem}-{_stamp(now)}-{version}{path.suffix}"
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


def copy_tables(connection: Connection, version: str, now: float) -> str:
    """Copy our tables of a PostgreSQL database into a schema of their own, in this transaction; the schema's name."""
    schema = f"{SCHEMA}{_stamp(now).replace('-', '_').lower()}_{version}"
    inspector = inspect(connection)
    preparer = connection.dialect.identifier_preparer
    connection.execute(text(f"CREATE SCHEMA {preparer.quote(schema)}"))
    for name in inspector.get_table_names():
        if name.startswith(PREFIX):
            quoted = preparer.quote(name)
            copy = f"CREATE TABLE {preparer.quote(schema)}.{quoted} AS SELECT * FROM {quoted}"  # noqa: S608  our names
            connection.execute(text(copy))
    ours = sorted(name for name in inspect(connection).get_schema_names() if name.startswith(SCHEMA))
    for old in ours[:-KEPT]:
        connection.execute(text(f"DROP SCHEMA {preparer.quote(old)} CASCADE"))
    return schema


def set_aside(path: Path, now: float) -> Path:
    """Move a damaged database out of the way, whole, beside where it was. Raises `OSError`."""
    number, aside = 1, path.with_name(f"{path.name}.damaged-{_stamp(now)}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{_stamp(now)}-{number}")
    for suffix in reversed(_BESIDE):  # the database last: while it is there, all of it is tried again
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside


def _stamp(now: float) -> str:
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}"
