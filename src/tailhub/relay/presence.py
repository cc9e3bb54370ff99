"""Who is here, who is at other workers of this relay, and who is told when that changes.

Told are mesh peers that watch, the other workers (`Sibling`), and whoever was sent a packet by a client that leaves.
"""

from __future__ import annotations

from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN, KEY_LEN, PeerGoneReason
from tailhub.relay.connection import Connection
from tailhub.relay.elsewhere import Claim, Elsewhere, PacketForwarder, Sibling
from tailhub.relay.registry import Registry
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant
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
        key, tenant = connection.key, connection.tenant
        before = self._tenant_of(key)
        if before is not None and before is not tenant:
            self._change_tenant(key, before, tenant)
        is_first = self.registry.add(connection)
        if self.is_at_sibling(key):
            is_first = False
            self.registry.share(key, displaced=False)
        if self._watchers or self._siblings:
            frame = connection.identity.present_frame()
            self._tell_watchers(frame, tenant)
            for sibling in self._siblings:
                sibling.put_present(frame, connection.active_since, tenant)
        return is_first

    def left(self, connection: Connection) -> None:
        """A connection is over."""
        self._watchers.pop(connection, None)
        connection.is_watcher = False
        self._forget_sources(connection)
        key = connection.key
        if self.registry.remove(connection):
            for sibling in self._siblings:
                sibling.put_gone(key)
            if not self.is_at_sibling(key):
                self._key_left(key, connection.tenant)
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

    def _forget_sources(self, connection: Connection) -> None:
        """It is not told any more when those leave from whom it has had packets."""
        self.usage.gather((connection,))
        for source in connection.sources:
            receivers = self._receivers[source]
            receivers.discard(connection)
            if not receivers:
                del self._receivers[source]
        connection.sources.clear()

    def _key_left(self, key: bytes, tenant: Tenant) -> None:
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        self._tell_receivers(frame, key, self._receivers.pop(key, set()))
        if self._watchers:
            self._tell_watchers(frame, tenant)

    def _tell_receivers(self, frame: bytes, key: bytes, receivers: set[Connection]) -> None:
        """For these a key is gone; they will not be told of it again."""
        for receiver in receivers:
            flow = receiver.sources.pop(key, None)
            if flow is not None:
                self.usage.gather_flow(receiver, key, flow)
            if receiver.queue.put_control(frame):
                self._stats.peer_gone_disconnected += 1
                receiver.wake()

    # --- tenants ------------------------------------------------------------------------------------------------------

    def _tenant_of(self, key: bytes) -> Tenant | None:
        """Whose key it is now, None if it is nowhere."""
        connection = self.registry.current(key)
        if connection is not None:
            return connection.tenant
        claim = self.elsewhere.routes.get(key)
        return None if claim is None else claim.tenant

    def _change_tenant(self, key: bytes, before: Tenant, tenant: Tenant) -> None:
        """A key has been admitted to another tenant. Its connections are closed, and until that is done they are the
        new tenant's; who may not reach that one learns that the key has gone, and nothing of it from then on.
        """
        for connection in self.registry.of_key(key):
            self._forget_sources(connection)
            connection.tenant.left(connection)
            tenant.handed_over(connection)
            connection.tenant = tenant
            connection.sink.close("its key has logged in to another tenant")
        frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
        receivers = self._receivers.get(key, set())
        strangers = {receiver for receiver in receivers if receiver.tenant not in tenant.reaches}
        receivers -= strangers
        if not receivers:
            self._receivers.pop(key, None)
        self._tell_receivers(frame, key, strangers)
        for watcher in tuple(self._watchers):
            if before in watcher.tenant.reaches and tenant not in watcher.tenant.reaches:
                self._tell_watcher(watcher, frame)

    def reaches_changed(self) -> None:
        """Tenants reach others than before: who heard of a key that is a stranger's now learns that it has gone."""
        for key in list(self._receivers):
            tenant, receivers = self._tenant_of(key), self._receivers[key]
            strangers = {one for one in receivers if tenant is not None and tenant not in one.tenant.reaches}
            receivers -= strangers
            if not receivers:
                del self._receivers[key]
            self._tell_receivers(frames.peer_gone(key, PeerGoneReason.DISCONNECTED), key, strangers)

    # --- watchers -----------------------------------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        """How many mesh peers watch."""
        return len(self._watchers)

    def watch(self, connection: Connection) -> None:
        """Subscribe a mesh peer: a flood of all it may reach, itself included, then changes. Again floods again."""
        connection.is_watcher = True
        self._watchers[connection] = None
        reaches = connection.tenant.reaches
        flood = [present.identity.present_frame() for present in self.registry if present.tenant in reaches]
        flood += [
            claim.frame
            for claim in self.elsewhere.routes.values()
            if claim.forwarder in self._siblings and claim.tenant in reaches
        ]
        self._tell_watcher(connection, b"".join(flood))

    def _tell_watchers(self, frame: bytes, tenant: Tenant) -> None:
        for watcher in self._watchers:
            if tenant in watcher.tenant.reaches:
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
                sibling.put_present(connection.identity.present_frame(), connection.active_since, connection.tenant)

    def remove_sibling(self, sibling: Sibling) -> None:
        """The link is broken: what was learnt over it is forgotten."""
        self._siblings.pop(sibling, None)
        for key in self.elsewhere.keys_of(sibling):
            self.sibling_gone(sibling, key)

    def sibling_present(self, sibling: Sibling, frame: bytes, since: float, tenant: Tenant) -> None:
        """A key is active at another worker, since then; `frame` is the PeerPresent of its connection there.

        If it is another tenant's there than here, the latest counts: either we end our connections, or that worker its.
        """
        key = frame[HEADER_LEN : HEADER_LEN + KEY_LEN]
        known, before = self.elsewhere.claim_of(key, sibling), self._tenant_of(key)
        self.elsewhere.put(key, Claim(sibling, since, frame, tenant))
        self._follow_tenant(key, before)
        is_news = known is None or known.frame != frame or known.tenant is not tenant
        if is_news and self._tenant_of(key) is tenant:
            self._tell_watchers(frame, tenant)
        self._weigh(key)

    def sibling_gone(self, sibling: Sibling, key: bytes) -> None:
        """A key has no connection at another worker any more."""
        before = self._tenant_of(key)
        is_nowhere = self.elsewhere.remove(key, sibling)
        self._weigh(key)
        if not is_nowhere:
            self._follow_tenant(key, before)
        elif before is not None and self.registry.current(key) is None:
            self._key_left(key, before)

    # --- other relays of the region -----------------------------------------------------------------------------------

    def mesh_present(self, link: PacketForwarder, key: bytes, since: float, tenant: Tenant | None) -> None:
        """Another relay has a key, active there since then; `tenant`: None if there is no such one here."""
        self.elsewhere.put(key, Claim(link, since, b"", tenant))

    def mesh_gone(self, link: PacketForwarder, key: bytes) -> None:
        """Another relay has the key no more."""
        if self.elsewhere.claim_of(key, link) is None:
            return
        if self.elsewhere.remove(key, link) and self.registry.current(key) is None:
            frame = frames.peer_gone(key, PeerGoneReason.DISCONNECTED)
            self._tell_receivers(frame, key, self._receivers.pop(key, set()))

    def remove_mesh_link(self, link: PacketForwarder) -> None:
        """The link to another relay is broken: what was learnt over it is forgotten."""
        for key in self.elsewhere.keys_of(link):
            self.mesh_gone(link, key)

    def _follow_tenant(self, key: bytes, before: Tenant | None) -> None:
        """What other workers say of a key, which was of the tenant `before`, has changed."""
        best, connection = self.elsewhere.routes[key], self.registry.current(key)
        if best.tenant is None or before is None or best.tenant is before:
            return
        if connection is not None:
            ours = (connection.active_since, before.number)
            if (best.since, best.tenant.number) < ours:  # that worker hears of our connection, and ends its own
                return
        self._change_tenant(key, before, best.tenant)

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
                sibling.put_present(connection.identity.present_frame(), connection.active_since, connection.tenant)

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
        for connection in connections:
            if connection.tenant is not self._tenant_of(connection.key):
                errors.append("a key has connections of two tenants")
            for source in connection.sources:
                tenant = self._tenant_of(source)
                if tenant is not None and tenant not in connection.tenant.reaches:
                    errors.append(f"{connection.tenant.shown_name} would hear of {tenant.shown_name}")
        return errors
