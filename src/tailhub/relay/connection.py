"""One logged-in connection as the decisions see it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from tailhub.derp.frames import PeerPresent, PresenceFlag
from tailhub.derp.handshake import OWN_APP
from tailhub.ratelimit import TokenBucket
from tailhub.relay.send_queue import SendQueue
from tailhub.relay.tenant import Tenant
from tailhub.relay.usage import Flow


class Sink(Protocol):
    """What moves the bytes of one connection; the relay calls it, never the other way round in the same call."""

    def wake(self) -> None:
        """There is something in the connection's queue."""

    def close(self, reason: str) -> None:
        """End the connection. The sink unregisters it later, not within this call."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is at the other end; fixed at login."""

    key: bytes  # 32 bytes
    connection_id: int
    address: IPv4Address | IPv6Address
    port: int
    is_mesh: bool = False
    is_prober: bool = False
    is_not_ideal: bool = False
    app_name: str = ""
    connected_at: float = 0.0  # monotonic seconds
    tenant: str = ""  # whose verifier has admitted it
    node: str = ""  # the device's name and its user's, as a verifier told them
    owner: str = ""
    is_guest: bool = False  # not served, but its home is elsewhere: let in for those peers whose home is here
    is_own_probe: bool = False  # it has the key that this relay has made for measuring itself
    mesh_mark: bytes = b""  # of a mesh peer: `MeshKey.mark` of the key that it showed
    has_unknown_mesh_key: bool = False  # it showed one that is none of ours, so it is no mesh peer

    @property
    def is_served(self) -> bool:
        """Is it a client whose home may be here?"""
        return not (self.is_mesh or self.is_guest or self.is_own_probe)

    @property
    def is_asked_about(self) -> bool:
        """Do verifiers say whether it may be here?"""
        return not (self.is_mesh or self.is_own_probe)

    @property
    def is_tailhub(self) -> bool:
        """Is it another tailhub relay, which understands what the original does not?"""
        return self.is_mesh and self.app_name.startswith(OWN_APP)

    @property
    def presence_flags(self) -> int:
        """The flags of PeerPresent: REGULAR only if no other is set."""
        flags = 0
        if self.is_mesh:
            flags |= PresenceFlag.MESH_PEER
        if self.is_prober:
            flags |= PresenceFlag.PROBER
        if self.is_not_ideal:
            flags |= PresenceFlag.NOT_IDEAL
        return flags or PresenceFlag.REGULAR

    def present_frame(self) -> bytes:
        """The PeerPresent frame that tells a mesh peer of this connection."""
        return PeerPresent(self.key, self.address, self.port, self.presence_flags).serialize()


class Connection:
    """The state of one logged-in connection. `dirty` is True between a wake and the end of the writer's turn."""

    __slots__ = (
        "active_since",
        "dirty",
        "has_duplicates",
        "identity",
        "is_home",
        "is_watcher",
        "key",
        "lost",
        "not_here",
        "nowhere",
        "odd",
        "queue",
        "received_bytes",
        "received_packets",
        "sink",
        "sources",
        "tenant",
    )

    def __init__(self, identity: Identity, queue: SendQueue, sink: Sink, tenant: Tenant) -> None:
        self.identity = identity
        self.key = identity.key
        self.tenant = tenant  # its key's; another one only when it is being replaced
        self.queue = queue
        self.sink = sink
        self.active_since = identity.connected_at  # monotonic seconds: when it last became its key's active one
        self.dirty = False
        self.is_home = False
        self.is_watcher = False
        self.has_duplicates = False
        # Keys whose packets this connection was given, with what it was given: it is told when they leave.
        self.sources: dict[bytes, Flow] = {}
        self.not_here: TokenBucket | None = None  # limits PeerGone(not here), made at the first one
        self.nowhere: Flow | None = None  # what it sent to keys that are not here, made at the first such packet
        self.lost: Counter[str] | None = None  # packets that it sent and nobody got, by reason; made at the first
        self.odd: Counter[str] | None = None  # what a mesh peer does that none should (`tailhub.relay.odd`)
        self.received_packets = 0
        self.received_bytes = 0  # payload

    @property
    def payer(self) -> str:
        """The name of the tenant whose use its packets are."""
        return self.tenant.name if self.identity.is_own_probe else self.identity.tenant

    def note_odd(self, what: str, count: int = 1) -> None:
        """It has done something odd."""
        if self.odd is None:
            self.odd = Counter()
        self.odd[what] += count

    def wake(self) -> None:
        """Have the queue written, once a turn."""
        if not self.dirty:
            self.dirty = True
            self.sink.wake()
