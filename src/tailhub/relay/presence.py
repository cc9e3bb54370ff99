"""Who is here, at other workers of this relay, or at other relays, and who is told when that changes.

Told are mesh peers that watch (`tailhub.relay.watchers`), the other workers (`Sibling`), and whoever was sent a packet
by a client that leaves. The first two learn of what is at this relay, all its workers together; a client is told that
another one has gone when that is nowhere in the region where it could reach it.

Of several places where a key is, the one counts where it was active last: packets go there. That another relay has a
key of ours is our own affair, and told to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from tailhub.derp.frames import HEADER_LEN, KEY_LEN
from tailhub.relay.connection import Connection
from tailhub.relay.elsewhere import Claim, Elsewhere, Neighbour, Sibling
from tailhub.relay.receivers import Receivers
from tailhub.relay.registry import Registry
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant
from tailhub.relay.usage import Flow, Usage
from tailhub.relay.watchers import Presented, Watchers

PIECE: Final = 500  # keys of a broken link that are forgotten at a time; receivers that are told that one has gone


class Presence:
    """All keys of one relay. `registry` and `elsewhere` are read by the packet path and changed only through here.

    Some work takes turns, because there may be thousands of keys: telling a new watcher of all, forgetting what a
    broken link has said, and telling who has had packets from the keys that another relay has no more. `on_work` is
    called when there is some, and `work` does a piece of it.
    """

    __slots__ = (
        "_broken",
        "_caught_up_at",
        "_neighbours",
        "_receivers",
        "_siblings",
        "_to_tell",
        "elsewhere",
        "on_work",
        "registry",
        "usage",
        "watchers",
    )

    def __init__(self, stats: Stats) -> None:
        self.usage = Usage()
        self._receivers = Receivers(stats, self.usage)
        self.registry = Registry()
        self.elsewhere = Elsewhere()
        self.watchers = Watchers(self._presented)
        self.on_work: Callable[[], None] = lambda: None
        self._siblings: dict[Sibling, None] = {}
        self._caught_up_at = 0.0  # the read at which siblings were last asked
        self._neighbours: dict[Neighbour, None] = {}
        # Links that have broken, with those keys among which there may still be some that they have claimed.
        self._broken: dict[Neighbour, list[bytes]] = {}
        # Keys of which another relay has said something new, while their receivers have not been told what follows.
        self._to_tell: dict[bytes, None] = {}

    def work(self, now: float) -> float | None:
        """Do a piece of the work that takes turns, about a millisecond's.

        Returns in how many seconds the next one may be done, 0.0 for the next turn; None: nothing is left to do, and
        `on_work` will be called when there is something again.
        """
        is_forgetting = self._forget_some()
        is_telling = self._tell_some()
        flooding = self.watchers.flood(now)
        return 0.0 if is_forgetting or is_telling else flooding

    # --- connections come, speak and go -------------------------------------------------------------------------------

    def joined(self, connection: Connection) -> bool:
        """A connection is here now. Returns whether its key had none, here or at another worker."""
        key, tenant = connection.key, connection.tenant
        before = self._tenant_here(key)
        if before is not None and before is not tenant:
            self._change_tenant(key, before, tenant)
        is_first = self.registry.add(connection)
        if key in self.elsewhere:
            self.registry.share(key, displaced=False)
            is_first = is_first and not self.is_at_sibling(key)
        if self.watchers or self._siblings:
            what = Presented(connection.identity.present_frame(), connection.active_since, tenant)
            self.watchers.present(what, what.since)
            for sibling in self._siblings:
                sibling.put_present(*what, is_login=True)
        return is_first

    def left(self, connection: Connection) -> None:
        """A connection is over."""
        self.watchers.discard(connection)
        self._receivers.forget(connection)
        key = connection.key
        if self.registry.remove(connection):
            for sibling in self._siblings:
                sibling.put_gone(key)
            here = self._tenant_here(key)
            if here is None:
                self.watchers.gone(key, connection.tenant)
            self._tell_receivers(key, here)
        elif key in self.registry.shared:
            self._tell_siblings(key)
            self._weigh(key)

    def note_activity(self, connection: Connection, now: float) -> None:
        """One of several connections with a key wrote a frame: it is the active one now."""
        if self.registry.note_activity(connection):
            connection.active_since = now
            if connection.key in self.registry.shared:
                self._tell_siblings(connection.key)

    # --- who is told that a source has gone ---------------------------------------------------------------------------

    def note_source(self, receiver: Connection, src: bytes) -> Flow:
        """A connection is sent a packet from a key: it will be told when that leaves. Returns where to count it."""
        return self._receivers.note(receiver, src)

    def note_forwarded_source(self, receiver: Connection, src: bytes) -> tuple[Flow, bool]:
        """The same for a packet that was forwarded; also returns whether there was room to note it."""
        if src in self.registry.active or self.is_at_sibling(src):
            return self._receivers.note(receiver, src), True
        return self._receivers.note_forwarded(receiver, src, is_known=src in self.elsewhere)

    def _tell_receivers(self, key: bytes, here: Tenant | None, most: int | None = None) -> int:
        """Those who reach a key no more learn that it has gone. It is `here`'s at this relay, None: not there.

        At most so many of them; returns how many.
        """
        if key not in self._receivers:
            return 0
        others = (claim for claim in self.elsewhere.claims_to(key) if claim.forwarder in self._neighbours)
        return self._receivers.tell(key, {here, *(claim.tenant for claim in others)}, most)

    def _tell_soon(self, key: bytes) -> None:
        """The same in turns: one read of a link may say something of a thousand keys, each with hundreds of those."""
        if key in self._receivers:
            is_first = not self._to_tell
            self._to_tell[key] = None
            if is_first:
                self.on_work()

    def _tell_some(self) -> bool:
        """Tell some of whom there is to tell; returns whether there are more of them."""
        left = PIECE
        for key in list(islice(self._to_tell, PIECE)):
            left -= self._tell_receivers(key, self._tenant_here(key), left)
            if not left:
                break
            del self._to_tell[key]
        return bool(self._to_tell)

    # --- tenants ------------------------------------------------------------------------------------------------------

    def _tenant_here(self, key: bytes) -> Tenant | None:
        """Whose key it is at this relay, all its workers together; None if it is not there."""
        connection = self.registry.current(key)
        if connection is not None:
            return connection.tenant
        claim = self._sibling_claim(key)
        return None if claim is None else claim.tenant

    def _change_tenant(self, key: bytes, before: Tenant, tenant: Tenant) -> None:
        """A key has been admitted to another tenant. Its connections are closed, and until that is done they are the
        new tenant's; who may not reach that one learns that the key has gone, and nothing of it from then on.
        """
        for connection in self.registry.of_key(key):
            self._receivers.forget(connection)
            connection.tenant.left(connection)
            tenant.handed_over(connection)
            connection.tenant = tenant
            connection.sink.close("its key has logged in to another tenant")
        self._tell_receivers(key, tenant)
        self.watchers.moved(key, before, tenant)

    def reaches_changed(self) -> None:
        """Tenants reach others than before, or there are others.

        Who heard of a key that is a stranger's now learns that it has gone, and watchers learn of whom they reach now.
        """
        for key in self._receivers.sources:
            here = self._tenant_here(key)
            if here is not None or key in self.elsewhere:  # of one that is nowhere nothing has changed
                self._tell_receivers(key, here)
        for neighbour in self._neighbours:
            neighbour.ask_again()
        if self.watchers.reaches_changed(self._tenants_here):
            self.on_work()

    def _tenants_here(self) -> dict[bytes, Tenant]:
        """Whose each key is that is at this relay."""
        return {key: tenant for key in self._keys_here() if (tenant := self._tenant_here(key)) is not None}

    # --- watchers -----------------------------------------------------------------------------------------------------

    def watch(self, connection: Connection, now: float) -> None:
        """Subscribe a mesh peer: it is told of all that it may reach, itself included, then of changes."""
        self.watchers.add(connection, self._keys_here(), now)
        self.on_work()

    def _keys_here(self) -> Iterator[bytes]:
        """All keys of this relay, those at other workers too."""
        yield from self.registry.all_keys()
        if self._siblings:
            for key in self.elsewhere.routes:
                if self.is_at_sibling(key) and self.registry.current(key) is None:
                    yield key

    def _presented(self, key: bytes) -> Iterator[Presented]:
        """What a watcher is told of a key: each of its connections here, and the last one at another worker."""
        for connection in self.registry.of_key(key):
            yield Presented(connection.identity.present_frame(), connection.active_since, connection.tenant)
        claim = self._sibling_claim(key)
        if claim is not None and claim.tenant is not None:
            yield Presented(claim.frame, claim.since, claim.tenant)

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

    def sibling_present(
        self, sibling: Sibling, frame: bytes, since: float, tenant: Tenant, now: float, *, is_login: bool
    ) -> None:
        """A key is active at another worker, since then; `frame` is the PeerPresent of its connection there.

        `is_login`: that is new. Else it may be one of several that take turns, of which watchers are told once each.
        If it is another tenant's there than here, the latest counts: either we end our connections, or that worker its.
        """
        key = frame[HEADER_LEN : HEADER_LEN + KEY_LEN]
        known, before = self.elsewhere.claim_of(key, sibling), self._tenant_here(key)
        self.elsewhere.put(key, Claim(sibling, since, frame, tenant))
        self._follow_tenant(key, before)
        is_news = is_login or known is None or known.tenant is not tenant
        if is_news and self._tenant_here(key) is tenant:
            self.watchers.present(Presented(frame, since, tenant), now)
        self._weigh(key)

    def sibling_gone(self, sibling: Sibling, key: bytes) -> None:
        """A key has no connection at another worker any more."""
        before, known = self._tenant_here(key), self.elsewhere.claim_of(key, sibling)
        if before is None and known is not None:  # its link has broken
            before = known.tenant
        self.elsewhere.remove(key, sibling)
        self._weigh(key)
        here = self._tenant_here(key)
        if here is not None:
            self._follow_tenant(key, before)
        elif before is not None:
            self.watchers.gone(key, before)
            self._tell_receivers(key, None)

    def close_at_siblings(self, key: bytes) -> None:
        """Have the other workers close a key's connections."""
        for sibling in self._siblings:
            sibling.put_close(key)

    def is_at_sibling(self, key: bytes) -> bool:
        """Whether another worker has a key."""
        return self._sibling_claim(key) is not None

    def _sibling_claim(self, key: bytes) -> Claim | None:
        """That of the worker at which the key was active last."""
        best = self.elsewhere.routes.get(key)
        if best is None or best.forwarder in self._siblings:
            return best
        ours = (claim for claim in self.elsewhere.claims_to(key) if claim.forwarder in self._siblings)
        return max(ours, key=lambda claim: claim.since, default=None)

    def _follow_tenant(self, key: bytes, before: Tenant | None) -> None:
        """What other workers say of a key, which was of the tenant `before`, has changed."""
        best, connection = self._sibling_claim(key), self.registry.current(key)
        if best is None or best.tenant is None or before is None or best.tenant is before:
            return
        if connection is not None:
            ours = (connection.active_since, before.number)
            if (best.since, best.tenant.number) < ours:  # that worker hears of our connection, and ends its own
                return
        self._change_tenant(key, before, best.tenant)

    def _tell_siblings(self, key: bytes) -> None:
        connection = self.registry.current(key)
        if connection is not None:
            for sibling in self._siblings:
                sibling.put_present(connection.identity.present_frame(), connection.active_since, connection.tenant)

    # --- other relays of the region -----------------------------------------------------------------------------------

    def add_mesh_link(self, link: Neighbour) -> None:
        """There is a link to another relay, which will tell us of its clients."""
        self._neighbours[link] = None

    def mesh_present(self, link: Neighbour, key: bytes, since: float, tenant: Tenant | None) -> None:
        """Another relay has a key, active there since then; `tenant`: None if there is no such one here."""
        known = self.elsewhere.claim_of(key, link)
        if known is not None and known.since > since:  # of several connections there
            since = known.since
        self.elsewhere.put(key, Claim(link, since, b"", tenant))
        self._weigh(key)
        if known is not None and known.tenant is not tenant:
            self._tell_soon(key)

    def mesh_gone(self, link: Neighbour, key: bytes) -> bool:
        """Another relay has a key no more. Returns whether it had."""
        return self._forget_claim(link, key)

    def remove_mesh_link(self, link: Neighbour) -> None:
        """The link to another relay is broken: from now on no packet goes there, whatever it has claimed.

        Its claims stay in the tables until they are forgotten one by one, which is work, or a packet asks for the key
        (`find`). Who is to be told that a key has gone learns it then.
        """
        self._neighbours.pop(link, None)
        if self.elsewhere.count_of(link):
            self._broken[link] = list(self.elsewhere.routes)
            self.on_work()

    def tenant_at(self, relay: bytes, src: bytes, otherwise: Tenant) -> Tenant | None:
        """Whose client `src` is at the relay with this public key, which forwards a packet of its.

        None: a tenant's that there is not here, so it reaches nobody; `otherwise` if that relay has not told of it.
        """
        for link in self._neighbours:
            if link.server_key == relay:
                claim = self.elsewhere.claim_of(src, link)
                if claim is not None:
                    return claim.tenant
        return otherwise

    def _forget_some(self) -> bool:
        """Forget some of what broken links have said; returns whether there is more of it."""
        for link, keys in self._broken.items():
            for key in keys[-PIECE:]:
                self._forget_claim(link, key)
            del keys[-PIECE:]
            if not self.elsewhere.count_of(link):
                del self._broken[link]
            break
        return bool(self._broken)

    def _forget_claim(self, link: Neighbour, key: bytes) -> bool:
        if self.elsewhere.claim_of(key, link) is None:
            return False
        self.elsewhere.remove(key, link)
        self._weigh(key)
        self._tell_soon(key)
        return True

    # --- where packets go ---------------------------------------------------------------------------------------------

    def find(self, key: bytes, now: float) -> Claim | None:
        """Who has a key that is not active here, for a packet that was read at `now`.

        If that had been so because of a link that has broken since, the key is active here then.
        """
        for link in self._broken:
            self._forget_claim(link, key)
        claim = self.elsewhere.routes.get(key)
        if claim is None and self._siblings and now != self._caught_up_at:
            self._catch_up(now)
            claim = self.elsewhere.routes.get(key)
        return claim

    def find_here(self, key: bytes, now: float) -> Connection | Claim | None:
        """Who of this relay, all its workers together, gets a packet for a key that another relay has forwarded.

        A connection of ours, also if the key is active at another relay: one hop is all there is.
        """
        connection, claim = self.registry.current(key), self._sibling_claim(key)
        if connection is None and claim is None and self._siblings and now != self._caught_up_at:
            self._catch_up(now)
            claim = self._sibling_claim(key)
        if connection is not None and (claim is None or connection.active_since >= claim.since):
            return connection
        return claim

    def _catch_up(self, now: float) -> None:
        # Before a client may speak its worker has told us of it, but we may not have read that yet.
        self._caught_up_at = now
        for sibling in tuple(self._siblings):
            sibling.catch_up()

    def _weigh(self, key: bytes) -> None:
        """Where is a key active that is here and perhaps elsewhere? At most one of the workers says: here."""
        connection = self.registry.current(key)
        if connection is None:
            return
        claim = self.elsewhere.routes.get(key)
        if claim is not None:
            self.registry.share(key, displaced=claim.since > connection.active_since)
        else:
            self.registry.unshare(key)

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
        if watching != set(self.watchers):
            errors.append(f"{len(self.watchers)} watchers are subscribed, {len(watching)} found")
        errors += self._receivers.consistency_errors(connections)
        for connection in connections:
            if connection.tenant is not self._tenant_here(connection.key):
                errors.append("a key has connections of two tenants")
            for source in connection.sources:
                tenants = {claim.tenant for claim in self.elsewhere.claims_to(source)} | {self._tenant_here(source)}
                if connection.tenant.reaches.isdisjoint(tenants) and tenants != {None}:
                    errors.append(f"{connection.tenant.shown_name} would hear of a stranger")
        return [*errors, *self._errors_elsewhere()]

    def _errors_elsewhere(self) -> list[str]:
        """What does not add up about those keys that others have."""
        errors = self.elsewhere.consistency_errors()
        known = {*self._siblings, *self._neighbours, *self._broken}
        for key in self.elsewhere.routes:
            if any(claim.forwarder not in known for claim in self.elsewhere.claims_to(key)):
                errors.append("a key is at a worker or relay that there is not")
        here_too = set(filter(self.elsewhere.routes.__contains__, self.registry.all_keys()))
        if here_too != self.registry.shared:
            errors.append(f"{len(self.registry.shared)} keys are marked as being elsewhere too, {len(here_too)} are")
        return errors
