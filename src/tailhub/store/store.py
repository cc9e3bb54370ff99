"""The store itself: records in, records out. One transaction for each call; errors are findings.

Not here: when it is called (`tailhub.store.journal`) and where it is (`tailhub.store.location`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Any, Self

from sqlalchemy import ColumnElement, Table, bindparam, case, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tailhub import findings
from tailhub.exceptions import MachineError, StoreUnavailableError
from tailhub.findings import Finding
from tailhub.store import reports, tables
from tailhub.store.engine import TROUBLES, is_corrupt, make_engine, reason_of, trouble
from tailhub.store.location import BACKUPS, public_location
from tailhub.store.migrate import check_version, migrate
from tailhub.store.records import Admission, Allowed, Batch, Grouping, Name, Refusal, Totals, UsageRow
from tailhub.store.sqlite_file import set_aside

__all__ = ["MAX_REFUSALS", "Store"]

MAX_REFUSALS = 1000  # the latest; strangers can make any number
LIMIT_S = 30.0  # for one call; the driver's limits are for each command
_ALLOWED = "allowed"  # what has changed, in the table of changes


class Store:
    """An open store. Every method may raise `StoreUnavailableError`, and can be called again then.

    All times are seconds since 1970.
    """

    def __init__(self, place: Path | str, relay: str, backup_dir: Path | None, tell: Callable[[Finding], None]) -> None:
        self._place = place
        self._relay = relay
        self._backup_dir = backup_dir
        self._tell = tell
        self._engine: AsyncEngine | None = None
        self._is_read_only = False
        self._insert = _insert_of(place)

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
        ``backups`` beside the file). `tell` hears of a damaged file, which is moved aside for a new one. Raises
        `StoreUnavailableError` when that may be different later, `MachineError` when a person must do something.
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
        async with self._transaction() as connection:
            if not await self._is_new(connection, batch):
                return False
            if batch.usage:
                await self._add_usage(connection, batch)
            if batch.confirmed or batch.ended:
                await self._keep_admissions(connection, batch)
            if batch.refused:
                await self._add_refusals(connection, batch.refused)
            if batch.names:
                await self._keep_names(connection, batch.names)
            return True

    async def forget(self, before: float) -> None:
        """Drop what is older: usage, refusals, ended and unconfirmed admissions, names of keys without usage."""
        kept = select(tables.usage.c.src).union(select(tables.usage.c.dst))
        admissions, names = tables.admissions.c, tables.names.c
        async with self._transaction() as connection:
            await connection.execute(delete(tables.usage).where(reports.hours(0, before)))
            await connection.execute(delete(tables.refusals).where(tables.refusals.c.last_at < before))
            is_old = (admissions.confirmed_at < before) & (admissions.ended_at < before)
            await connection.execute(delete(tables.admissions).where(is_old))
            await connection.execute(delete(tables.names).where(names.learnt_at < before, names.key.not_in(kept)))
            # A process that has written nothing for so long is gone, and with it what it might write again.
            await connection.execute(delete(tables.writers).where(tables.writers.c.saved_at < before))

    async def allow(self, entry: Allowed) -> None:
        """Put a key on the shared list, or change its entry."""
        values = {
            "key": entry.key,
            "tenant": entry.tenant,
            "name": entry.name,
            "comment": entry.comment,
            "added_at": entry.added_at,
        }
        async with self._transaction() as connection:
            await connection.execute(self._upsert(tables.allowed, lambda new: dict(new)), [values])
            await connection.execute(delete(tables.refusals).where(tables.refusals.c.key == entry.key))
            await self._note_change(connection)

    async def disallow(self, key: bytes) -> bool:
        """Take a key off the shared list; whether it was on it."""
        async with self._transaction() as connection:
            gone = await connection.execute(delete(tables.allowed).where(tables.allowed.c.key == key))
            if gone.rowcount:
                await self._note_change(connection)
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
        """The refused, at most `MAX_REFUSALS`; who came last is first."""
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

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end. Whatever goes wrong is a `StoreUnavailableError`."""
        try:
            async with asyncio.timeout(LIMIT_S):
                if self._engine is None:  # closed, or a damaged file could not be replaced before
                    await self._open()
                assert self._engine is not None  # noqa: S101  for mypy
                async with self._engine.begin() as connection:
                    yield connection
        except TROUBLES as exc:
            finding = self._finding(exc)
            if is_corrupt(exc) and not self._is_read_only:
                await self.close()
                await self._replace_damaged(exc)
            raise StoreUnavailableError(finding) from exc

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

    async def _is_new(self, connection: AsyncConnection, batch: Batch) -> bool:
        """Note that this batch is being written; False if it had been before."""
        known = tables.writers.c.number
        statement = self._insert(tables.writers)
        statement = statement.on_conflict_do_update(
            index_elements=["writer"],
            set_={"number": statement.excluded.number, "saved_at": statement.excluded.saved_at},
            where=known < statement.excluded.number,
        )
        values = {"writer": batch.writer, "relay": self._relay, "number": batch.number, "saved_at": time.time()}
        return (await connection.execute(statement.values(values))).rowcount > 0

    async def _add_usage(self, connection: AsyncConnection, batch: Batch) -> None:
        columns = tables.usage.c
        statement = self._upsert(
            tables.usage,
            lambda new: {name: columns[name] + new[name] for name in ("packets", "in_bytes", "out_bytes")},
        )
        # In one order everywhere: two relays that write the same rows would else wait for each other for ever.
        rows = [delta._asdict() | {"relay": self._relay} for delta in sorted(batch.usage)]
        await connection.execute(statement, rows)

    async def _keep_admissions(self, connection: AsyncConnection, batch: Batch) -> None:
        columns = tables.admissions.c
        if batch.confirmed:
            statement = self._upsert(
                tables.admissions,
                lambda new: _newest(new, columns, "confirmed_at", ("node", "owner", "confirmed_at")),
            )
            rows = [
                {
                    "key": one.key,
                    "tenant": one.tenant,
                    "verifier": one.verifier,
                    "node": one.node,
                    "owner": one.owner,
                    "confirmed_at": one.confirmed_at,
                    "ended_at": 0.0,
                }
                for one in sorted(batch.confirmed, key=lambda one: (one.key, one.tenant, one.verifier))
            ]
            await connection.execute(statement, rows)
            gone = delete(tables.refusals).where(tables.refusals.c.key == bindparam("its_key"))
            await connection.execute(gone, [{"its_key": key} for key in sorted({one.key for one in batch.confirmed})])
        if batch.ended:
            # Of those that were admitted before only: whoever else is told no leaves nothing behind.
            statement = (
                update(tables.admissions)
                .where(columns.key == bindparam("its_key"), columns.verifier == bindparam("its_verifier"))
                .where(columns.ended_at < bindparam("at"))
                .values(ended_at=bindparam("at"))
            )
            rows = [{"its_key": one.key, "its_verifier": one.verifier, "at": one.at} for one in sorted(batch.ended)]
            await connection.execute(statement, rows)

    async def _add_refusals(self, connection: AsyncConnection, refused: Iterable[Refusal]) -> None:
        columns = tables.refusals.c
        statement = self._upsert(
            tables.refusals,
            lambda new: {
                **_newest(new, columns, "last_at", ("address", "reason", "last_at")),
                "count": columns["count"] + new["count"],
                "first_at": case((new.first_at < columns.first_at, new.first_at), else_=columns.first_at),
            },
        )
        rows = [
            {
                "key": one.key,
                "address": one.address,
                "reason": one.reason,
                "count": one.count,
                "first_at": one.first_at,
                "last_at": one.last_at,
            }
            for one in sorted(refused, key=lambda one: one.key)
        ]
        await connection.execute(statement, rows)
        too_many = select(columns.key).order_by(columns.last_at.desc(), columns.key).offset(MAX_REFUSALS)
        await connection.execute(delete(tables.refusals).where(columns.key.in_(too_many)))

    async def _keep_names(self, connection: AsyncConnection, learnt: Iterable[Name]) -> None:
        statement = self._upsert(
            tables.names,
            lambda new: _newest(new, tables.names.c, "learnt_at", ("node", "owner", "learnt_at")),
        )
        rows = [
            {"key": one.key, "node": one.node, "owner": one.owner, "learnt_at": one.learnt_at}
            for one in sorted(learnt, key=lambda one: one.key)
        ]
        await connection.execute(statement, rows)

    async def _note_change(self, connection: AsyncConnection) -> None:
        number = tables.changes.c.number
        statement = self._upsert(tables.changes, lambda new: {"number": number + 1})
        await connection.execute(statement, [{"what": _ALLOWED, "number": 1}])

    def _upsert(self, table: Table, changes: Callable[[Any], Mapping[str, Any]]) -> Any:
        """Insert a row, or change the one with its primary key; `changes` is given the row that was to be inserted."""
        statement = self._insert(table)
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=changes(statement.excluded)
        )


def _insert_of(place: Path | str) -> Any:
    """The database's own INSERT, which can change a row that is there; only that database's module is imported."""
    if isinstance(place, str):
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert


class _DamagedError(OSError):
    """SQLite has found its file damaged, and says how."""


def _newest(new: Any, columns: Any, when: str, names: Iterable[str]) -> dict[str, ColumnElement[Any]]:
    """The `names` of whichever row is younger by its column `when`."""
    is_newer = new[when] >= columns[when]
    return {name: case((is_newer, new[name]), else_=columns[name]) for name in names}
