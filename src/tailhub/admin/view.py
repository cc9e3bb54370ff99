"""What the process of the operator's pages knows of its relay: messages in, answers of the API out.

No clock, no sockets: `now` is seconds since 1970, where it is asked for. Who asks the relay, and when: `pull`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Set
from typing import Any, Final, TypeVar

import msgspec

from tailhub.admin.api_types import (
    Certificates,
    Event,
    Events,
    KeyClients,
    Listeners,
    Mesh,
    Notice,
    Overview,
    Process,
    Quotas,
    RelayInfo,
    State,
    Tenants,
    TenantUse,
    Totals,
    Verifiers,
)
from tailhub.admin.client_table import ClientTable
from tailhub.admin.feed import (
    ClientsCame,
    ClientsCounted,
    ClientsLeft,
    EventsCame,
    Facts,
    PairsUsed,
    Part,
    ValuesCame,
)
from tailhub.admin.history import MOST_PASSED_S, Rings, total
from tailhub.admin.pair_table import PairTable
from tailhub.keys import NodePublic
from tailhub.relay.evacuation import Phase
from tailhub.relay.tenant import DEFAULT_TENANT
from tailhub.web.metrics import MetricValues

__all__ = ["View"]

MOST_EVENTS: Final = 1000
PAIRS_OF_KEY: Final = 200

_EVACUATION: Final = frozenset(phase.value for phase in Phase)
_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_TOTALS: Final[Mapping[str, str]] = {  # field of `Totals` to its metric
    "clients": "clients",
    "connections": "connections",
    "homes": "home_connections",
    "guests": "guests",
    "held": "held_connections",
    "packets_received": "packets_received",
    "bytes_received": "bytes_received",
    "packets_sent": "packets_sent",
    "bytes_sent": "bytes_sent",
    "packets_dropped": "packets_dropped",
    "queued_bytes": "queued_bytes",
    "logins": "accepts",
    "refused": "refused",
    "stun_requests": "stun_requests",
}


class View:
    """Empty at first: the first request is for the whole."""

    def __init__(self, first_event: int | None = None) -> None:
        """Events are numbered from `first_event`, by default by the time: a later process goes on with larger ones."""
        self.clients = ClientTable()
        self.pairs = PairTable()
        self.rings = Rings()
        self.facts: Mapping[str, Any] = {}
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._next_event = int(time.time() * 1000) if first_event is None else first_event
        self._values: MetricValues | None = None  # of the snapshot that is being told
        self._ended_at: dict[Part, float] = {}

    # --- messages -----------------------------------------------------------------------------------------------------

    def receive(self, message: object) -> None:
        """Take a message of a snapshot; others are not for us."""
        if isinstance(message, ClientsCounted):
            self.clients.counted(message.rows)
        elif isinstance(message, PairsUsed):
            self.pairs.used(message.rows)
        elif isinstance(message, ValuesCame):
            self._values = message.values
        elif isinstance(message, ClientsCame):
            self.clients.came(message.rows)
        elif isinstance(message, ClientsLeft):
            self.clients.left(message.ids, message.worker)
        elif isinstance(message, EventsCame):
            for row in message.rows:
                line = Event(
                    seq=self._next_event,
                    at=row.at,
                    level=row.level,
                    event=row.event,
                    text=row.text,
                    fields=dict(row.fields),
                )
                self._events.append(line)
                self._next_event += 1
        elif isinstance(message, Facts):
            self.facts = message.values

    def ended(self, parts: Set[Part], at: float) -> None:
        """A snapshot of these parts has been told, of the time `at`."""
        if Part.CLIENTS in parts:
            self.clients.ended(at, self._passed(Part.CLIENTS, at))
        if Part.PAIRS in parts:
            self.pairs.ended(at, self._passed(Part.PAIRS, at))
        if self._values is not None:
            self.rings.sample(self._values, at)
            self._values = None
        for part in parts:
            self._ended_at[part] = at

    def _passed(self, part: Part, at: float) -> float | None:
        passed_s = at - self._ended_at.get(part, 0.0)
        return passed_s if 0 < passed_s <= MOST_PASSED_S else None

    # --- answers ------------------------------------------------------------------------------------------------------

    def overview(self, now: float, *, is_lost: bool) -> Overview:
        """The relay at a glance."""
        values = self.rings.values
        totals = {name: int(total(values, key)) for name, key in _TOTALS.items()}
        relay = _shaped(self.facts.get("relay"), RelayInfo)
        relay.now = now
        return Overview(
            relay=relay,
            state=self.state(is_lost=is_lost),
            faults=self.faults,
            drain=_mapping(self.facts.get("drain")),
            totals=Totals(**totals),
            rates=self.rings.rates,
            drops=_by_first_label(values, "packets_dropped"),
            stun=_by_first_label(values, "stun_requests"),
            process=Process(
                cpu_percent=round(self.rings.cpu_percent, 1),
                resident_bytes=int(total(values, "process_resident_bytes")),
                open_fds=int(total(values, "process_open_fds")),
                max_fds=int(total(values, "process_max_fds")),
            ),
            notices=[_shaped(one, Notice) for one in self.facts.get("notices") or ()],
            pending=int(total(values, "refused_keys")),
        )

    @property
    def faults(self) -> list[str]:
        """What is wrong with the relay, as it says itself."""
        return [str(fault) for fault in self.facts.get("faults") or ()]

    def state(self, *, is_lost: bool) -> State:
        """Whether the relay takes clients."""
        if is_lost:
            return "lost"
        if not self.facts:
            return "starting"
        drain = _mapping(self.facts.get("drain")) or {}
        phase = str(drain.get("phase") or "off")
        if phase == "off":
            return "ready"
        return "evacuating" if phase in _EVACUATION else "draining"

    def of_key(self, key: bytes) -> KeyClients:
        """The connections of a key, and whom it talks with."""
        pairs = self.pairs.of_key(key, self.clients.name_of, PAIRS_OF_KEY)
        return KeyClients(clients=self.clients.of_key(key), pairs=pairs)

    def tenants(self) -> Tenants:
        """What each tenant has used; one that is alone has used everything."""
        values = self.rings.values
        names = [str(name) or DEFAULT_TENANT for name in self.facts.get("tenants") or ("",)]
        if len(names) == 1:
            used = {field: int(total(values, field)) for field in TenantUse.__struct_fields__[1:]}
            return Tenants(tenants=[TenantUse(name=names[0], **used)])
        return Tenants(tenants=[_used_by(name, values) for name in names])

    def quotas(self) -> Quotas:
        """How far keys and tenants are with their quotas; keys that are connected with their names."""
        quotas = _shaped(self.facts.get("quotas"), Quotas)
        for quota in quotas.quotas:
            if quota.key and not quota.name:
                quota.name = self.clients.name_of(NodePublic.parse(quota.key).raw)
        return quotas

    def mesh(self) -> Mesh:
        """Other relays of the region with what goes to them now, and this one's processes."""
        mesh = _shaped(self.facts.get("mesh"), Mesh)
        for peer in mesh.peers:
            peer.packets_per_s = self.rings.per_s("mesh_forwarded_packets", (peer.name,))
            peer.bytes_per_s = self.rings.per_s("mesh_forwarded_bytes", (peer.name,))
        return mesh

    def certificates(self) -> Certificates:
        """What listeners serve."""
        return _shaped({"certificates": self.facts.get("certificates") or []}, Certificates)

    def listeners(self) -> Listeners:
        """Where the relay listens."""
        return _shaped({"listeners": self.facts.get("listeners") or []}, Listeners)

    def verifiers(self) -> Verifiers:
        """Who is asked which keys may relay."""
        return _shaped({"verifiers": self.facts.get("verifiers") or []}, Verifiers)

    def events(self, after: int, limit: int) -> Events:
        """The last lines of the log after number `after`, oldest first.

        A number that there has not been is of an earlier process, before the clock was set back: all lines.
        """
        if after >= self._next_event:
            after = 0
        found = [event for event in self._events if event.seq > after][-limit:]
        return Events(events=found, next=found[-1].seq if found else self._next_event - 1)


def _used_by(tenant: str, values: MetricValues) -> TenantUse:
    used = {}
    for field in TenantUse.__struct_fields__[1:]:
        used[field] = _by_first_label(values, f"tenant_{field}").get(tenant, 0)
    return TenantUse(name=tenant, **used)


def _by_first_label(values: MetricValues, key: str) -> dict[str, int]:
    value = values.get(key)
    counts: dict[str, int] = {}
    if isinstance(value, Mapping):
        for labels, count in value.items():
            counts[labels[0]] = counts.get(labels[0], 0) + int(count)
    return counts


def _mapping(value: object) -> dict[str, Any] | None:
    return dict(value) if isinstance(value, Mapping) else None


def _shaped(value: object, kind: type[_Shape]) -> _Shape:
    """What the relay tells in the API's shape."""
    return msgspec.convert(value if value is not None else {}, kind)
