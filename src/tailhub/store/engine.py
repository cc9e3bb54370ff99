"""Connections to the database of a store, and what its errors mean to a person."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tailhub import findings
from tailhub.exceptions import MachineError
from tailhub.store.location import public_location
from tailhub.store.sqlite_file import file_uri

if TYPE_CHECKING:
    from tailhub.findings import Finding

__all__ = ["TROUBLES", "is_corrupt", "lacks_tables", "make_engine", "reason_of", "trouble"]

BUSY_S = 5.0  # how long SQLite waits for another process that writes
CONNECT_S, COMMAND_S = 5.0, 10.0  # how long a database may take to let us in, and for a command
# A relay whose machine is gone in the middle of a transaction must not hold others up by its locks (milliseconds).
_SESSION = {"application_name": "tailhub", "idle_in_transaction_session_timeout": "30000"}
_REFUSALS = ("28", "3D", "42501", "25006")  # SQLSTATE: authorization, no such database, no privilege, read-only
_NO_TABLE = "42P01"

TROUBLES: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, sqlite3.Error)  # a TimeoutError is an OSError


class _RefusedError(OSError):
    """PostgreSQL has answered and let us not in."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.sqlstate = getattr(error, "sqlstate", None)


def make_engine(place: Path | str, *, read_only: bool = False) -> AsyncEngine:
    """The pool of connections to a SQLite file or a PostgreSQL database. Connects to nothing yet.

    Raises `MachineError` when the database's driver is missing.
    """
    if isinstance(place, str):
        return _postgresql_engine(place)
    query = {"uri": "true"} | ({"mode": "ro"} if read_only else {})
    url = URL.create("sqlite+aiosqlite", database=file_uri(place), query=query)
    engine = create_async_engine(
        url,
        connect_args={"timeout": BUSY_S},
        poolclass=AsyncAdaptedQueuePool,  # not every version has one for files
        pool_size=1,
        max_overflow=1,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # else the driver begins by itself, but not before a change of tables
        cursor = connection.cursor()
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")  # writers and readers do not wait for each other
            cursor.execute("PRAGMA synchronous=NORMAL")  # a killed process loses nothing; a power cut what is newest
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _postgresql_engine(url: str) -> AsyncEngine:
    try:
        import asyncpg
    except ModuleNotFoundError:
        raise MachineError(findings.store_driver_missing("asyncpg")) from None

    async def connect() -> Any:
        # asyncpg reads the URL itself: all that libpq knows (sslmode, a socket's directory), and no error shows it.
        try:
            return await asyncpg.connect(url, timeout=CONNECT_S, command_timeout=COMMAND_S, server_settings=_SESSION)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as exc:
            raise _RefusedError(exc) from None

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=1, max_overflow=2, pool_pre_ping=True
    )


def trouble(place: Path | str, error: Exception) -> Finding:
    """What has gone wrong with the database, for a person."""
    where, reason = public_location(place), reason_of(error)
    if isinstance(place, Path):
        return findings.store_not_writable(where, reason)
    state = str(getattr(_cause(error), "sqlstate", None) or "")
    if state.startswith(_REFUSALS):
        return findings.store_refuses(where, reason)
    return findings.store_unreachable(where, reason)


def is_corrupt(error: Exception) -> bool:
    """Is it SQLite's word that its file is damaged, or is no database?"""
    code = getattr(_cause(error), "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def lacks_tables(error: Exception) -> bool:
    """Is a table not there that had been made?"""
    cause = _cause(error)
    return getattr(cause, "sqlstate", None) == _NO_TABLE or str(cause).startswith("no such table")


def reason_of(error: Exception) -> str:
    """The database's or the system's own words, on one line."""
    cause = _cause(error)
    if isinstance(cause, TimeoutError) and not str(cause):
        return "no answer in time"
    words = (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__
    return words.partition("\n")[0]


def _cause(error: Exception) -> BaseException:
    """The error of the driver behind SQLAlchemy's and its adapter's."""
    cause: BaseException = error
    if isinstance(cause, DBAPIError) and cause.orig is not None:
        cause = cause.orig
        if cause.__cause__ is not None:  # asyncpg's own, with its SQLSTATE
            cause = cause.__cause__
    return cause
