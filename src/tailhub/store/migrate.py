"""Bringing the tables of a store up to date, after a copy of what is there.

alembic runs the changes (`tailhub.store.migrations`). It is imported only when there is one to make (10 MB that stay):
which version the tables have is one row, which there are is listed here, and a store that is empty gets the tables as
they are now, which a test holds against what the changes lead to. A change is one transaction, in both databases: it
is made or it is not.

PostgreSQL: relays that start at the same time wait for each other (an advisory lock), and the copy is a schema of its
own in the same database (``tailhub_backup_…``), made in the same transaction. That needs no program and no place on
this machine, and a wrong change is what it is for; against a lost database its owner has backups of all of it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tailhub import findings
from tailhub.exceptions import MachineError
from tailhub.store.backup import copy_tables
from tailhub.store.location import BACKUPS, public_location
from tailhub.store.sqlite_file import copy_file
from tailhub.store.tables import METADATA, VERSION_TABLE

__all__ = ["REVISIONS", "check_version", "migrate", "upgrade"]

REVISIONS = ("0001",)  # every file in migrations/versions, in order
# As alembic makes it.
_VERSION = Column("version_num", String(32), primary_key=True)
Table(VERSION_TABLE, MetaData(), _VERSION)
_LOCK = 0x7461696C687562  # of PostgreSQL's advisory locks; "tailhub"


async def check_version(engine: AsyncEngine, place: Path | str) -> None:
    """Raise `MachineError` unless the tables are there and up to date: for those who only read."""
    async with engine.connect() as connection:
        found = await connection.run_sync(_version)
    where = public_location(place)
    if found is None:
        raise MachineError(findings.store_missing(where))
    if _is_older(found, place, place.parent / BACKUPS if isinstance(place, Path) else None):
        raise MachineError(findings.store_older(where, found))


async def migrate(engine: AsyncEngine, place: Path | str, backup_dir: Path | None, now: float) -> None:
    """Make the tables, or bring them up to date. Raises `MachineError` if they are newer than this tailhub.

    `backup_dir` is for copies of a SQLite file; `now` is in their names.
    """
    async with engine.connect() as connection:
        found = await connection.run_sync(_version)
    if not _is_older(found, place, backup_dir):
        return
    if found is not None:
        if isinstance(place, Path):
            await asyncio.to_thread(copy_file, place, backup_dir or place.parent, found, now)
        # Some 0.2 s of imports, in a thread, so that packets go on meanwhile.
        await asyncio.to_thread(importlib.import_module, "alembic.command")
    async with engine.begin() as connection:
        if isinstance(place, str):
            await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            found = await connection.run_sync(_version)  # another relay may have been first
            if not _is_older(found, place, backup_dir):
                return
            if found is not None:
                await connection.run_sync(copy_tables, found, now)
        await connection.run_sync(_begin if found is None else upgrade)


def _is_older(found: str | None, place: Path | str, backup_dir: Path | None) -> bool:
    """Is there anything to do? Raises `MachineError` for a version that is not known here."""
    if found is not None and found not in REVISIONS:
        backups = str(backup_dir) if isinstance(place, Path) and backup_dir is not None else ""
        raise MachineError(findings.store_newer(public_location(place), found, REVISIONS[-1], backups))
    return found != REVISIONS[-1]


def _version(connection: Connection) -> str | None:
    """The version of the tables, None if there are none yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_VERSION)).scalar()


def _begin(connection: Connection) -> None:
    """Make the tables of the newest version, where there are none."""
    METADATA.create_all(connection)
    _VERSION.table.create(connection)
    connection.execute(insert(_VERSION.table).values(version_num=REVISIONS[-1]))


def upgrade(connection: Connection) -> None:
    """Make all changes that have not been made yet, in the transaction of this connection."""
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)  # else it tells each step
    config = Config()
    config.set_main_option("script_location", "tailhub.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
