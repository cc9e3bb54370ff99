"""The store itself: records in, records out. One transaction for each call; errors are findings.

Not here: when it is called (`tailhub.store.journal`) and where it is (`tailhub.store.location`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Any, Self

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tailhub import findings
from tailhub.exceptions import MachineError, StoreUnavailableError
from tailhub.findings import Finding
from tailhub.store import reports, tables
from tailhub.store.engine import TROUBLES, is_corrupt, lacks_tables, make_engine, reason_of, trouble
from tailhub.store.location import BACKUPS, public_location
from tailhub.store.migrate import check_version, migrate
from tailhub.store.records import Admission, Allowed, Batch, Grouping, Name, Refusal, Totals, UsageRow
from tailhub.store.sqlite_file import Identities, drop_log, identities, look, set_aside
from tailhub.store.writing import TableWriter

__all__ = ["Store"]

LIMIT_S = 30.0  # for one call; the driver's limits are for each command
_LOCK = 0x7461696C777269  # of PostgreSQL's advisory locks; "tailwri"
_ALLOWED = "allowed"  # what has changed, in the table of changes


class Store:
    """An open store. Every method may raise `StoreUnavailableError`, and can be called again then.

    All times are seconds since 1970.
    """

    def __init__(self, place: Path | str, relay: str, backup_dir: Path | None, tell: Callable[[Finding], None]) -> None:
        self._place = place
        self._backup_dir = backup_dir
        self._tell = tell
        self._engine: AsyncEngine | None = None
        self._is_read_only = False
        self._files: Identities = ()  # which SQLite files are open
        self._writer = TableWriter(_insert_of(place), relay)

    @classmethod
    async def open(
        cls,
        place: Path | str,
        *,
        relay: str,
        backup_dir: Path | None = None,
        tell: Callable[[Finding], None] = lambda finding: None,
    ) -> Self:
        """Open a SQLite file (a path) or a PostgreSQL database (a URL), made or brought up to date if need be.

        `relay` is the name under which this relay counts. Copies from before a change are in `backup_dir` (default:
        ``backups`` beside the file). `tell` hears of a damaged file, which is moved aside for a new one, and of one
        that was taken away while it was open. Raises `StoreUnavailableError` when that may be different later,
        `MachineError` when a person must do something.
        """
        if backup_dir is None and isinstance(place, Path):
            backup_dir = place.parent / BACKUPS
        store = cls(place, relay, backup_dir, tell)
        await store._open()
        return store

    @classmethod
    async def open_to_read(cls, place: Path | str) -> Self:
        """Open a store that is there, and change nothing. Raises `MachineError`, also when it is not there."""
        if isinstance(place, Path) and not place.exists():  # noqa: ASYNC240  a look, by a command
            raise MachineError(findings.store_missing(str(place)))
        store = cls(place, "", None, lambda finding: None)
        store._is_read_only = True
        await store._open()
        return store

    @property
    def is_shared(self) -> bool:
        """May other relays write to it too?"""
        return isinstance(self._place, str)

    async def close(self) -> None:
        """Close all connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    # --- writing ------------------------------------------------------------------------------------------------------

    async def save(self, batch: Batch) -> bool:
        """Write a batch, all or nothing; whether it had not been written before."""
        about_keys = (batch.confirmed, batch.ended, batch.refused, batch.names, batch.forgotten)
        is_alone = any(about_keys)  # usage is each relay's own
        async with self._transaction(alone=is_alone) as connection:
            if not await self._writer.is_new(connection, batch, time.time()):
                return False
            await self._writer.write(connection, batch)
            return True

    async def forget(self, before: float) -> None:
        """Drop what is older: usage, refusals, ended and unconfirmed admissions, names of keys without usage."""
        kept = select(tables.usage.c.src).union(select(tables.usage.c.dst))
        admissions, names = tables.admissions.c, tables.names.c
        async with self._transaction(alone=True) as connection:
            await connection.execute(delete(tables.usage).where(reports.hours(0, before)))
            await connection.execute(delete(tables.refusals).where(tables.refusals.c.last_at < before))
            is_old = (admissions.confirmed_at < before) & (admissions.ended_at < before)
            await connection.execute(delete(tables.admissions).where(is_old))
            await connection.execute(delete(tables.names).where(names.learnt_at < before, names.key.not_in(kept)))
            # A process that has written nothing for so long is gone, and with it what it might write again.
            await connection.execute(delete(tables.writers).where(tables.writers.c.saved_at < before))

    async def allow(self, entry: Allowed, replaces: Iterable[bytes] = ()) -> None:
        """Put a key on the shared list, or change its entry; those that it `replaces` go with the same change."""
        async with self._transaction(alone=True) as connection:
            if gone := list(replaces):
                await connection.execute(delete(tables.allowed).where(tables.allowed.c.key.in_(gone)))
            await self._writer.allow(connection, entry)
            await self._writer.note_change(connection, _ALLOWED)

    async def disallow(self, key: bytes) -> bool:
        """Take a key off the shared list; whether it was on it."""
        async with self._transaction(alone=True) as connection:
            gone = await connection.execute(delete(tables.allowed).where(tables.allowed.c.key == key))
            if gone.rowcount:
                await self._writer.note_change(connection, _ALLOWED)
            return bool(gone.rowcount)

    # --- reading ------------------------------------------------------------------------------------------------------

    async def admissions(self) -> list[Admission]:
        """Those that hold: confirmed after they were last ended. The latest is first."""
        columns = tables.admissions.c
        query = (
            select(columns.key, columns.tenant, columns.verifier, columns.node, columns.owner, columns.confirmed_at)
            .where(columns.confirmed_at > columns.ended_at)
            .order_by(columns.confirmed_at.desc())
        )
        async with self._transaction() as connection:
            return [Admission(*row) for row in await connection.execute(query)]

    async def refusals(self) -> list[Refusal]:
        """The refused, the latest 1,000; who came last is first."""
        async with self._transaction() as connection:
            query = select(tables.refusals).order_by(tables.refusals.c.last_at.desc())
            return [Refusal(*row) for row in await connection.execute(query)]

    async def names(self) -> dict[bytes, Name]:
        """What keys are called."""
        async with self._transaction() as connection:
            return {row[0]: Name(*row) for row in await connection.execute(select(tables.names))}

    async def allowed(self) -> list[Allowed]:
        """The shared list, the oldest entry first."""
        async with self._transaction() as connection:
            query = select(tables.allowed).order_by(tables.allowed.c.added_at, tables.allowed.c.key)
            return [Allowed(*row) for row in await connection.execute(query)]

    async def allowed_version(self) -> int:
        """A number that goes up with every change of the shared list: one row to read, so cheap to ask every second."""
        async with self._transaction() as connection:
            query = select(tables.changes.c.number).where(tables.changes.c.what == _ALLOWED)
            return (await connection.execute(query)).scalar() or 0

    async def totals(self, since: float, until: float, *, relay: str = "", but_relay: str = "") -> Totals:
        """Traffic in the hours that begin at `since` or later and before `until`, of all relays with this store.

        Or through one `relay` only, or all but one.
        """
        async with self._transaction() as connection:
            return await reports.totals(connection, reports.hours(since, until, relay, but_relay))

    async def usage(self, since: float, until: float, by: Grouping, zone: tzinfo) -> list[UsageRow]:
        """Usage in the same hours, summed up; most bytes first, days in their order and as `zone` has them."""
        async with self._transaction() as connection:
            return await reports.usage(connection, reports.hours(since, until), by, zone)

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        """Connect and see that everything is as it should be; with a damaged file once more, after moving that."""
        for is_last in (False, True):
            try:
                async with asyncio.timeout(LIMIT_S):
                    await self._try_to_open()
                return
            except MachineError:
                await self.close()
                raise
            except TROUBLES as exc:
                await self.close()
                if is_last or not await self._replace_damaged(exc):
                    raise StoreUnavailableError(self._finding(exc)) from exc
            except BaseException:
                await self.close()
                raise

    async def _try_to_open(self) -> None:
        if isinstance(self._place, Path) and not self._is_read_only:
            # Usage and addresses are nobody else's business; SQLite gives its other files the mode of this one.
            os.close(os.open(self._place, os.O_RDWR | os.O_CREAT, 0o600))
        elif isinstance(self._place, Path):
            # A command ends with its first error, and the driver's thread would complain that nobody listens any more.
            await asyncio.to_thread(look, self._place)
        self._engine = make_engine(self._place, read_only=self._is_read_only)
        if self._is_read_only:
            await check_version(self._engine, self._place)
            return
        if isinstance(self._place, Path):
            async with self._engine.connect() as connection:
                verdict = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar()
            if verdict != "ok":
                raise _DamagedError(str(verdict))
        await migrate(self._engine, self._place, self._backup_dir, time.time())
        self._files = identities(self._place) if isinstance(self._place, Path) else ()

    @asynccontextmanager
    async def _transaction(self, *, alone: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end. Whatever goes wrong is a `StoreUnavailableError`.

        Those that are `alone` wait for each other, also those of other relays: they write the same rows, several times
        and in any order, and would else end up waiting for each other for ever.
        """
        try:
            async with asyncio.timeout(LIMIT_S):
                await self._leave_lost_file()
                if self._engine is None:  # closed, or a damaged file could not be replaced before
                    await self._open()
                assert self._engine is not None  # noqa: S101  for mypy
                async with self._engine.begin() as connection:
                    if alone and self.is_shared:
                        await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
                    yield connection
        except TROUBLES as exc:
            finding = self._finding(exc)
            if is_corrupt(exc) and not self._is_read_only:
                await self.close()
                await self._replace_damaged(exc)
            elif lacks_tables(exc):  # somebody has emptied it: the next opening makes them
                await self.close()
            raise StoreUnavailableError(finding) from exc

    async def _leave_lost_file(self) -> None:
        """Write no more to a SQLite file that has been removed or replaced: what is written there nobody reads."""
        if self._engine is None or self._is_read_only or not isinstance(self._place, Path):
            return
        if identities(self._place)[:1] == self._files[:1]:
            return
        await self.close()
        drop_log(self._place, self._files)
        self._tell(findings.store_gone(str(self._place)))

    async def _replace_damaged(self, error: Exception) -> bool:
        """Move a damaged file aside, so that the next opening begins a new one; whether that was so."""
        is_damaged = is_corrupt(error) or isinstance(error, _DamagedError)
        if not is_damaged or not isinstance(self._place, Path) or self._is_read_only:
            return False
        try:
            aside = set_aside(self._place, time.time())
        except OSError:  # a directory that has become read-only: said with the next error
            return False
        has_backups = self._backup_dir is not None and any(self._backup_dir.glob("*.db"))
        backups = str(self._backup_dir) if has_backups else ""
        self._tell(findings.store_corrupt(str(self._place), str(aside), reason_of(error), backups))
        return True

    def _finding(self, error: Exception) -> Finding:
        if self._is_read_only and isinstance(self._place, Path):
            return findings.file_trouble(public_location(self._place), reason_of(error))
        return trouble(self._place, error)


def _insert_of(place: Path | str) -> Any:
    """The database's own INSERT, which can change a row that is there; only that database's module is imported."""
    if isinstance(place, str):
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert


class _DamagedError(OSError):
    """SQLite has found its file damaged, and says how."""
