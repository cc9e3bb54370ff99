"""What the operator's API answers, as msgspec structs; the API's document is made from them (`tailhub.admin.openapi`).

Keys are ``nodekey:HEX``. Times are seconds since 1970. ``_per_s`` are rates between the last two snapshots. Bytes are
packet payload. A field's description stands here once, for the document and for readers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

__all__ = [
    "Certificate",
    "Certificates",
    "Client",
    "Clients",
    "Event",
    "Events",
    "History",
    "KeyClients",
    "Listener",
    "Listeners",
    "Mesh",
    "MeshTrouble",
    "Notice",
    "Overview",
    "Pair",
    "Pairs",
    "Peer",
    "Process",
    "Quota",
    "Quotas",
    "Rates",
    "Relay",
    "RelayInfo",
    "Relays",
    "State",
    "Talkers",
    "TenantUse",
    "Tenants",
    "Totals",
    "Verifier",
    "Verifiers",
    "Worker",
]

State: TypeAlias = Literal["starting", "ready", "draining", "evacuating", "lost"]
Key: TypeAlias = Annotated[str, Meta(description="`nodekey:` and 64 hexadecimal digits")]
Unix: TypeAlias = Annotated[float, Meta(description="seconds since 1970")]
Counts: TypeAlias = dict[str, int]


# --- the whole relay --------------------------------------------------------------------------------------------------


class RelayInfo(Struct, kw_only=True):
    """Which relay this is."""

    version: str = ""
    started: Unix = 0.0
    now: Unix = 0.0
    hostname: str = ""
    addresses: list[str] = []
    region_id: int | None = None
    public_key: str = ""
    workers: int = 1
    worker_restarts: int = 0
    log_level: str = "info"
    state_dir: str = ""


class Totals(Struct, kw_only=True):
    """Counters since the relay started, and what is there now (clients to guests, held, queued_bytes)."""

    clients: int = 0
    connections: int = 0
    homes: int = 0
    guests: int = 0
    held: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_dropped: int = 0
    queued_bytes: int = 0
    logins: int = 0
    refused: int = 0
    stun_requests: int = 0


class Rates(Struct, kw_only=True):
    """Between the last two snapshots; all 0 at the first."""

    bytes_received_per_s: float = 0.0
    bytes_sent_per_s: float = 0.0
    packets_received_per_s: float = 0.0
    packets_sent_per_s: float = 0.0
    packets_dropped_per_s: float = 0.0
    stun_requests_per_s: float = 0.0
    logins_per_s: float = 0.0


class Process(Struct, kw_only=True):
    """The relay's processes together; the pages' own is not among them."""

    cpu_percent: Annotated[float, Meta(description="of one core")] = 0.0
    resident_bytes: int = 0
    open_fds: int = 0
    max_fds: int = 0


class Notice(Struct, kw_only=True):
    """A text that clients show to their users."""

    id: str = ""
    text: str = ""
    at: Unix = 0.0


class Overview(Struct, kw_only=True):
    """The relay at a glance. `state` is "lost" when the relay's process does not answer: numbers are then the last."""

    relay: RelayInfo
    state: State
    faults: list[str]
    drain: dict[str, Any] | None
    totals: Totals
    rates: Rates
    drops: Annotated[Counts, Meta(description="packets, by reason")]
    stun: Annotated[Counts, Meta(description="datagrams, by what became of them")]
    process: Process
    notices: list[Notice]
    pending: Annotated[int, Meta(description="keys that were refused and are on no list")]


class History(Struct, kw_only=True):
    """One sample a second while somebody looks, else fewer; 15 minutes at most. `t` is when each was taken."""

    interval_s: float
    t: list[float]
    bytes_received_per_s: list[float]
    bytes_sent_per_s: list[float]
    packets_received_per_s: list[float]
    packets_sent_per_s: list[float]
    packets_dropped_per_s: list[float]
    stun_requests_per_s: list[float]
    clients: list[int]


# --- clients ----------------------------------------------------------------------------------------------------------


class Client(Struct, kw_only=True):
    """One connection of a client; a key may have several. "received" is what the relay received from it."""

    id: int
    key: Key
    short: str
    name: str
    owner: str
    tenant: str
    address: str
    port: int
    kind: Annotated[str, Meta(description="client, guest, mesh, probe (the relay's own) or prober")]
    app: str
    home: bool
    since: Unix
    worker: int
    packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    bytes_received_per_s: float
    bytes_sent_per_s: float
    dropped: Counts
    queued_bytes: int
    rtt_ms: float | None


class Clients(Struct, kw_only=True):
    """A page of the list: `total` connections, of which `matching` fit the question."""

    total: int
    matching: int
    clients: list[Client]


class Pair(Struct, kw_only=True):
    """What one key has sent another through the relay since the operator's pages were started."""

    src: Key
    src_short: str
    src_name: str
    dst: Key
    dst_short: str
    dst_name: str
    tenant: str
    packets: int
    bytes: int
    bytes_per_s: float
    last: Unix


class Others(Struct, kw_only=True):
    """The sum of pairs that were dropped from the list because it was full."""

    pairs: int
    packets: int
    bytes: int


class Pairs(Struct, kw_only=True):
    """A page of the list of pairs."""

    total: int
    matching: int
    pairs: list[Pair]
    others: Others


class KeyClients(Struct, kw_only=True):
    """The connections of one key, and with whom it talks."""

    clients: list[Client]
    pairs: list[Pair]


class Talkers(Struct, kw_only=True):
    """Who moves most just now."""

    clients: list[Client]
    pairs: list[Pair]


# --- what changes seldom ----------------------------------------------------------------------------------------------


class TenantUse(Struct, kw_only=True):
    """What one tenant has used since the relay started."""

    name: str = ""
    connections: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_dropped: int = 0


class Tenants(Struct, kw_only=True):
    """All tenants; `default` is that of the relay's own settings."""

    tenants: list[TenantUse]


class Quota(Struct, kw_only=True):
    """How far one key or tenant is with its quota."""

    scope: Literal["tenant", "key"] = "key"
    tenant: str = ""
    key: str = ""
    name: str = ""
    used_bytes: int = 0
    quota_bytes: int = 0
    level: str = "ok"
    cost: float | None = None


class Period(Struct, kw_only=True):
    """The billing month."""

    start: Unix = 0.0
    end: Unix = 0.0


class Quotas(Struct, kw_only=True):
    """Quotas of this billing month, and their price where one is set."""

    period: Period | None = None
    currency: str = ""
    price_per_gb: float = 0.0
    quotas: list[Quota] = []


class Peer(Struct, kw_only=True):
    """Another relay of the region, or an entry of `mesh_with` that leads to none.

    Counters are of the links that this relay has opened, all of its processes together, since they started.
    """

    name: Annotated[
        str, Meta(description="as in `mesh_with`, without `?…`; the address of one that is not named there")
    ] = ""
    key: Annotated[str, Meta(description="its `nodekey:…`; empty until it has been reached")] = ""
    address: Annotated[str, Meta(description="from where it dials this relay; empty if it does not")] = ""
    state: Annotated[
        str,
        Meta(
            description="of the link to it: up, partly (not in all processes), connecting, waiting, refused; self (it "
            "is this relay), same (another entry leads to it); incoming (it dials this relay, and is not dialled)"
        ),
    ] = ""
    since: Annotated[float | None, Meta(description="when that state began, in seconds since 1970")] = None
    reason: Annotated[str, Meta(description="why the link is not up")] = ""
    texts: Annotated[dict[str, dict[str, str]], Meta(description="`reason` in other languages")] = {}
    version: Annotated[str, Meta(description="of tailhub there; empty for another program")] = ""
    app: Annotated[str, Meta(description="what it says that it is")] = ""
    keys: Annotated[int, Meta(description="clients there")] = 0
    rtt_ms: float | None = None
    links: Annotated[int, Meta(description="processes of this relay that are to have a link to it")] = 0
    links_up: Annotated[int, Meta(description="and have one")] = 0
    dials_since: Annotated[
        float | None, Meta(description="its own link to this relay is up since then; null: there is none")
    ] = None
    linked_from: Annotated[
        list[Key] | None, Meta(description="keys of the relays that have a link to it; null: not known")
    ] = None
    connects: int = 0
    forwarded_packets: int = 0
    forwarded_bytes: int = 0
    dropped_packets: int = 0
    packets_per_s: float = 0.0
    bytes_per_s: float = 0.0


class MeshTrouble(Struct, kw_only=True):
    """Something about the mesh that is half up."""

    code: Annotated[str, Meta(description="of the finding, as `TH550`")] = ""
    name: Annotated[str, Meta(description="of the finding, as `mesh-link-down`")] = ""
    severity: Annotated[str, Meta(description="warning or note")] = ""
    peer: Annotated[str, Meta(description="the `name` of the relay that it is about")] = ""
    since: Unix = 0.0
    what: str = ""
    remedy: str = ""
    texts: Annotated[dict[str, dict[str, str]], Meta(description="`what` and `remedy` in other languages")] = {}


class Worker(Struct, kw_only=True):
    """A process of this relay that serves clients."""

    number: int = 0
    pid: int = 0
    clients: int = 0
    cpu_percent: float = 0.0
    resident_bytes: int = 0


class Mesh(Struct, kw_only=True):
    """The relays of the region, and the processes of this one."""

    peers: list[Peer] = []
    troubles: list[MeshTrouble] = []
    workers: list[Worker] = []


class Certificate(Struct, kw_only=True):
    """What a listener serves."""

    listener: str = ""
    names: list[str] = []
    not_before: Unix = 0.0
    not_after: Unix = 0.0
    days_left: float = 0.0
    source: str = ""
    pinned: bool = False
    cert_name: str = ""
    issuer: str = ""


class Certificates(Struct, kw_only=True):
    """All certificates that are served."""

    certificates: list[Certificate]


class Listener(Struct, kw_only=True):
    """Where the relay listens."""

    name: Annotated[str, Meta(description="public, http, stun or admin")] = ""
    listen: Annotated[str, Meta(description="as it is set")] = ""
    port: Annotated[int, Meta(description="that it has, 0 for a unix socket")] = 0
    tls: bool = False


class Listeners(Struct, kw_only=True):
    """All listeners; what is off is not among them."""

    listeners: list[Listener]


class Verifier(Struct, kw_only=True):
    """Somebody who is asked which keys may relay."""

    name: str = ""
    tenant: str = ""
    state: str = "unknown"
    since: Unix | None = None
    detail: str = ""


class Verifiers(Struct, kw_only=True):
    """All verifiers."""

    verifiers: list[Verifier]


class Event(Struct, kw_only=True):
    """A line of the relay's log."""

    seq: int
    at: Unix
    level: str
    event: str
    text: str
    fields: dict[str, Any]


class Events(Struct, kw_only=True):
    """Lines after the one that was named, oldest first; ask for those after `next` to go on."""

    events: list[Event]
    next: int


# --- several relays ---------------------------------------------------------------------------------------------------


class Relay(Struct, kw_only=True):
    """One of the relays that this dashboard shows: `overview` is as that one gave it, None with an `error`."""

    name: str
    url: Annotated[str, Meta(description="without its token; empty for this relay")]
    state: str
    overview: dict[str, Any] | None = None
    error: str = ""


class Relays(Struct, kw_only=True):
    """The relay that was asked, then the others of the setting `dashboard_relays`."""

    relays: list[Relay] = field(default_factory=list)
