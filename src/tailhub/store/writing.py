"""Writing a batch into the tables, within the caller's transaction. Field names of records are names of columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Table, bindparam, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tailhub.store import tables
from tailhub.store.records import Admission, Allowed, Batch, End, Forgotten, Name, Refusal, UsageDelta

__all__ = ["MAX_REFUSALS", "TableWriter"]

MAX_REFUSALS = 1000  # the latest; strangers can make any number
_ROWS = 100  # written by one command


class TableWriter:
    """Writes for one `relay`; `insert` is the database's own INSERT, which can change a row that is there."""

    def __init__(self, insert: Callable[[Table], Any], relay: str) -> None:
        self._insert = insert
        self._relay = relay

    async def is_new(self, connection: AsyncConnection, batch: Batch, now: float) -> bool:
        """Note that this batch is being written; False if it had been before."""
        statement = self._insert(tables.writers)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["writer"],
            set_={"number": new.number, "saved_at": new.saved_at},
            where=tables.writers.c.number < new.number,
        )
        values = {"writer": batch.writer, "relay": self._relay, "number": batch.number, "saved_at": now}
        return (await connection.execute(statement.values(values))).rowcount > 0

    async def write(self, connection: AsyncConnection, batch: Batch) -> None:
        """Write all that is in it."""
        await self._add_usage(connection, batch.usage)
        await self._keep_admissions(connection, batch.confirmed)
        await self._end_admissions(connection, batch.ended)
        await self._drop_refusals(connection, batch.forgotten)
        await self._add_refusals(connection, batch.refused)
        await self._keep_names(connection, batch.names)

    async def allow(self, connection: AsyncConnection, entry: Allowed) -> None:
        """Put a key on the shared list, or change its entry; it is refused no more."""
        await _execute(connection, self._upsert(tables.allowed, dict), _rows([entry]))
        await _forget_refusals(connection, [entry.key])

    async def note_change(self, connection: AsyncConnection, what: str) -> None:
        """Let others see that something has changed."""
        number = tables.changes.c.number
        statement = self._upsert(tables.changes, lambda new: {"number": number + 1})
        await connection.execute(statement, [{"what": what, "number": 1}])

    async def _add_usage(self, connection: AsyncConnection, usage: Iterable[UsageDelta]) -> None:
        columns, sums = tables.usage.c, ("packets", "in_bytes", "out_bytes")
        statement = self._upsert(tables.usage, lambda new: {name: columns[name] + new[name] for name in sums})
        await _execute(connection, statement, (delta._asdict() | {"relay": self._relay} for delta in usage))

    async def _keep_admissions(self, connection: AsyncConnection, confirmed: Collection[Admission]) -> None:
        columns, changed = tables.admissions.c, ("node", "owner", "confirmed_at")
        statement = self._upsert(tables.admissions, lambda new: _newest(new, columns, "confirmed_at", changed))
        await _execute(connection, statement, _rows(confirmed, ended_at=0.0))
        await _forget_refusals(connection, {one.key for one in confirmed})

    async def _end_admissions(self, connection: AsyncConnection, ended: Iterable[End]) -> None:
        """Of those that were admitted before only: whoever else is told no leaves nothing behind."""
        columns = tables.admissions.c
        statement = (
            update(tables.admissions)
            .where(columns.key == bindparam("its_key"), columns.verifier == bindparam("its_verifier"))
            .where(columns.ended_at < bindparam("at"))
            .values(ended_at=bindparam("at"))
        )
        rows = ({"its_key": one.key, "its_verifier": one.verifier, "at": one.at} for one in ended)
        await _execute(connection, statement, rows)

    async def _drop_refusals(self, connection: AsyncConnection, forgotten: Iterable[Forgotten]) -> None:
        """Those that came no later: another relay may have refused the key since."""
        columns = tables.refusals.c
        statement = delete(tables.refusals).where(
            columns.key == bindparam("its_key"), columns.last_at <= bindparam("at")
        )
        await _execute(connection, statement, ({"its_key": one.key, "at": one.at} for one in forgotten))

    async def _add_refusals(self, connection: AsyncConnection, refused: Collection[Refusal]) -> None:
        columns = tables.refusals.c
        statement = self._upsert(
            tables.refusals,
            lambda new: {
                **_newest(new, columns, "last_at", ("address", "reason", "last_at")),
                "count": columns["count"] + new["count"],
                "first_at": case((new.first_at < columns.first_at, new.first_at), else_=columns.first_at),
            },
        )
        await _execute(connection, statement, _rows(refused))
        if refused:
            too_many = select(columns.key).order_by(columns.last_at.desc(), columns.key).offset(MAX_REFUSALS)
            await connection.execute(delete(tables.refusals).where(columns.key.in_(too_many)))

    async def _keep_names(self, connection: AsyncConnection, learnt: Iterable[Name]) -> None:
        changed = ("node", "owner", "learnt_at")
        statement = self._upsert(tables.names, lambda new: _newest(new, tables.names.c, "learnt_at", changed))
        await _execute(connection, statement, _rows(learnt))

    def _upsert(self, table: Table, changes: Callable[[Any], Mapping[str, Any]]) -> Any:
        """Insert a row, or change the one with its primary key; `changes` is given the row that was to be inserted."""
        statement = self._insert(table)
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=changes(statement.excluded)
        )


async def _execute(connection: AsyncConnection, statement: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Execute a statement with each of these rows, in their order.

    In small parts: what SQLAlchemy makes of each row takes time on the loop, where packets wait.
    """
    iterator = iter(rows)
    while part := list(islice(iterator, _ROWS)):
        await connection.execute(statement, part)


async def _forget_refusals(connection: AsyncConnection, keys: Iterable[bytes]) -> None:
    statement = delete(tables.refusals).where(tables.refusals.c.key == bindparam("its_key"))
    await _execute(connection, statement, ({"its_key": key} for key in keys))


def _rows(records: Iterable[Any], **more: Any) -> Iterator[dict[str, Any]]:
    """Records (dataclasses) as rows, with what a table has besides."""
    for record in records:
        yield {name: getattr(record, name) for name in record.__dataclass_fields__} | more


def _newest(new: Any, columns: Any, when: str, names: Iterable[str]) -> dict[str, ColumnElement[Any]]:
    """The `names` of whichever row is younger by its column `when`."""
    is_newer = new[when] >= columns[when]
    return {name: case((is_newer, new[name]), else_=columns[name]) for name in names}
