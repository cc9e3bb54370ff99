"""Summing up usage: for quotas, and for whoever wants to know who used what."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tailhub.store import tables
from tailhub.store.records import Grouping, Totals, Traffic, UsageRow

__all__ = ["hours", "totals", "usage"]

_USAGE = tables.usage.c
_Share = tuple[tuple[str, bytes], Traffic, int]  # tenant and key, bytes, packets
_AT_ONCE = 200  # rows
_NEVER = 2.0**62  # seconds
_FIELDS: dict[Grouping, dict[str, str]] = {  # of `UsageRow`, and the column that each is
    "pair": {"tenant": "tenant", "key": "src", "peer": "dst"},
    "tenant": {"tenant": "tenant"},
    "relay": {"relay": "relay"},
}
_SUMS = (func.sum(_USAGE.packets), func.sum(_USAGE.in_bytes), func.sum(_USAGE.out_bytes))


def hours(since: float, until: float, relay: str = "", but_relay: str = "") -> ColumnElement[bool]:
    """The rows of the hours that begin at `since` or later and before `until`; of one relay, or of all but one."""
    first, behind = (math.ceil(min(at, _NEVER)) for at in (since, until))
    chosen = [_USAGE.hour >= first, _USAGE.hour < behind]
    if relay:
        chosen.append(_USAGE.relay == relay)
    if but_relay:
        chosen.append(_USAGE.relay != but_relay)
    return and_(*chosen)


async def totals(connection: AsyncConnection, rows: ColumnElement[bool]) -> Totals:
    """Traffic of each key and each tenant: what a key sent came in, what it was sent went out."""
    keys: dict[tuple[str, bytes], Traffic] = {}
    tenants: dict[str, Traffic] = {}
    async for key, traffic, _ in _shares(connection, rows):
        keys[key] = keys.get(key, Traffic()).plus(traffic)
        tenants[key[0]] = tenants.get(key[0], Traffic()).plus(traffic)
    return Totals(tenants, keys)


async def usage(connection: AsyncConnection, rows: ColumnElement[bool], by: Grouping, zone: tzinfo) -> list[UsageRow]:
    """Lines of the bill; see `UsageRow`. Most bytes first, days in their order."""
    if by == "key":
        return _by_bytes(await _by_key(connection, rows))
    if by == "day":
        return await _by_day(connection, rows, zone)
    fields = _FIELDS[by]
    columns = [_USAGE[column] for column in fields.values()]
    query = select(*_SUMS, *columns).where(rows).group_by(*columns)
    lines = [
        UsageRow(int(packets), int(in_bytes), int(out_bytes), **dict(zip(fields, group, strict=True)))
        async for packets, in_bytes, out_bytes, *group in _rows(connection, query)
    ]
    return _by_bytes(lines)


async def _by_key(connection: AsyncConnection, rows: ColumnElement[bool]) -> list[UsageRow]:
    found: dict[tuple[str, bytes], tuple[Traffic, int]] = {}
    async for key, traffic, packets in _shares(connection, rows):
        before = found.get(key, (Traffic(), 0))
        found[key] = before[0].plus(traffic), before[1] + packets
    return [
        UsageRow(packets, traffic.in_bytes, traffic.out_bytes, tenant=tenant, key=key)
        for (tenant, key), (traffic, packets) in found.items()
    ]


async def _by_day(connection: AsyncConnection, rows: ColumnElement[bool], zone: tzinfo) -> list[UsageRow]:
    days: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    # Days are a time zone's, so they are summed up here; hours are few.
    for hour, *sums in await connection.execute(select(_USAGE.hour, *_SUMS).where(rows).group_by(_USAGE.hour)):
        day = days[f"{datetime.fromtimestamp(hour, zone):%Y-%m-%d}"]
        for index, value in enumerate(sums):
            day[index] += int(value)
    return [UsageRow(sums[0], sums[1], sums[2], day=day) for day, sums in sorted(days.items())]


async def _shares(connection: AsyncConnection, rows: ColumnElement[bool]) -> AsyncIterator[_Share]:
    """What each key sent (bytes that came in, and packets), then what each was sent (bytes that went out)."""
    sums = (func.sum(_USAGE.in_bytes), func.sum(_USAGE.packets))
    sent = select(_USAGE.tenant, _USAGE.src, *sums).where(rows, _USAGE.packets > 0).group_by(_USAGE.tenant, _USAGE.src)
    async for tenant, key, in_bytes, packets in _rows(connection, sent):
        yield (tenant, key), Traffic(int(in_bytes), 0), int(packets)
    query = select(_USAGE.tenant, _USAGE.dst, func.sum(_USAGE.out_bytes)).where(rows, _USAGE.out_bytes > 0)
    async for tenant, key, out_bytes in _rows(connection, query.group_by(_USAGE.tenant, _USAGE.dst)):
        yield (tenant, key), Traffic(0, int(out_bytes)), 0


async def _rows(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[Any]:
    """The rows of a query, some at a time: packets have the loop in between, and there may be thousands."""
    result = await connection.stream(query, execution_options={"max_row_buffer": _AT_ONCE})
    async for part in result.partitions(_AT_ONCE):
        for row in part:
            yield row


def _by_bytes(lines: list[UsageRow]) -> list[UsageRow]:
    return sorted(lines, key=lambda line: (-line.in_bytes - line.out_bytes, line.key or b"", line.peer or b""))
