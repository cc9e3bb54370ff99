"""The relay: routes packets, keeps presence, answers what logged-in connections ask for.

Not here: framing (`tailhub.derp`), sockets and time (`tailhub.server`). Source: the reference's
``derp/derpserver/derpserver.go``; where we differ on purpose, ``docs/protocol.md`` says why.
"""

from __future__ import annotations

from collections.abc import Iterable

from tailhub.derp import frames
from tailhub.derp.frames import HEADER, HEADER_LEN, KEY_LEN, RECV_OVERHEAD, FrameType, PeerGoneReason
from tailhub.derp.runs import Item
from tailhub.disco import looks_like_disco
from tailhub.exceptions import FrameError
from tailhub.ratelimit import TokenBucket
from tailhub.relay.connection import Connection, Identity, Sink
from tailhub.relay.elsewhere import Claim, Elsewhere, Sibling
from tailhub.relay.registry import Registry
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import GONE_DISCONNECTED, UNKNOWN_DEST, UNKNOWN_DEST_ON_FWD, Stats

NOT_HERE_PER_S = 1.0  # PeerGone(not here) for each connection
NOT_HERE_BURST = 3.0
HOME_SETTLES_S = 5.0  # a home note this soon after login is not a move
MAX_SOURCES = 65536  # keys for each connection whose leaving is reported to it; only a mesh peer can reach this


class Relay:
    """All decisions of one relay. Every method returns at once; bytes leave through the connections' queues."""

    __slots__ = (
        "_caught_up_at",
        "_next_id",
        "_own_key",
        "_queued",
        "_receivers",
        "_siblings",
        "_watchers",
        "elsewhere",
        "home_connections",
        "limits",
        "registry",
        "stats",
    )

    def __init__(
        self, limits: QueueLimits | None = None, *, own_key: bytes = b"", first_connection_id: int = 0
    ) -> None:
        """`own_key` is the relay's raw public key: a mesh peer that shows it is this relay, which dialled itself."""
        self._own_key = own_key
        self.limits = limits or QueueLimits()
        self.stats = Stats()
        self.registry = Registry()
        self.elsewhere = Elsewhere()
        self._siblings: dict[Sibling, None] = {}
        self._caught_up_at = 0.0  # the read at which siblings were last asked
        self.home_connections = 0
        self._queued = QueuedBytes()
        self._watchers: dict[Connection, None] = {}
        # Source key to the connections that were sent a packet from it. The mirror of Connection.sources.
        self._receivers: dict[bytes, set[Connection]] = {}
        self._next_id = first_connection_id

    # --- presence -----------------------------------------------------------------------------------------------------

    def next_connection_id(self) -> int:
        """A number for the next login."""
        self._next_id += 1
        return self._next_id

    def register(self, identity: Identity, sink: Sink) -> Connection:
        """A client has been admitted. It may be routed to from now on."""
        queue = SendQueue(self.limits, self._queued, self.stats, mesh=identity.is_mesh)
        connection = Connection(identity, queue, sink)
        self.stats.accepts += 1
        is_first = self.registry.add(connection)
        if self._is_at_sibling(identity.key):
            is_first = False
            self.registry.share(identity.key, displaced=False)
        if not is_first:
            self.stats.dup_connections_total += 1
        if self._watchers or self._siblings:
            frame = identity.present_frame()
            self._tell_watchers(frame)
            for sibling in self._siblings:
                sibling.put_present(frame, identity.connected_at)
        return connection

    def unregister(self, connection: Connection, reason: str = GONE_DISCONNECTED) -> None:
        """A connection is over. What waited for it is dropped and counted under `reason`."""
        self._watchers.pop(connection, None)
        connection.is_watcher = False
        connection.queue.clear(reason)
        if connection.is_home:
            self.home_connections -= 1
        for source in connection.sources:
            receivers = self._receivers[source]
            receivers.discard(connection)
            if not receivers:
                del self._receivers[source]
        connection.sources.clear()
        if self.registry.remove(connection):
            for sibling in self._siblings:
                sibling.put_gone(connection.key)
            if not self._is_at_sibling(connection.key):
                self._key_left(connection.key)
        elif connection.key in self.registry.shared:
            self._tell_siblings(connection.key)
            self._weigh(connection.key)

    def _key_left(self, key: bytes) -> None:
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        for receiver in self._receivers.pop(key, ()):
            receiver.sources.discard(key)
            if receiver.queue.put_control(frame):
                self.stats.peer_gone_disconnected += 1
                receiver.wake()
        if self._watchers:
            self._tell_watchers(frame)

    def _tell_watchers(self, frame: bytes) -> None:
        for watcher in self._watchers:
            self._tell_watcher(watcher, frame)

    def _tell_watcher(self, watcher: Connection, data: bytes) -> None:
        if watcher.queue.put_control(data):
            watcher.wake()
        else:
            # A watcher that misses a change would believe something wrong for ever; a new connection starts afresh.
            watcher.sink.close("mesh peer does not read: presence would be lost")

    # --- the other workers of this relay ------------------------------------------------------------------------------

    def add_sibling(self, sibling: Sibling) -> None:
        """There is a link to another worker. It is told of everybody here, and from now on of every change."""
        self._siblings[sibling] = None
        for connection in self.registry:
            if connection is self.registry.current(connection.key):
                sibling.put_present(connection.identity.present_frame(), connection.active_since)

    def remove_sibling(self, sibling: Sibling) -> None:
        """The link is broken: what was learnt over it is forgotten."""
        self._siblings.pop(sibling, None)
        for key in self.elsewhere.keys_of(sibling):
            self.sibling_gone(sibling, key)

    def sibling_present(self, sibling: Sibling, frame: bytes, since: float) -> None:
        """A key is active at another worker, since then; `frame` is the PeerPresent of its connection there."""
        key = frame[HEADER_LEN : HEADER_LEN + KEY_LEN]
        known = self.elsewhere.claim_of(key, sibling)
        self.elsewhere.put(key, Claim(sibling, since, frame))
        if known is None or known.frame != frame:
            self._tell_watchers(frame)
        self._weigh(key)

    def sibling_gone(self, sibling: Sibling, key: bytes) -> None:
        """A key has no connection at another worker any more."""
        is_nowhere = self.elsewhere.remove(key, sibling)
        self._weigh(key)
        if is_nowhere and self.registry.current(key) is None:
            self._key_left(key)

    def _weigh(self, key: bytes) -> None:
        """Where is a key active that is here and perhaps at other workers? At most one of them says: here."""
        connection = self.registry.current(key)
        if connection is None:
            return
        if self._is_at_sibling(key):
            self.registry.share(key, displaced=self.elsewhere.routes[key].since > connection.active_since)
        else:
            self.registry.unshare(key)

    def _tell_siblings(self, key: bytes) -> None:
        connection = self.registry.current(key)
        if connection is not None:
            for sibling in self._siblings:
                sibling.put_present(connection.identity.present_frame(), connection.active_since)

    def deliver(self, dst: bytes, frames: bytes, count: int, disco: bool, read_at: float) -> None:
        """Give a run of RecvPacket frames from one source, forwarded to us, to a client here, or drop it."""
        receiver = self.registry.current(dst)
        if receiver is None:
            self.stats.drop(UNKNOWN_DEST_ON_FWD, disco, count, len(frames) - count * RECV_OVERHEAD)
            return
        src = frames[HEADER_LEN : HEADER_LEN + KEY_LEN]
        if src not in receiver.sources:
            self._note_source(receiver, src)
        receiver.queue.put(read_at, frames, count, disco)
        receiver.wake()

    def close_peer(self, key: bytes) -> None:
        """Close a key's connections here."""
        for connection in self.registry.of_key(key):
            connection.sink.close("closed on behalf of a mesh peer")

    def _is_at_sibling(self, key: bytes) -> bool:
        claim = self.elsewhere.routes.get(key)
        return claim is not None and claim.forwarder in self._siblings

    def _note_activity(self, connection: Connection, now: float) -> None:
        """One of several connections with a key wrote a frame."""
        if self.registry.note_activity(connection):
            connection.active_since = now
            if connection.key in self.registry.shared:
                self._tell_siblings(connection.key)

    # --- the packet path ----------------------------------------------------------------------------------------------

    def route(self, connection: Connection, items: Iterable[Item], now: float) -> None:
        """Deal with what one read brought. Raises `FrameError` when the connection broke a rule and must be closed."""
        registry = self.registry
        if connection.has_duplicates:
            self._note_activity(connection, now)
        active = registry.active
        stats = self.stats
        src = connection.key
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
                size += len(chunk)
                if disco:
                    stats.disco_received += count
                receiver = active.get(dst)
                if receiver is None:
                    self._not_here(connection, dst, chunk, count, disco, now)
                    continue
                if src not in receiver.sources:
                    self._note_source(receiver, src)
                receiver.queue.put(now, chunk, count, disco)
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

    def note_unknown_frames(self, connection: Connection, count: int, now: float) -> None:
        """A connection sent frames that mean nothing here; they were skipped, but it did write."""
        self.stats.unknown_frames += count
        if connection.has_duplicates:
            self._note_activity(connection, now)

    def _note_source(self, receiver: Connection, src: bytes) -> None:
        if len(receiver.sources) < MAX_SOURCES:
            receiver.sources.add(src)
            self._receivers.setdefault(src, set()).add(receiver)

    def _not_here(self, connection: Connection, dst: bytes, chunk: bytes, count: int, disco: bool, now: float) -> None:
        claim = self.elsewhere.routes.get(dst)
        if claim is None and self._siblings and now != self._caught_up_at:
            # Whoever logs in at a sibling is not told so before we are, but we may not have read it yet.
            self._caught_up_at = now
            for sibling in tuple(self._siblings):
                sibling.catch_up()
            claim = self.elsewhere.routes.get(dst)
        if claim is not None:
            self.stats.forwarded += count
            claim.forwarder.forward(now, dst, chunk, count, disco)
            return
        self.stats.drop(UNKNOWN_DEST, disco, count, len(chunk) - count * RECV_OVERHEAD)
        if disco:
            self._tell_not_here(connection, dst, now)

    def _tell_not_here(self, connection: Connection, dst: bytes, now: float) -> None:
        bucket = connection.not_here
        if bucket is None:
            bucket = connection.not_here = TokenBucket(NOT_HERE_PER_S, NOT_HERE_BURST, now)
        if bucket.allow(1, now) and connection.queue.put_control(frames.peer_gone(dst, PeerGoneReason.NOT_HERE)):
            self.stats.peer_gone_not_here += 1
            connection.wake()

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
            if connection.queue.put_control(frames.pong(body[:8])):
                self.stats.sent_pong += 1
                connection.wake()
        elif frame_type == FrameType.NOTE_PREFERRED:
            self._note_preferred(connection, body[0] != 0, now)
        elif not connection.identity.is_mesh:
            raise FrameError(f"{FrameType(frame_type).name} from a client without the mesh key", "not_mesh")
        elif frame_type == FrameType.FORWARD_PACKET:
            self._forward_in(connection, body, now)
        elif frame_type == FrameType.WATCH_CONNS:
            self._watch(connection)
        elif frame_type == FrameType.CLOSE_PEER:
            self.close_peer(body)
            for sibling in self._siblings:
                sibling.put_close(body)

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

    def _forward_in(self, connection: Connection, body: bytes, now: float) -> None:
        """Deliver what a mesh peer forwards, to local clients only: one hop is all there is."""
        src, dst = body[:KEY_LEN], body[KEY_LEN : 2 * KEY_LEN]
        packet_len = len(body) - 2 * KEY_LEN
        disco = looks_like_disco(memoryview(body)[2 * KEY_LEN :])
        self.stats.forwarded_in += 1
        receiver = self.registry.active.get(dst)
        frame = HEADER.pack(FrameType.RECV_PACKET, KEY_LEN + packet_len) + src + body[2 * KEY_LEN :]
        if receiver is None:
            if self._is_at_sibling(dst):  # all workers are one relay: still one hop
                self.stats.forwarded += 1
                self.elsewhere.routes[dst].forwarder.forward(now, dst, frame, 1, disco)
                return
            self.stats.drop(UNKNOWN_DEST_ON_FWD, disco, 1, packet_len)
            if disco:
                self._tell_not_here(connection, dst, now)
            return
        if src not in receiver.sources:
            self._note_source(receiver, src)
        receiver.queue.put(now, frame, 1, disco)
        receiver.wake()

    def _watch(self, connection: Connection) -> None:
        """Subscribe a mesh peer to presence: a flood of all, itself included, then changes. Again floods again.

        From ourselves it is ignored.
        """
        if connection.key == self._own_key:
            return
        connection.is_watcher = True
        self._watchers[connection] = None
        frames = [present.identity.present_frame() for present in self.registry]
        frames += [claim.frame for claim in self.elsewhere.routes.values() if claim.forwarder in self._siblings]
        self._tell_watcher(connection, b"".join(frames))

    # --- what operators see -------------------------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        """How many mesh peers watch presence."""
        return len(self._watchers)

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in all queues together."""
        return self._queued.used

    def consistency_errors(self) -> list[str]:
        """What does not add up in the tables; empty when all is well. For ``/debug/check``."""
        errors: list[str] = []
        connections = list(self.registry)
        if len(connections) != self.registry.count:
            errors.append(f"registry counts {self.registry.count} connections but holds {len(connections)}")
        shared = {connection for group in self.registry.duplicates.values() for connection in group}
        shared.update(connection for key in self.registry.shared for connection in self.registry.of_key(key))
        if shared != {connection for connection in connections if connection.has_duplicates}:
            errors.append(f"{len(shared)} connections share a key, others are marked so")
        homes = sum(connection.is_home for connection in connections)
        if homes != self.home_connections:
            errors.append(f"{self.home_connections} home connections counted, {homes} found")
        waiting = sum(connection.queue.packet_bytes for connection in connections)
        if waiting != self._queued.used:
            errors.append(f"{self._queued.used} queued bytes counted, {waiting} found")
        watching = {connection for connection in connections if connection.is_watcher}
        if watching != self._watchers.keys():
            errors.append(f"{len(self._watchers)} watchers are subscribed, {len(watching)} found")
        noted: dict[bytes, set[Connection]] = {}
        for connection in connections:
            for source in connection.sources:
                noted.setdefault(source, set()).add(connection)
        if noted != self._receivers:
            errors.append(
                f"who is told of the leaving of {len(self._receivers)} keys is not who was sent their packets"
            )
        return errors
