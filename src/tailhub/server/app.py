"""The relay as a process: opens everything in the right order, knows everyone, and takes it down again.

Order at start: the foundation (state, key, certificate, sockets); then it listens. What is not needed to listen is
imported and made after that: pages and metrics (`tailhub.server.pages`), the map with its address
(`tailhub.server.advertised`).

With several workers this is the *desk*: it does all of this but serve clients, which come to the workers
(`tailhub.server.worker`), and whoever asks it is told of all of them together (`tailhub.server.fleet`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, Any

from tailhub.certs.files import Certificate
from tailhub.findings import Finding
from tailhub.keys import NodePrivate
from tailhub.net.accept import Acceptor, OnAccept
from tailhub.net.named_tasks import NamedTasks
from tailhub.net.turn_selector import TurnSelector
from tailhub.relay.billing import period_of
from tailhub.relay.steering import Steering
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.foundation import Foundation
from tailhub.server.incoming import accept_pages
from tailhub.server.limits_config import billing_of, quotas_of
from tailhub.server.listeners import BoundListeners, parse_listeners
from tailhub.server.recent_events import RecentEvents
from tailhub.server.reload import changes_access, changes_listeners
from tailhub.server.service import RelayService
from tailhub.server.state import StateDir
from tailhub.server.steersman import LocalSteersman
from tailhub.server.stun import StunServer
from tailhub.store.location import FILE, parse_location
from tailhub.store.opened import OpenedStore

if TYPE_CHECKING:
    from tailhub.server.acme_keeper import AcmeKeeper
    from tailhub.server.bookkeeping import Bookkeeping
    from tailhub.server.draining import Draining
    from tailhub.server.evacuating import Drain
    from tailhub.server.fleet import Fleet
    from tailhub.server.foundation import Standing
    from tailhub.server.notices import NoticeKeeper
    from tailhub.server.reload import ReloadOutcome
    from tailhub.server.reload_orders import DeskReloads
    from tailhub.server.reloading import LoadConfig, Reloads
    from tailhub.server.verification import Verification


class RelayServer:
    """One relay. `start` listens, ``advertised.find_address`` then learns what others call us, `stop` ends it.

    Raises `UsageError` when made with a configuration that cannot be.
    """

    def __init__(
        self,
        config: RelayConfig,
        selector: TurnSelector | None = None,
        *,
        foundation: Foundation | None = None,
        fleet: Fleet | None = None,
        load: LoadConfig | None = None,
    ) -> None:
        """`selector` is the one of the loop that will run this relay; without it writes come a turn later.

        With a `fleet` of workers, which have the public sockets, goes the `foundation` on which they stand too. `load`
        reads the settings anew for a reload; without it, or with a fleet, a reload does not.
        """
        check_config(config)
        self._selector = selector
        self._fleet = fleet
        self.config = config
        self.specs = parse_listeners(config)
        self.on_end: Callable[[], None] = lambda: None  # called when all clients are closed and the process is to end
        self.draining: Draining | None = None  # until it serves
        self.on_first_stun: Callable[[str], None] | None = None  # called with the address of the first from outside
        self._acme_tokens: dict[str, bytes] = {}  # what the plain port answers an ACME server
        self._books: Bookkeeping | None = None
        self._acme: AcmeKeeper | None = None
        self._load = load
        self._reloads: Reloads | None = None
        self._desk_reloads: DeskReloads | None = None  # where there are workers
        self.verification: Verification | None = None
        self.stun: StunServer | None = None
        self._tasks = NamedTasks()
        self._undo = contextlib.AsyncExitStack()
        if foundation is not None:
            self.foundation = foundation

    # --- start and stop -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open state, certificate and sockets, and listen. Raises `FindingError`; nothing is left open then."""
        self.recent = RecentEvents()
        self._undo.callback(self.recent.detach)
        try:
            if self._fleet is None:
                self.foundation = Foundation(self.config, self.specs)
                self._undo.callback(self.foundation.close)
            self._undo.push_async_callback(self._tasks.end)
            self._serve()
            self._serve_pages()
            self._keep_books()
            self._get_certificates()
            self._watch_mesh()
            self._notify()
            self._push_map()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all connections, then close and unlock everything."""
        await self._undo.aclose()

    # --- a reload -----------------------------------------------------------------------------------------------------

    async def reload(self) -> ReloadOutcome:
        """Read the configuration again and go by it. Raises `FindingError`; nothing has changed then."""
        if self._fleet is not None:
            from tailhub.server.reload_orders import DeskReloads

            self._desk_reloads = self._desk_reloads or DeskReloads(self._fleet.supervisor.send)
            return await self._desk_reloads.run()
        from tailhub.server.reloading import Reloads

        self._reloads = self._reloads or Reloads(self.foundation, self._load, self)
        return await self._reloads.run()

    def _supervisor_says(self, message: Any, sockets: list[socket]) -> None:
        from tailhub.server.reload_orders import Obeys, ReloadAnswer

        if isinstance(message, ReloadAnswer):
            if self._desk_reloads is not None:
                self._desk_reloads.answered(message)
        elif self._fleet is not None:
            Obeys(self.foundation, None, self.context.relay, self._fleet.supervisor.send, self).take(message, sockets)

    def follow(self, before: Standing) -> None:
        """Go by what the foundation stands on now; it stood on `before`."""
        config = self.config = self.foundation.config
        self.specs = self.foundation.specs
        self._follow_verifiers(before)
        if self._fleet is None:
            self.service.set_steering(config.steer)
        else:
            self.steersman.steers_refused = config.steer
        self.service.take(before, self.listeners.shares[0] if self._fleet is None else ())
        self._follow_stun(before)
        has_moved = self.advertised.take(config, self.specs, self.listeners, self.stun)
        self.pages.take(before, self.stun, self.verification)
        self._drain.set_stun(self.stun)
        if self.draining is not None:
            self.draining.set_stun(self.stun)
        if has_moved:
            self._tasks.set("finding the address", self.advertised.find_again())
        self._tasks.set("resolving", self.pages.bootstrap_dns.run())
        self._acceptor.take(self._accepting(), lambda: True)
        if self._books is not None:
            self._books.set_retention(config.usage_retention_days)
            self._follow_quotas(self._books)
        if changes_listeners(before.config, config):
            self._get_certificates()
        self._push_map()
        self._watch_mesh()
        self._notify()  # which has learnt what it looks at, and may be another's to tell

    def _follow_verifiers(self, before: Standing) -> None:
        if self.verification is None:
            self.verification = self._verify()
            if self.verification is not None and self._books is not None:
                self._books.set_verification(self.verification)
            return
        if not changes_access(before.config, self.config):
            return
        from tailhub.server.tenant_verifiers import remake_verification

        remake_verification(self.verification, before.config, self.config, self.foundation.policy, self._store)

    def _follow_stun(self, before: Standing) -> None:
        bound = self.listeners.stun
        if self.stun is None:
            self.stun = self._serve_stun()
        elif bound is None:
            self.stun.take(())  # the sockets are closed when all has been taken over
            self.stun.stop()
            self.stun = None
        else:
            self.stun.answer_rfc = self.config.stun_rfc
            if bound is not before.listeners.stun:
                self.stun.take(bound.sockets)

    # --- its parts ----------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Listen for clients: DERP and STUN."""
        listeners = self.listeners.shares[0] if self._fleet is None else ()
        self._undo.push_async_callback(self._close_books)  # after the clients, whose last bytes count too
        self.service = RelayService(self.foundation, listeners, self._selector)
        self._undo.push_async_callback(self.service.stop)
        self.context = self.service.context
        place = parse_location(self.config.store, self.foundation.state.path)
        self._store = OpenedStore(place) if place is not None else None
        self.verification = self._verify()
        self.steersman = self._steer()
        self.stun = self._serve_stun()
        self._undo.callback(lambda: self.stun.stop() if self.stun is not None else None)

    def _serve_stun(self) -> StunServer | None:
        bound = self.listeners.stun
        if bound is None:
            return None
        stun = StunServer(bound.sockets, answer_rfc=self.config.stun_rfc, on_first_outside=self._first_stun)
        stun.muted = self.steersman.steering.muted
        stun.start()
        return stun

    def _verify(self) -> Verification | None:
        """Ask those who know whom to let in: for our own clients, or for those of the workers."""
        if not self.config.asks_verifiers:
            return None
        from tailhub.server.tenant_verifiers import make_verification

        verification = make_verification(self.config, self.foundation.policy, self.context.events, self._store)
        if self._fleet is None:
            self.service.guard(verification)
        else:
            self._fleet.answer_by(verification)
            self._undo.callback(verification.stop)
        return verification

    def _steer(self) -> LocalSteersman:
        """Decide about homes that are not to be here: for our own clients, or for those of the workers."""
        steersman = LocalSteersman(Steering(random.Random()), steers_refused=self.config.steer)
        self._undo.callback(steersman.stop)
        if self._fleet is None:
            self.service.steer(steersman)
        else:
            self._fleet.steer_by(steersman)
        return steersman

    def _serve_pages(self) -> None:
        """Listen for everything else: the small pages, the plain port, the operator."""
        from tailhub.server.advertised import Advertised
        from tailhub.server.pages import Pages

        certificate, public_key = self.service.keeper.served.certificate, self.foundation.public_key.raw
        self.advertised = Advertised(self.config, self.specs, self.listeners, certificate, public_key, self.stun)
        drain = self._drain = self._make_drain()
        self.pages = pages = Pages(
            self.config,
            self.service,
            self.foundation,
            self._fleet,
            self.stun,
            self.advertised,
            self._acme_tokens,
            self.verification,
            drain,
            self._make_draining(),
            self._keep_notices(),
            self.reload,
        )
        pages.recent = self.recent
        self.context.pages = pages.public
        if self._fleet is not None:
            self._fleet.recent = self.recent
            self._fleet.log_state = lambda: self.context.debug.state
            self._fleet.start(self.context.events, pages.public, self._supervisor_says)
            self._undo.callback(self._fleet.stop)
        self._acceptor = Acceptor(asyncio.get_running_loop(), self._accepting(), self.service.make_room)
        self._acceptor.start()
        self._undo.callback(self._acceptor.stop)
        pages.start()
        self._undo.push_async_callback(pages.stop)
        self._tasks.set("resolving", pages.bootstrap_dns.run())

    def _accepting(self) -> dict[socket, OnAccept]:
        """What becomes of connections that are not for the public port."""
        pages = self.pages
        listening: dict[socket, OnAccept] = {
            self.foundation.admin_socket: partial(accept_pages, self.context, pages.operator, passing=pages)
        }
        if self.listeners.http is not None:
            respond = partial(accept_pages, self.context, pages.plain)
            listening |= dict.fromkeys(self.listeners.http.sockets, respond)
        return listening

    def _make_drain(self) -> Drain:
        """What has clients move to another region when it is asked to."""
        from tailhub.server.evacuating import Drain
        from tailhub.server.steering_desk import EvacuationPhase

        fleet = self._fleet
        tell = self.service.set_evacuation if fleet is None else lambda phase: fleet.establish(EvacuationPhase(phase))
        drain = Drain(self.steersman, self.stun, tell)
        self._undo.callback(drain.close)
        return drain

    def _make_draining(self) -> Draining:
        """What closes all clients before the end."""
        from tailhub.server.draining import Draining
        from tailhub.server.fleet_messages import ClosingTimeHolds

        fleet = self._fleet

        async def connections() -> int:
            if fleet is None:
                return len(self.context.derp_connections)
            await fleet.counted()
            return fleet.clients

        tell = self.service.set_closing_time if fleet is None else lambda time: fleet.establish(ClosingTimeHolds(time))
        draining = Draining(self.stun, tell, connections)
        draining.on_end = self._drained
        self._undo.callback(draining.close)
        self.draining = draining
        return draining

    def _drained(self) -> None:
        """All clients are closed: the process is to end, or all processes."""
        if self._fleet is None or not self._fleet.end_relay():
            self.on_end()

    def _keep_notices(self) -> NoticeKeeper:
        """What users are told by the operator."""
        from tailhub.server.fleet_messages import NoticesHold
        from tailhub.server.notices import NoticeKeeper

        fleet = self._fleet
        tell = self.service.set_notices if fleet is None else lambda notices: fleet.establish(NoticesHold(notices))
        keeper = NoticeKeeper(self.foundation.state.path, tell)
        self._undo.callback(keeper.close)
        return keeper

    def _keep_books(self) -> None:
        """Keep in the store what must outlive us, from now on: usage, and who was admitted or refused."""
        if self._store is None:
            return
        from tailhub.server.bookkeeping import Bookkeeping

        self._books = books = Bookkeeping(
            self._store,
            self.foundation.public_key.raw.hex()[:16],
            self.verification,
            retention_days=self.config.usage_retention_days,
            period_start=lambda now: period_of(now, billing_of(self.config))[0],
            beside=self.foundation.state.path / FILE,
        )
        books.start()
        self.pages.journal = books.journal
        if self._fleet is not None:
            self._fleet.on_used = books.add_usage
        else:
            self.service.count_usage(books.add_usage)
        self._follow_quotas(books)

    def _follow_quotas(self, books: Bookkeeping) -> None:
        """Hold clients to the quotas that there are now, or tell workers how theirs stand by them."""
        if self._fleet is None:
            self.service.keep_quotas(books.journal.used)
            return
        quotas = quotas_of(self.config, books.journal.used)
        telling = None
        if quotas is not None:
            from tailhub.server.quota_states import tell_states

            tenants = [tenant.tenant for tenant in self.config.tenants]
            telling = tell_states(quotas, tenants, books.journal.keys, self._fleet.broadcast)
        self._tasks.set("telling quotas", telling)

    async def _close_books(self) -> None:
        if self._books is not None:
            await self._books.stop()

    def _get_certificates(self) -> None:
        """Begin, perhaps anew, to get and renew what an ACME server is to issue."""
        getting = self._acme = None
        if self.foundation.uses_acme:
            from tailhub.server.acme_keeper import AcmeKeeper

            keeper = self._acme = AcmeKeeper(self.foundation, self._acme_tokens)
            getting = keeper.run()
        self._tasks.set("getting certificates", getting)

    def _notify(self) -> None:
        """Have the owner told of what is worth it, where somebody is named; perhaps anew."""
        watching = None
        if self.config.notifies:
            from tailhub.server.watched import Watched
            from tailhub.server.watchman import watch

            parts = self._fleet, self.stun, self.verification, self._books, self._acme, self.pages.mesh
            watched = Watched(self.config, self.service, self.advertised, *parts)
            watching = watch(self.config, watched, self.foundation.state.path)
        self._tasks.set("watching", watching)

    def _watch_mesh(self) -> None:
        """Have operators see the mesh, where there is a mesh key."""
        if self.config.mesh_key_file is None:
            self.pages.mesh = None
            self._tasks.set("watching the mesh", None)
        elif self.pages.mesh is None:
            from tailhub.server.mesh.watch import watch_mesh

            self.pages.mesh = watch_mesh(self.service, self._fleet)
            self._tasks.set("watching the mesh", self.pages.mesh.run())

    def _push_map(self) -> None:
        """Keep the relay's region up to date where clients get their map from, if told so; perhaps anew."""
        pushing = None
        if self.config.push_map_to:
            from tailhub.server.map_keeper import MapKeeper
            from tailhub.server.push_config import destination_of
            from tailhub.web.operator_pages import MapView

            if (destination := destination_of(self.config)) is not None:
                derp_map = partial(self.advertised.derp_map, MapView.PUBLIC)
                pushing = MapKeeper(derp_map, destination, self.foundation.state.path).run()
        self._tasks.set("pushing the map", pushing)

    def _first_stun(self, ip: str) -> None:
        self.pages.first_stun = self.context.events.shown(ip)
        if self.on_first_stun is not None:
            self.on_first_stun(self.pages.first_stun)

    # --- what others ask it -------------------------------------------------------------------------------------------

    @property
    def notes(self) -> list[Finding]:
        """Findings for the first screen."""
        return self.foundation.notes

    @property
    def listeners(self) -> BoundListeners:
        """The sockets that listen."""
        return self.foundation.listeners

    @property
    def certificate(self) -> Certificate | None:
        """The one that clients get now on the first listener; None when a proxy in front has it."""
        return self.service.keeper.served.certificate()

    @property
    def state(self) -> StateDir:
        """The state directory."""
        return self.foundation.state

    @property
    def private_key(self) -> NodePrivate:
        """The relay's key."""
        return self.foundation.private_key
