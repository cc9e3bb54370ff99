"""What the relay and the process of the operator's pages tell each other.

The pages ask (`SnapshotRequest`), never more often than once a second; the relay answers in pieces of a bounded size,
a piece a turn of its loop, so that many clients cost packets no wait. Rows of clients are sent whole once, when they
are new to the pages, and their numbers again only when they have changed. Messages are pickled, between processes of
one program (`tailhub.net.message_channel`).

`Facts` come first of all, unasked. `EventsCame` come with each snapshot, whatever was asked for. `PairsUsed` may come
between two snapshots: for some seconds after pairs were asked for the relay says at once what it gathers. An answer
(`SnapshotEnd`) always comes; parts of a worker that does not answer within a second may be missing, and come with the
next one.

Rows are named tuples for whoever reads them, but travel as plain ones, which cost the relay a fifth (`plain`).

Nothing here imports more than the standard library: the relay has it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, cast

from tailhub.admin.event_row import EventRow

__all__ = [
    "ActionAnswer",
    "ActionRequest",
    "ClientCounts",
    "ClientRow",
    "ClientsCame",
    "ClientsCounted",
    "ClientsLeft",
    "EventRow",
    "EventsCame",
    "Facts",
    "PairRow",
    "PairsUsed",
    "Part",
    "SnapshotEnd",
    "SnapshotRequest",
    "ValuesCame",
]


class Part(Enum):
    """What of a snapshot is asked for; each costs the relay something."""

    VALUES = "values"  # all metrics
    CLIENTS = "clients"
    PAIRS = "pairs"
    FACTS = "facts"  # what changes seldom: certificates, verifiers, listeners, tenants


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """From the pages: tell these parts. `whole`: they know nothing yet, so all rows of clients again."""

    number: int
    parts: frozenset[Part]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotEnd:
    """To the pages: everything that `number` asked for has been said. `at` is seconds since 1970."""

    number: int
    at: float


@dataclass(frozen=True, slots=True)
class ValuesCame:
    """To the pages: all metrics, by key of `tailhub.web.metrics.METRICS`, of all workers together."""

    values: Mapping[str, float | Mapping[tuple[str, ...], float]]


class ClientRow(NamedTuple):
    """What does not change while a connection lasts."""

    id: int  # of the connection, in all workers of one relay its own
    key: bytes  # 32 bytes
    name: str  # the device's, as a verifier told it; empty if none did
    owner: str
    tenant: str  # empty: the nameless one
    address: str
    port: int
    connected_at: float  # seconds since 1970
    kind: str  # "client", "guest", "mesh", "probe", "prober"
    app: str  # what the client says it is; it may say anything
    worker: int


class ClientCounts(NamedTuple):
    """What does."""

    id: int
    is_home: bool
    received_packets: int
    received_bytes: int  # payload
    sent_packets: int
    sent_bytes: int
    queued_bytes: int
    rtt_us: int  # the kernel's, of TCP; 0: unknown
    dropped: tuple[tuple[str, int], ...]  # packets for it or from it that were dropped, by reason; empty for most


@dataclass(frozen=True, slots=True)
class ClientsCame:
    """To the pages: a piece of the connections that are new to them."""

    rows: Sequence[ClientRow]

    @classmethod
    def plain(cls, rows: Sequence[tuple[Any, ...]]) -> ClientsCame:
        """For the sender: rows that are plain tuples, in the order of the fields."""
        return cls(cast("Sequence[ClientRow]", rows))

    def __reduce__(self) -> tuple[Callable[[Sequence[tuple[Any, ...]]], ClientsCame], tuple[Any, ...]]:
        return _came, (self.rows,)


def _came(rows: Sequence[tuple[Any, ...]]) -> ClientsCame:
    return ClientsCame([ClientRow._make(row) for row in rows])


@dataclass(frozen=True, slots=True)
class ClientsCounted:
    """To the pages: a piece of the numbers that have changed since they were told last."""

    rows: Sequence[ClientCounts]

    @classmethod
    def plain(cls, rows: Sequence[tuple[Any, ...]]) -> ClientsCounted:
        """For the sender: rows that are plain tuples, in the order of the fields."""
        return cls(cast("Sequence[ClientCounts]", rows))

    def __reduce__(self) -> tuple[Callable[[Sequence[tuple[Any, ...]]], ClientsCounted], tuple[Any, ...]]:
        return _counted, (self.rows,)


def _counted(rows: Sequence[tuple[Any, ...]]) -> ClientsCounted:
    return ClientsCounted([ClientCounts._make(row) for row in rows])


@dataclass(frozen=True, slots=True)
class ClientsLeft:
    """To the pages: connections that are over. `worker`: all of one worker's, because it has ended."""

    ids: Sequence[int] = ()
    worker: int | None = None


class PairRow(NamedTuple):
    """What one key has sent another since the pages were told last."""

    tenant: str
    src: bytes
    dst: bytes
    packets: int
    in_bytes: int  # payload
    out_bytes: int


@dataclass(frozen=True, slots=True)
class PairsUsed:
    """To the pages: a piece of the pairs that have been used. What they add up is the pages' matter."""

    rows: Sequence[PairRow]

    @classmethod
    def plain(cls, rows: Sequence[tuple[Any, ...]]) -> PairsUsed:
        """For the sender: rows that are plain tuples, in the order of the fields."""
        return cls(cast("Sequence[PairRow]", rows))

    def __reduce__(self) -> tuple[Callable[[Sequence[tuple[Any, ...]]], PairsUsed], tuple[Any, ...]]:
        return _used, (self.rows,)


def _used(rows: Sequence[tuple[Any, ...]]) -> PairsUsed:
    return PairsUsed([PairRow._make(row) for row in rows])


@dataclass(frozen=True, slots=True)
class Facts:
    """To the pages: what changes seldom, in the form that the API shows (`tailhub.admin.api_types`).

    Beside what the API shows: "routes", the calls that are the relay's own, as ``Route.described`` of
    `tailhub.web.operator_api` has them; "faults", what is wrong; "own_names", which a Host header may carry;
    "derp_map", the JSON texts of the map by view, "local" and "public" (None while the address is being looked for).
    """

    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventsCame:
    """To the pages: lines that were written since they were told last, oldest first; the last ones at their start."""

    rows: Sequence[EventRow]


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """From the pages: a call of the relay's own part of the API. The pages have checked who asks."""

    number: int
    method: str
    path: str  # behind ``/api/v1/``, still percent-encoded
    query: str
    body: bytes
    caller: str  # who asks, for the audit log: "token from 127.0.0.1", "unix socket"


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """To the pages: its answer, which is JSON."""

    number: int
    status: int
    body: bytes
