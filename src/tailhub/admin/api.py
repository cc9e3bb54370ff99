"""The calls of the operator's API that only read: what each is asked, and how its answer is made from what is known.

No sockets. The calls that the relay answers itself are its `Route`s (`tailhub.web.operator_api`); the document of both
is `openapi`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from tailhub.admin import api_types
from tailhub.admin.feed import Part
from tailhub.admin.view import View
from tailhub.exceptions import LocalError
from tailhub.keys import NodePublic
from tailhub.relay.tenant import DEFAULT_TENANT

__all__ = ["READS", "Asked", "Read", "parse_query"]

_MAX_FIELDS: Final = 16

Offset = Annotated[int, Meta(ge=0, le=1_000_000, description="rows to skip")]
Limit = Annotated[int, Meta(ge=1, le=1000, description="rows at most")]
Search = Annotated[str, Meta(max_length=200, description="part of what is looked for, in any case")]
Order = Annotated[Literal["desc", "asc"], Meta(description="largest or smallest first")]


class NoQuery(Struct, forbid_unknown_fields=True):
    """Nothing is asked."""


class ClientsQuery(Struct, forbid_unknown_fields=True):
    """Which clients."""

    sort: Literal["rate", "bytes", "name", "since", "rtt", "drops", "queued"] = "rate"
    order: Order = "desc"
    search: Search = ""
    tenant: Annotated[str, Meta(max_length=63, description="of this tenant only; `default` is the nameless one")] = ""
    offset: Offset = 0
    limit: Limit = 100


class PairsQuery(Struct, forbid_unknown_fields=True):
    """Which pairs."""

    sort: Literal["rate", "bytes", "last"] = "rate"
    order: Order = "desc"
    search: Search = ""
    offset: Offset = 0
    limit: Limit = 100


class TalkersQuery(Struct, forbid_unknown_fields=True):
    """How many talkers."""

    limit: Annotated[int, Meta(ge=1, le=100, description="rows at most")] = 10


class HistoryQuery(Struct, forbid_unknown_fields=True):
    """Which samples."""

    since: Annotated[float, Meta(description="samples after this time only, in seconds since 1970")] = 0.0


class EventsQuery(Struct, forbid_unknown_fields=True):
    """Which events."""

    after: Annotated[int, Meta(ge=0, le=1 << 53, description="lines after this number only")] = 0
    limit: Limit = 200


_Query = TypeVar("_Query", bound=Struct)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as its answer is made from it."""

    view: View
    query: Any  # the call's query, of its type
    key: bytes  # of a path with one, else empty
    now: float  # seconds since 1970
    is_lost: bool


@dataclass(frozen=True, slots=True)
class Read:
    """A call that reads. `parts` are what must be fresh; without `waits` it answers although the relay is lost."""

    path: str  # behind /api/v1/, as Starlette writes paths
    summary: str
    answer: type[Struct]
    make: Callable[[Asked], Struct]
    parts: frozenset[Part]
    query: type[Struct] = NoQuery
    waits: bool = True


def _clients(asked: Asked) -> Struct:
    query: ClientsQuery = asked.query
    tenant = {"": None, DEFAULT_TENANT: ""}.get(query.tenant, query.tenant)
    return asked.view.clients.listed(
        query.sort,
        descending=query.order == "desc",
        search=query.search,
        tenant=tenant,
        offset=query.offset,
        limit=query.limit,
    )


def _pairs(asked: Asked) -> Struct:
    query: PairsQuery = asked.query
    return asked.view.pairs.listed(
        query.sort,
        asked.view.clients.name_of,
        descending=query.order == "desc",
        search=query.search,
        offset=query.offset,
        limit=query.limit,
    )


def _talkers(asked: Asked) -> Struct:
    view, limit = asked.view, asked.query.limit
    clients = view.clients.listed("rate", descending=True, offset=0, limit=limit)
    pairs = view.pairs.listed("rate", view.clients.name_of, descending=True, search="", offset=0, limit=limit)
    return api_types.Talkers(clients=clients.clients, pairs=pairs.pairs)


_VALUES: Final = frozenset({Part.VALUES})
_FACTS: Final = frozenset({Part.FACTS})
_CLIENTS: Final = frozenset({Part.CLIENTS})
_BOTH: Final = frozenset({Part.CLIENTS, Part.PAIRS})

READS: Final[Sequence[Read]] = (
    Read(
        "overview",
        "The relay at a glance",
        api_types.Overview,
        lambda asked: asked.view.overview(asked.now, is_lost=asked.is_lost),
        _VALUES | _FACTS,
        waits=False,
    ),
    Read(
        "history",
        "Rates of the last 15 minutes, for charts",
        api_types.History,
        lambda asked: asked.view.rings.since(asked.query.since, 1.0),
        _VALUES,
        HistoryQuery,
        waits=False,
    ),
    Read("clients", "Clients that are connected", api_types.Clients, _clients, _CLIENTS, ClientsQuery),
    Read(
        "clients/{key}",
        "The connections of one key, and with whom it talks",
        api_types.KeyClients,
        lambda asked: asked.view.of_key(asked.key),
        _BOTH,
    ),
    Read("pairs", "Who relays to whom, and how much", api_types.Pairs, _pairs, _BOTH, PairsQuery),
    Read("talkers", "Who moves most just now", api_types.Talkers, _talkers, _BOTH, TalkersQuery),
    Read("tenants", "What each tenant uses", api_types.Tenants, lambda asked: asked.view.tenants(), _VALUES | _FACTS),
    Read("quotas", "How far quotas are used", api_types.Quotas, lambda asked: asked.view.quotas(), _FACTS | _CLIENTS),
    Read(
        "mesh",
        "Other relays of the region, and the processes of this one",
        api_types.Mesh,
        lambda asked: asked.view.mesh(),
        _VALUES | _FACTS,
    ),
    Read(
        "certificates",
        "What listeners serve",
        api_types.Certificates,
        lambda asked: asked.view.certificates(),
        _FACTS,
    ),
    Read("listeners", "Where the relay listens", api_types.Listeners, lambda asked: asked.view.listeners(), _FACTS),
    Read(
        "verifiers",
        "Who is asked which keys may relay",
        api_types.Verifiers,
        lambda asked: asked.view.verifiers(),
        _FACTS,
    ),
    Read(
        "events",
        "The last lines of the relay's log",
        api_types.Events,
        lambda asked: asked.view.events(asked.query.after, asked.query.limit),
        _VALUES,
        EventsQuery,
        waits=False,
    ),
)


def parse_query(text: bytes, kind: type[_Query]) -> _Query:
    """Read a query string. Raises `LocalError` that says which field is wrong, and what was expected."""
    try:
        fields = parse_qsl(text.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as exc:
        raise LocalError(f"expected at most {_MAX_FIELDS} fields in the query") from exc
    values = dict(fields)
    if len(values) < len(fields):
        raise LocalError("expected each field of the query once")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as exc:
        raise LocalError(f"in the query: {exc}") from exc


def parse_key(text: str) -> bytes:
    """Read a node key. Raises `LocalError`."""
    return NodePublic.parse(text).raw
