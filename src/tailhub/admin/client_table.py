"""The clients as the operator's pages know them: rows as they came, their numbers, and rates between two snapshots.

No clock and no sockets. With 10,000 clients a snapshot and a sorted page of them are a few milliseconds each, so what
is searched for is made once for each row, and what has not changed costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import nlargest, nsmallest
from math import inf
from typing import Any, Final

from tailhub.admin.api_types import Client, Clients
from tailhub.admin.feed import ClientCounts, ClientRow
from tailhub.keys import NodePublic, short_key

__all__ = ["CLIENT_ORDERS", "ClientTable", "key_text"]


def key_text(key: bytes) -> str:
    """A key as the API writes it."""
    return NodePublic.PREFIX + key.hex()


class _Client:
    """One connection."""

    __slots__ = ("counts", "in_per_s", "out_per_s", "row", "words")

    def __init__(self, row: ClientRow) -> None:
        self.row = row
        self.counts: ClientCounts = _NOTHING
        self.in_per_s: float = 0.0
        self.out_per_s: float = 0.0
        texts = (key_text(row.key), short_key(row.key), row.name, row.owner, row.address, row.tenant, row.app)
        self.words = "\n".join(texts).lower()


_NOTHING: Final = ClientCounts(0, False, 0, 0, 0, 0, 0, 0, ())

CLIENT_ORDERS: Final[Mapping[str, Callable[[_Client], Any]]] = {
    "rate": lambda one: one.in_per_s + one.out_per_s,
    "bytes": lambda one: one.counts.received_bytes + one.counts.sent_bytes,
    "name": lambda one: (one.row.name.lower(), one.row.key),
    "since": lambda one: one.row.connected_at,
    "rtt": lambda one: one.counts.rtt_us,
    "drops": lambda one: sum(count for _, count in one.counts.dropped),
    "queued": lambda one: one.counts.queued_bytes,
}
"""By what a list of clients may be sorted."""


class ClientTable:
    """Told what the relay tells of its connections."""

    def __init__(self) -> None:
        self._clients: dict[int, _Client] = {}
        self._by_key: defaultdict[bytes, set[int]] = defaultdict(set)
        self._before: dict[int, ClientCounts] = {}  # the last snapshot's numbers of those that this one has changed
        self._moving: list[_Client] = []  # that had a rate in the last one

    def __len__(self) -> int:
        return len(self._clients)

    def came(self, rows: Iterable[ClientRow]) -> None:
        """Connections are new."""
        for row in rows:
            self._clients[row.id] = _Client(row)
            self._by_key[row.key].add(row.id)

    def counted(self, rows: Iterable[ClientCounts]) -> None:
        """Numbers have changed."""
        for counts in rows:
            if (client := self._clients.get(counts.id)) is not None:
                self._before.setdefault(counts.id, client.counts)
                client.counts = counts

    def left(self, ids: Collection[int], worker: int | None) -> None:
        """Connections are over."""
        if worker is not None:
            ids = [number for number, one in self._clients.items() if one.row.worker == worker]
        for number in ids:
            if (client := self._clients.pop(number, None)) is not None:
                same_key = self._by_key[client.row.key]
                same_key.discard(number)
                if not same_key:
                    del self._by_key[client.row.key]

    def ended(self, at: float, passed_s: float | None) -> None:
        """The snapshot of the time `at` is whole, so long after the last one; None: too long for rates to be of now."""
        for moved in self._moving:
            moved.in_per_s = moved.out_per_s = 0.0
        self._moving = []
        if passed_s:
            for number, before in self._before.items():
                if (client := self._clients.get(number)) is None:
                    continue
                counts = client.counts
                # Who is new has had the time since it came.
                took_s = passed_s if before is not _NOTHING else max(passed_s, at - client.row.connected_at)
                client.in_per_s = max(0, counts.received_bytes - before.received_bytes) / took_s
                client.out_per_s = max(0, counts.sent_bytes - before.sent_bytes) / took_s
                self._moving.append(client)
        self._before = {}

    # --- questions ----------------------------------------------------------------------------------------------------

    def name_of(self, key: bytes) -> str:
        """What the key's device is called, empty if it is not here or nobody knows."""
        return next((name for number in self._by_key.get(key, ()) if (name := self._clients[number].row.name)), "")

    def of_key(self, key: bytes) -> list[Client]:
        """The connections of one key, the oldest first."""
        return [_shown(self._clients[number]) for number in sorted(self._by_key.get(key, ()))]

    def listed(
        self, sort: str, *, descending: bool, search: str = "", tenant: str | None = None, offset: int, limit: int
    ) -> Clients:
        """A page of those that fit: `search` is part of a key, name, owner, address, tenant or app."""
        found: Collection[_Client] = self._clients.values()
        if tenant is not None:
            found = [one for one in found if one.row.tenant == tenant]
        if search:
            wanted = search.lower()
            found = [one for one in found if wanted in one.words]
        order = _quickest if sort == "rtt" and not descending else CLIENT_ORDERS[sort]
        ordered = (nlargest if descending else nsmallest)(offset + limit, found, key=order)
        page = [_shown(one) for one in ordered[offset : offset + limit]]
        return Clients(total=len(self._clients), matching=len(found), clients=page)


def _quickest(one: _Client) -> float:
    return one.counts.rtt_us or inf  # not known is not quick


def _shown(one: _Client) -> Client:
    row, counts = one.row, one.counts
    return Client(
        id=row.id,
        key=key_text(row.key),
        short=short_key(row.key),
        name=row.name,
        owner=row.owner,
        tenant=row.tenant,
        address=row.address,
        port=row.port,
        kind=row.kind,
        app=row.app,
        home=counts.is_home,
        since=row.connected_at,
        worker=row.worker,
        packets_received=counts.received_packets,
        bytes_received=counts.received_bytes,
        packets_sent=counts.sent_packets,
        bytes_sent=counts.sent_bytes,
        bytes_received_per_s=one.in_per_s,
        bytes_sent_per_s=one.out_per_s,
        dropped=dict(counts.dropped),
        queued_bytes=counts.queued_bytes,
        rtt_ms=counts.rtt_us / 1000 if counts.rtt_us else None,
    )
