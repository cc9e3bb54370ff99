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
from typing import TYPE_CHECKING

from tailhub.certs.files import Certificate
from tailhub.findings import Finding
from tailhub.keys import NodePrivate
from tailhub.net.accept import Acceptor, OnAccept
from tailhub.net.turn_selector import TurnSelector
from tailhub.relay.billing import period_of
from tailhub.relay.steering import Steering
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.foundation import Foundation
from tailhub.server.incoming import accept_pages
from tailhub.server.limits_config import billing_of, quotas_of
from tailhub.server.listeners import BoundListeners, parse_listeners
from tailhub.server.rate_config import reload_rate_limit
from tailhub.server.recent_events import RecentEvents
from tailhub.server.service import RelayService
from tailhub.server.state import StateDir
from tailhub.server.steersman import LocalSteersman
from tailhub.server.stun import StunServer
from tailhub.store.location import FILE, parse_location
from tailhub.store.opened import OpenedStore

if TYPE_CHECKING:
    from tailhub.server.acme_keeper import AcmeKeeper
    from tailhub.server.bookkeeping import Bookkeeping
    from tailhub.server.evacuating import Drain
    from tailhub.server.fleet import Fleet
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
    ) -> None:
        """`selector` is the one of the loop that will run this relay; without it writes come a turn later.

        With a `fleet` of workers, which have the public sockets, goes the `foundation` on which they stand too.
        """
        check_config(config)
        self._selector = selector
        self._fleet = fleet
        self.config = config
        self.specs = parse_listeners(config)
        self.on_first_stun: Callable[[str], None] | None = None  # called with the address of the first from outside
        self._acme_tokens: dict[str, bytes] = {}  # what the plain port answers an ACME server
        self._books: Bookkeeping | None = None
        self._acme: AcmeKeeper | None = None
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
            self._serve()
            self._serve_pages()
            self._keep_books()
            self._get_certificates()
            self._notify()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all connections, then close and unlock everything."""
        await self._undo.aclose()

    def reload(self) -> None:
        """Read again what may change while the relay runs: the file of rate limits."""
        self.service.set_rate_limit(reload_rate_limit(self.config, self.context.relay.rate_limit))

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
        self.stun: StunServer | None = None
        if self.listeners.stun is not None:
            self.stun = StunServer(
                self.listeners.stun.sockets, answer_rfc=self.config.stun_rfc, on_first_outside=self._first_stun
            )
            self.stun.muted = self.steersman.steering.muted
            self.stun.start()
            self._undo.callback(self.stun.stop)

    def _verify(self) -> Verification | None:
        """Ask those who know whom to let in: for our own clients, or for those of the workers."""
        if not self.config.asks_verifiers:
            return None
        from tailhub.server.verification import make_verification

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

        loop = asyncio.get_running_loop()
        certificate, public_key = self.service.keeper.served.certificate, self.foundation.public_key.raw
        self.advertised = Advertised(self.config, self.specs, self.listeners, certificate, public_key, self.stun)
        drain = self._make_drain()
        pages = Pages(
            self.config,
            self.service,
            self.foundation,
            self._fleet,
            self.stun,
            self.advertised,
            self._acme_tokens,
            self.verification,
            drain,
        )
        self.pages = pages
        pages.recent = self.recent
        self.context.pages = pages.public
        if self._fleet is not None:
            self._fleet.recent = self.recent
            self._fleet.log_state = lambda: self.context.debug.state
            self._fleet.start(self.context.events, pages.public, self.service.set_rate_limit)
            self._undo.callback(self._fleet.stop)
        listening: dict[socket, OnAccept] = {
            self.foundation.admin_socket: partial(accept_pages, self.context, pages.operator, passing=pages)
        }
        if self.listeners.http is not None:
            respond = partial(accept_pages, self.context, pages.plain.respond)
            listening |= dict.fromkeys(self.listeners.http.sockets, respond)
        acceptor = Acceptor(loop, listening, self.service.make_room)
        acceptor.start()
        self._undo.callback(acceptor.stop)
        pages.start()
        self._undo.push_async_callback(pages.stop)
        resolving = loop.create_task(pages.bootstrap_dns.run())
        self._undo.push_async_callback(_end, resolving)

    def _make_drain(self) -> Drain:
        """What empties the relay when it is asked to."""
        from tailhub.server.evacuating import Drain

        tell = self.service.set_evacuation if self._fleet is None else self._fleet.set_evacuation
        drain = Drain(self.steersman, self.stun, tell)
        self._undo.callback(drain.close)
        return drain

    def _keep_books(self) -> None:
        """Keep in the store what must outlive us, from now on: usage, and who was admitted or refused."""
        if self._store is None:
            return
        from tailhub.server.bookkeeping import Bookkeeping

        billing = billing_of(self.config)
        self._books = books = Bookkeeping(
            self._store,
            self.foundation.public_key.raw.hex()[:16],
            self.verification,
            retention_days=self.config.usage_retention_days,
            period_start=lambda now: period_of(now, billing)[0],
            beside=self.foundation.state.path / FILE,
        )
        books.start()
        self.pages.journal = books.journal
        if self._fleet is not None:
            self._fleet.on_used = books.add_usage
            self._tell_quotas(self._fleet, books)
        else:
            self.service.count_usage(books.add_usage)
            self.service.keep_quotas(books.journal.used)

    def _tell_quotas(self, fleet: Fleet, books: Bookkeeping) -> None:
        """Tell workers how their clients stand by their quotas, where there are any."""
        quotas = quotas_of(self.config, books.journal.used)
        if quotas is not None:
            from tailhub.server.quota_states import tell_states

            tenants = [tenant.tenant for tenant in self.config.tenants]
            telling = tell_states(quotas, tenants, books.journal.keys, fleet.broadcast)
            self._undo.push_async_callback(_end, asyncio.get_running_loop().create_task(telling))

    async def _close_books(self) -> None:
        if self._books is not None:
            await self._books.stop()

    def _get_certificates(self) -> None:
        """Begin to get and renew what an ACME server is to issue."""
        if self.foundation.uses_acme:
            from tailhub.server.acme_keeper import AcmeKeeper

            keeper = self._acme = AcmeKeeper(self.foundation, self._acme_tokens)
            self._undo.push_async_callback(_end, asyncio.get_running_loop().create_task(keeper.run()))

    def _notify(self) -> None:
        """Have the owner told of what is worth it, where somebody is named."""
        if self.config.notifies:
            from tailhub.server.watched import Watched
            from tailhub.server.watchman import watch

            parts = self._fleet, self.stun, self.verification, self._books, self._acme
            watched = Watched(self.config, self.service, self.advertised, *parts)
            watching = watch(self.config, watched, self.foundation.state.path)
            self._undo.push_async_callback(_end, asyncio.get_running_loop().create_task(watching))

    def _first_stun(self, ip: str) -> None:
        if self.on_first_stun is not None:
            self.on_first_stun(self.context.events.shown(ip))

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


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
