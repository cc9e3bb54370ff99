"""The relay: routes packets, counts, answers what logged-in connections ask for. Who is where is in `presence`.

Not here: framing (`tailhub.derp`), sockets and time (`tailhub.server`). Source: the reference's
``derp/derpserver/derpserver.go``; where we differ on purpose, ``docs/protocol.md`` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN, KEY_LEN, RECV_OVERHEAD, FrameType, PeerGoneReason
from tailhub.derp.runs import ENDS_LEN, Item
from tailhub.exceptions import FrameError
from tailhub.ratelimit import TokenBucket
from tailhub.relay.accounts import Accounts, TooMany
from tailhub.relay.connection import Connection, Identity, Sink
from tailhub.relay.elsewhere import Claim
from tailhub.relay.odd import OUR_CLIENT, TOO_MANY_SOURCES
from tailhub.relay.odd import UNKNOWN_DEST as UNKNOWN_DEST_OF_PEER
from tailhub.relay.presence import Presence
from tailhub.relay.rate_limit import Account, RateLimit
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import GONE_DISCONNECTED, OTHER_TENANT, UNKNOWN_DEST, UNKNOWN_DEST_ON_FWD, Stats
from tailhub.relay.tenant import Tenant, Tenants
from tailhub.relay.usage import Flow

NOT_HERE_PER_S = 1.0  # PeerGone(not here) for each connection
NOT_HERE_BURST = 3.0
PONG_ROOM_BYTES = 256 << 10  # with more than that waiting for it a mesh peer gets no Pong: it does not read
HOME_SETTLES_S = 5.0  # a home note this soon after login is not a move


class Relay:
    """All decisions of one relay. Every method returns at once; bytes leave through the connections' queues."""

    __slots__ = (
        "_next_id",
        "_queued",
        "accounts",
        "home_connections",
        "limits",
        "on_guest_home",
        "own_key",
        "presence",
        "registry",
        "stats",
        "tenants",
    )

    def __init__(
        self,
        limits: QueueLimits | None = None,
        *,
        own_key: bytes = b"",
        first_connection_id: int = 0,
        tenants: Sequence[str] = (),
        tenant_pairs: Iterable[tuple[str, str]] = (),
    ) -> None:
        """`own_key` is the relay's raw public key: a mesh peer that shows it is this relay, which dialled itself.

        `tenants` are the names of those beside the nameless one, `tenant_pairs` those that may reach each other.
        """
        self.own_key = own_key
        self.limits = limits or QueueLimits()
        self.stats = Stats()
        self.tenants = Tenants(self.stats, tenants, tenant_pairs)
        self.presence = Presence(self.stats)
        self.registry = self.presence.registry
        self.home_connections = 0
        self.accounts = Accounts()  # whoever changes their limits tells the connections
        # Learns of a guest whose home is here now, which it must not be.
        self.on_guest_home: Callable[[Connection], None] = lambda connection: None
        self._queued = QueuedBytes()
        self._next_id = first_connection_id

    # --- connections --------------------------------------------------------------------------------------------------

    def next_connection_id(self) -> int:
        """A number for the next login."""
        self._next_id += 1
        return self._next_id

    def register(self, identity: Identity, sink: Sink) -> Connection:
        """A client has been admitted. It may be routed to from now on.

        Connections of its key that were admitted to another tenant are replaced. Raises `KeyError` for a tenant that
        there is not.
        """
        tenants = self.tenants
        if identity.is_own_probe:
            tenant = tenants.own_probe
        else:
            tenant = tenants.guests_of(identity.tenant) if identity.is_guest else tenants.named(identity.tenant)
        queue = SendQueue(self.limits, self._queued, self.stats, mesh=identity.is_mesh, drops=tenant)
        connection = Connection(identity, queue, sink, tenant)
        self.stats.accepts += 1
        if identity.is_served:  # others must not take the places of those who are
            self.accounts.joined(identity.tenant)
        if not self.presence.joined(connection):
            self.stats.dup_connections_total += 1
        return connection

    def unregister(self, connection: Connection, reason: str = GONE_DISCONNECTED) -> None:
        """A connection is over. What waited for it is dropped and counted under `reason`."""
        connection.queue.clear(reason)
        if connection.identity.is_served:
            self.accounts.left(connection.identity.tenant)
        connection.tenant.left(connection)
        if connection.is_home:
            self.home_connections -= 1
        self.presence.left(connection)

    def close_peer(self, key: bytes, reason: str = "closed on behalf of a mesh peer") -> int:
        """Close a key's connections here; how many there were."""
        connections = self.registry.of_key(key)
        for connection in connections:
            connection.sink.close(reason)
        return len(connections)

    def too_many(self, tenant: str, key: bytes) -> TooMany | None:
        """Why one more connection of this key may not log in: there are as many as may be. None: it may."""
        accounts = self.accounts
        of_key = sum(not connection.identity.is_guest for connection in self.registry.of_key(key))
        return accounts.too_many(tenant, sum(accounts.by_tenant.values()), of_key)

    def set_tenants(self, names: Sequence[str], pairs: Iterable[tuple[str, str]]) -> None:
        """There are other tenants from now on, as `__init__` takes them. Clients of one that is gone stay its."""
        self.tenants.set(names, pairs)
        self.presence.reaches_changed()

    def open_account(self, identity: Identity, now: float) -> Account | None:
        """What a connection pays into; None when nothing limits it. Mesh peers are not limited."""
        return None if identity.is_mesh else self.accounts.open(identity.key, identity.tenant, now)

    @property
    def rate_limit(self) -> RateLimit | None:
        """What each key of the relay's own settings may send."""
        return self.accounts.limits.of("").key

    # --- the packet path ----------------------------------------------------------------------------------------------

    def route(self, connection: Connection, items: Iterable[Item], now: float) -> None:
        """Deal with what one read brought. Raises `FrameError` when the connection broke a rule and must be closed."""
        registry = self.registry
        if connection.has_duplicates:
            self.presence.note_activity(connection, now)
        active = registry.active
        stats = self.stats
        src = connection.key
        tenant = connection.tenant
        packets = size = 0
        asked = False
        try:
            for dst, chunk, count, disco in items:
                if dst is None:
                    # Who is there does not change within a read, and to say it takes a while.
                    if count != FrameType.WATCH_CONNS or not asked:
                        self._control(connection, count, chunk, now)
                    asked |= count == FrameType.WATCH_CONNS
                    continue
                packets += count
                length = len(chunk)
                size += length
                if disco:
                    stats.disco_received += count
                receiver = active.get(dst)
                if receiver is None:
                    self._not_here(connection, dst, chunk, count, disco, now)
                    continue
                if receiver.tenant is not tenant and receiver.tenant not in tenant.reaches:
                    self._lose(connection, OTHER_TENANT, dst, chunk, count, disco, now)
                    continue
                try:  # dearer the first time, free of a call from then on
                    flow = receiver.sources[src]
                except KeyError:
                    if receiver.tenant not in tenant.reaches:  # two guests of one tenant
                        self._lose(connection, OTHER_TENANT, dst, chunk, count, disco, now)
                        continue
                    flow = self.presence.note_source(receiver, src)
                flow.packets += count
                flow.size += length
                receiver.queue.put(now, chunk, count, disco, flow)
                if not receiver.dirty:
                    receiver.dirty = True
                    receiver.sink.wake()
        finally:
            payload = size - packets * RECV_OVERHEAD
            stats.packets_received += packets
            stats.bytes_received += payload
            connection.received_packets += packets
            connection.received_bytes += payload
        if self._queued.used > self.limits.total_bytes:
            self._relieve()

    def route_mesh(self, connection: Connection, items: Iterable[Item], now: float) -> None:
        """The same for a mesh peer, from whose `MeshRunDecoder` runs come that it forwards.

        They are not its own frames: they do not make it the active one of several connections with its key, as the
        workers of one relay have them, and count as nothing that it has sent.
        """
        own = []
        for item in items:
            ends, run, count, disco = item
            if ends is not None and len(ends) == ENDS_LEN:
                self._forward_in(connection, ends, run, count, disco, now)
            else:
                own.append(item)
        if own:
            self.route(connection, own, now)
        elif self._queued.used > self.limits.total_bytes:
            self._relieve()

    def note_unknown_frames(self, connection: Connection, count: int, now: float) -> None:
        """A connection sent frames that mean nothing here; they were skipped, but it did write."""
        self.stats.unknown_frames += count
        if connection.has_duplicates:
            self.presence.note_activity(connection, now)

    def _not_here(self, connection: Connection, dst: bytes, chunk: bytes, count: int, disco: bool, now: float) -> None:
        claim, tenant = self.presence.find(dst, now), connection.tenant
        receiver = self.registry.active.get(dst) or claim
        if receiver is None:
            self._lose(connection, UNKNOWN_DEST, dst, chunk, count, disco, now)
        elif receiver.tenant not in tenant.reaches:
            self._lose(connection, OTHER_TENANT, dst, chunk, count, disco, now)
        elif isinstance(receiver, Claim):
            self.stats.forwarded += count
            if receiver.is_at_relay:  # another worker counts it there
                self.presence.usage.forwarded(connection, dst, count, len(chunk))
            receiver.forwarder.forward(now, dst, chunk, count, disco, tenant)
        else:
            self.deliver(dst, chunk, count, disco, now, tenant)

    def _lose(
        self, connection: Connection, reason: str, dst: bytes, chunk: bytes, count: int, disco: bool, now: float
    ) -> None:
        """Drop a run of a client that nobody gets."""
        flow = connection.nowhere
        if flow is None:
            flow = connection.nowhere = Flow()
        flow.packets += count
        flow.size += len(chunk)
        self._drop(connection, reason, dst, chunk, count, disco, now)

    def _drop(
        self, connection: Connection, reason: str, dst: bytes, chunk: bytes, count: int, disco: bool, now: float
    ) -> None:
        """Whoever sent it must see no difference between the key of another tenant and one that is not here."""
        if connection.lost is None:
            connection.lost = Counter()
        connection.lost[reason] += count
        connection.tenant.drop(reason, disco, count, len(chunk) - count * RECV_OVERHEAD)
        if disco:
            self._tell_not_here(connection, dst, now)

    def _tell_not_here(self, connection: Connection, dst: bytes, now: float) -> None:
        bucket = connection.not_here
        if bucket is None:
            bucket = connection.not_here = TokenBucket(NOT_HERE_PER_S, NOT_HERE_BURST, now)
        if bucket.allow(1, now) and connection.queue.put_control(frames.peer_gone(dst, PeerGoneReason.NOT_HERE)):
            self.stats.peer_gone_not_here += 1
            connection.wake()

    def deliver(
        self, dst: bytes, frames: bytes, count: int, disco: bool, read_at: float, tenant: Tenant, hops: int = 0
    ) -> None:
        """Give a run of RecvPacket frames from one source, forwarded to us, to a client here, or drop it.

        `tenant` is the source's; the receiver may have come to another one since it was looked up. `hops` as
        `PacketForwarder.forward` has it.
        """
        receiver = self.registry.current(dst)
        if receiver is None or receiver.tenant not in tenant.reaches:
            reason = UNKNOWN_DEST_ON_FWD if receiver is None else OTHER_TENANT
            tenant.drop(reason, disco, count, len(frames) - count * RECV_OVERHEAD)
            return
        src = frames[HEADER_LEN : HEADER_LEN + KEY_LEN]
        flow = receiver.sources.get(src) or self.presence.note_forwarded_source(receiver, src)[0]
        if hops:
            flow.dropped -= len(frames) - count * RECV_OVERHEAD
        else:
            flow.packets += count
            flow.size += len(frames)
        receiver.queue.put(read_at, frames, count, disco, flow)
        receiver.wake()
        if self._queued.used > self.limits.total_bytes:
            self._relieve()

    def _relieve(self) -> None:
        """All queues together hold too much: halve the longest until there is room for a while."""
        target = self.limits.total_bytes * 7 // 8
        longest_first = sorted(self.registry, key=lambda connection: -connection.queue.packet_bytes)
        for connection in longest_first:
            if self._queued.used <= target:
                break
            connection.queue.shrink()

    # --- everything but packets ---------------------------------------------------------------------------------------

    def _control(self, connection: Connection, frame_type: int, body: bytes, now: float) -> None:
        if frame_type == FrameType.PING:
            self.stats.got_ping += 1
            queue = connection.queue
            if queue.control_bytes < PONG_ROOM_BYTES and queue.put_control(frames.pong(body[:8])):
                self.stats.sent_pong += 1
                connection.wake()
        elif frame_type == FrameType.NOTE_PREFERRED:
            self._note_preferred(connection, body[0] != 0, now)
        elif not connection.identity.is_mesh:
            raise FrameError(f"{FrameType(frame_type).name} from a client without the mesh key", "not_mesh")
        elif frame_type == FrameType.WATCH_CONNS:
            self._watch(connection, now)
        elif frame_type == FrameType.CLOSE_PEER:
            self.close_peer(body)
            self.presence.close_at_siblings(body)

    def _note_preferred(self, connection: Connection, home: bool, now: float) -> None:
        if connection.is_home == home:
            return
        connection.is_home = home
        self.home_connections += 1 if home else -1
        if now - connection.identity.connected_at > HOME_SETTLES_S:
            if home:
                self.stats.home_moves_in += 1
            else:
                self.stats.home_moves_out += 1
        if home and connection.identity.is_guest:
            self.on_guest_home(connection)

    def _forward_in(self, connection: Connection, ends: bytes, run: bytes, count: int, disco: bool, now: float) -> None:
        """Deliver a run that a mesh peer forwards, to clients of this relay only: one hop is all there is.

        Its packets are of the tenant of which that relay has said that the source is, else of the nameless one.
        """
        src, dst = ends[:KEY_LEN], ends[KEY_LEN:]
        self.stats.forwarded_in += count
        active = self.registry.active
        tenant = self.presence.tenant_at(connection.key, src, connection.tenant)
        receiver = active.get(dst) or self.presence.find_here(dst, now)
        if src in active:
            connection.note_odd(OUR_CLIENT, count)
        if receiver is None:
            connection.note_odd(UNKNOWN_DEST_OF_PEER, count)
            self._drop(connection, UNKNOWN_DEST_ON_FWD, dst, run, count, disco, now)
        elif tenant is None or receiver.tenant not in tenant.reaches:
            # Of one that is no longer here a tailhub relay would forget it, for others who may reach it.
            says_so = disco and not connection.identity.is_tailhub
            self._drop(connection, OTHER_TENANT, dst, run, count, says_so, now)
        elif isinstance(receiver, Claim):  # all workers are one relay: still one hop
            self.stats.forwarded += count
            receiver.forwarder.forward(now, dst, run, count, disco, tenant, hops=1)
        else:
            flow = receiver.sources.get(src)
            if flow is None:
                flow, has_room = self.presence.note_forwarded_source(receiver, src)
                if not has_room:
                    connection.note_odd(TOO_MANY_SOURCES, count)
            flow.dropped -= len(run) - count * RECV_OVERHEAD  # its relay has counted it as having come in
            receiver.queue.put(now, run, count, disco, flow)
            receiver.wake()

    def _watch(self, connection: Connection, now: float) -> None:
        """Subscribe a mesh peer to presence: a flood of all, itself included, then changes. Again floods again.

        From ourselves it is ignored.
        """
        if connection.key == self.own_key:
            return
        self.presence.watch(connection, now)

    # --- what operators see -------------------------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        """How many mesh peers watch presence."""
        return len(self.presence.watchers)

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in all queues together."""
        return self._queued.used

    def consistency_errors(self) -> list[str]:
        """What does not add up in the tables; empty when all is well. For ``/debug/check``."""
        errors = self.presence.consistency_errors()
        connections = list(self.registry)
        homes = sum(connection.is_home for connection in connections)
        if homes != self.home_connections:
            errors.append(f"{self.home_connections} home connections counted, {homes} found")
        waiting = sum(connection.queue.packet_bytes for connection in connections)
        if waiting != self._queued.used:
            errors.append(f"{self._queued.used} queued bytes counted, {waiting} found")
        return errors
