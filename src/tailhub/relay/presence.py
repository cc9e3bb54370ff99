"""Who is here, who is at other workers of this relay, and who is told when that changes.

Told are mesh peers that watch, the other workers (`Sibling`), and whoever was sent a packet by a client that leaves.
"""

from __future__ import annotations

from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN, KEY_LEN, PeerGoneReason
from tailhub.relay.connection import Connection
from tailhub.relay.elsewhere import Claim, Elsewhere, Sibling
from tailhub.relay.registry import Registry
from tailhub.relay.stats import Stats
from tailhub.relay.usage import Flow, Usage

MAX_SOURCES = 65536  # keys for each connection whose leaving is reported to it; only a mesh peer can reach this


class Presence:
    """All keys of one relay. `registry` and `elsewhere` are read by the packet path and changed only through here."""

    __slots__ = (
        "_caught_up_at",
        "_receivers",
        "_siblings",
        "_stats",
        "_watchers",
        "elsewhere",
        "registry",
        "usage",
    )

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self.usage = Usage()
        self.registry = Registry()
        self.elsewhere = Elsewhere()
        self._siblings: dict[Sibling, None] = {}
        self._caught_up_at = 0.0  # the read at which siblings were last asked
        self._watchers: dict[Connection, None] = {}
        # Source key to the connections that were sent a packet from it. The mirror of Connection.sources.
        self._receivers: dict[bytes, set[Connection]] = {}

    # --- connections come, speak and go -------------------------------------------------------------------------------

    def joined(self, connection: Connection) -> bool:
        """A connection is here now. Returns whether its key had none, here or at another worker."""
        key = connection.key
        is_first = self.registry.add(connection)
        if self.is_at_sibling(key):
            is_first = False
            self.registry.share(key, displaced=False)
        if self._watchers or self._siblings:
            frame = connection.identity.present_frame()
            self._tell_watchers(frame)
            for sibling in self._siblings:
                sibling.put_present(frame, connection.active_since)
        return is_first

    def left(self, connection: Connection) -> None:
        """A connection is over."""
        self._watchers.pop(connection, None)
        connection.is_watcher = False
        self.usage.gather((connection,))
        for source in connection.sources:
            receivers = self._receivers[source]
            receivers.discard(connection)
            if not receivers:
                del self._receivers[source]
        connection.sources.clear()
        key = connection.key
        if self.registry.remove(connection):
            for sibling in self._siblings:
                sibling.put_gone(key)
            if not self.is_at_sibling(key):
                self._key_left(key)
        elif key in self.registry.shared:
            self._tell_siblings(key)
            self._weigh(key)

    def note_activity(self, connection: Connection, now: float) -> None:
        """One of several connections with a key wrote a frame: it is the active one now."""
        if self.registry.note_activity(connection):
            connection.active_since = now
            if connection.key in self.registry.shared:
                self._tell_siblings(connection.key)

    def note_source(self, receiver: Connection, src: bytes) -> Flow:
        """A connection is sent a packet from a key: it will be told when that leaves. Returns where to count it."""
        flow = Flow()
        if len(receiver.sources) < MAX_SOURCES:
            receiver.sources[src] = flow
            self._receivers.setdefault(src, set()).add(receiver)
        return flow

    def _key_left(self, key: bytes) -> None:
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        for receiver in self._receivers.pop(key, ()):
            flow = receiver.sources.pop(key, None)
            if flow is not None:
                self.usage.gather_flow(receiver, key, flow)
            if receiver.queue.put_control(frame):
                self._stats.peer_gone_disconnected += 1
                receiver.wake()
        if self._watchers:
            self._tell_watchers(frame)

    # --- watchers -----------------------------------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        """How many mesh peers watch."""
        return len(self._watchers)

    def watch(self, connection: Connection) -> None:
        """Subscribe a mesh peer: a flood of all, itself included, then changes. Again floods again."""
        connection.is_watcher = True
        self._watchers[connection] = None
        flood = [present.identity.present_frame() for present in self.registry]
        flood += [claim.frame for claim in self.elsewhere.routes.values() if claim.forwarder in self._siblings]
        self._tell_watcher(connection, b"".join(flood))

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

    def is_at_sibling(self, key: bytes) -> bool:
        """Whether packets for a key that is not active here belong to another worker."""
        claim = self.elsewhere.routes.get(key)
        return claim is not None and claim.forwarder in self._siblings

    def find(self, key: bytes, now: float) -> Claim | None:
        """Who has a key that is not active here, for a packet that was read at `now`."""
        claim = self.elsewhere.routes.get(key)
        if claim is None and self._siblings and now != self._caught_up_at:
            # Before a client may speak its worker has told us of it, but we may not have read that yet.
            self._caught_up_at = now
            for sibling in tuple(self._siblings):
                sibling.catch_up()
            claim = self.elsewhere.routes.get(key)
        return claim

    def close_at_siblings(self, key: bytes) -> None:
        """Have the other workers close a key's connections."""
        for sibling in self._siblings:
            sibling.put_close(key)

    def _weigh(self, key: bytes) -> None:
        """Where is a key active that is here and perhaps at other workers? At most one of them says: here."""
        connection = self.registry.current(key)
        if connection is None:
            return
        if self.is_at_sibling(key):
            self.registry.share(key, displaced=self.elsewhere.routes[key].since > connection.active_since)
        else:
            self.registry.unshare(key)

    def _tell_siblings(self, key: bytes) -> None:
        connection = self.registry.current(key)
        if connection is not None:
            for sibling in self._siblings:
                sibling.put_present(connection.identity.present_frame(), connection.active_since)

    # --- for operators ------------------------------------------------------------------------------------------------

    def consistency_errors(self) -> list[str]:
        """What does not add up in the tables; empty when all is well."""
        errors: list[str] = []
        connections = list(self.registry)
        if len(connections) != self.registry.count:
            errors.append(f"registry counts {self.registry.count} connections but holds {len(connections)}")
        shared = {connection for group in self.registry.duplicates.values() for connection in group}
        shared.update(connection for key in self.registry.shared for connection in self.registry.of_key(key))
        if shared != {connection for connection in connections if connection.has_duplicates}:
            errors.append(f"{len(shared)} connections share a key, others are marked so")
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
