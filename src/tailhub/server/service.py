"""Serving DERP clients on the public port: what a relay does in one process, and each of its workers in its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, cast

from tailhub.derp import frames
from tailhub.net.accept import Acceptor, OnAccept, acceptance
from tailhub.net.bind import BoundSockets
from tailhub.net.crowd import Crowd
from tailhub.net.pace import Pace
from tailhub.net.receiver import ReadBuffers
from tailhub.net.turn_selector import TurnSelector
from tailhub.net.write_watch import WriteWatch
from tailhub.relay.evacuation import Phase
from tailhub.relay.health import Health, Notice
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueueLimits
from tailhub.relay.usage import UsageRow
from tailhub.server.certificate_keeper import CertificateKeeper
from tailhub.server.client_teller import ClientTeller
from tailhub.server.context import ServerContext
from tailhub.server.events import Events
from tailhub.server.foundation import Foundation, Standing
from tailhub.server.fronts import Front, front_of
from tailhub.server.incoming import accept_public, set_tcp_options
from tailhub.server.limits_config import address_limit, has_refusing_limits, quotas_of
from tailhub.server.listeners import kept_listeners
from tailhub.server.newcomers import MAX_NEWCOMERS, Newcomers
from tailhub.server.passthrough import Passthrough
from tailhub.server.presence_work import PresenceWork
from tailhub.server.rate_config import apply_limits
from tailhub.server.reload import changes_access, changes_tenants
from tailhub.server.steersman import SteeredLogin, Steersman
from tailhub.server.tenant_checks import tenant_pairs
from tailhub.server.turn import Turn
from tailhub.server.usage_gatherer import UsageGatherer
from tailhub.web.message import text

if TYPE_CHECKING:
    from tailhub.relay.closing import ClosingTime
    from tailhub.relay.quota import Quotas, QuotaState, UsedBytes
    from tailhub.server.door import DoorWays
    from tailhub.server.draining import ClientCloser
    from tailhub.server.evacuating import HomeCloser
    from tailhub.server.gatekeeper import Gatekeeper
    from tailhub.server.mesh.mesh import Mesh

MAX_CALLERS = 256  # connections to the operator's listeners and the plain port


class RelayService:
    """Made in the loop that runs it, on the sockets of `listeners`, in the configuration's order (none: nobody comes).

    `share` is how many workers share what is limited for the relay as a whole; `number` tells them apart.
    """

    def __init__(
        self,
        foundation: Foundation,
        listeners: Sequence[BoundSockets],
        selector: TurnSelector | None,
        share: int = 1,
        number: int = 0,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._foundation = foundation
        self._share = share
        self._number = number
        config = foundation.config
        self._undo = contextlib.ExitStack()
        self._gatherer: UsageGatherer | None = None
        self._is_only_told = False  # counts only because somebody looks just now
        public_key = foundation.public_key
        self.keeper = keeper = CertificateKeeper(foundation, logs=share == 1)
        relay = _make_relay(foundation, share, number)
        events = Events(loop, shows_addresses=config.log_addresses)
        events.counts_outside = config.notifies
        fronts = [front_of(listener) for listener in foundation.config.listeners]
        self._passthrough = Passthrough(loop, events) if any(front.routes is not None for front in fronts) else None
        self.context = ServerContext(
            loop=loop,
            relay=relay,
            private_key=foundation.private_key,
            public_key=public_key.raw,
            server_key_frame=frames.server_key(public_key.raw),
            policy=foundation.policy,
            choose_tls=keeper.served.context_for,
            pages=lambda request: text(503, "starting"),
            buffers=ReadBuffers(),
            watch=WriteWatch(loop),
            crowd=Crowd(loop),
            turn=Turn(loop, selector, Pace(lambda: relay.stats.packets_received)),
            newcomers=Newcomers(loop, MAX_NEWCOMERS // share),
            callers=Newcomers(loop, MAX_CALLERS),
            events=events,
            fronts=fronts,
            has_certificate=keeper.served.has_name,
            passthrough=self._passthrough,
            health=Health(keeper.texts),
            quiet=config.quiet,
            tcp_keepalive_s=config.tcp_keepalive_s,
            tcp_user_timeout_s=config.tcp_user_timeout_s,
            client_write_timeout_s=config.write_timeout_s,
            sources=address_limit(config, share),
        )
        self.context.debug.tells_ends = share == 1
        self._answer_acme()
        self._home_closer: HomeCloser | None = None
        self._client_closer: ClientCloser | None = None
        self._teller = ClientTeller(self.context)
        self._undo.callback(self._teller.stop)
        self._undo.callback(PresenceWork(loop, relay.presence).stop)
        keeper.on_texts = self._teller.tell
        self._undo.callback(self._close_connections)
        self.acceptor = self._accept(listeners, share)
        self._undo.callback(self.acceptor.stop)
        self._keeping = loop.create_task(keeper.run())
        self._guard_limits()
        self.mesh: Mesh | None = None  # where other relays are named
        self._has_clients = bool(listeners)  # the desk has none, and nothing to forward
        self._follow_mesh()

    def _answer_acme(self) -> None:
        if self._foundation.uses_acme:
            from tailhub.server.acme_files import challenge_context

            self.context.answer_acme = partial(challenge_context, self._foundation.state.path)

    def _guard_limits(self) -> None:
        """Where nobody is asked, there may still be somebody who must wait at the door."""
        config = self._foundation.config
        if self.context.door is None and has_refusing_limits(config) and not config.asks_verifiers:
            from tailhub.server.everyone import Everyone

            self.guard(Everyone(self.context.loop))

    def _accept(self, listeners: Sequence[BoundSockets], share: int) -> Acceptor:
        """Let clients in."""
        on_accept, admits = self._accepting(listeners, share)
        acceptor = Acceptor(self.context.loop, on_accept, self.make_room, self._has_room, admits)
        acceptor.start()
        return acceptor

    def _accepting(
        self, listeners: Sequence[BoundSockets], share: int
    ) -> tuple[dict[socket, OnAccept], Callable[[], bool]]:
        """What becomes of connections to each listener, and whether one more may come."""
        config = self._foundation.config
        for listener in listeners:
            if not listener.is_unix:
                for sock in listener.sockets:
                    set_tcp_options(sock, config.tcp_keepalive_s, config.tcp_user_timeout_s)
        on_accept: dict[socket, OnAccept] = {
            sock: partial(accept_public, self.context, number)
            for number, listener in enumerate(listeners)
            for sock in listener.sockets
        }
        return on_accept, acceptance(config.accept_limit / share, config.accept_burst / share, self.context.loop.time)

    # --- other relays of the region -----------------------------------------------------------------------------------

    def _follow_mesh(self) -> None:
        """Keep links to the relays that the settings name. Not where no client comes, as at the desk of workers."""
        named = self._foundation.config.mesh_with if self._has_clients else ()
        if self.mesh is None:
            if not named:
                return
            from tailhub.server.mesh.mesh import Mesh

            self.mesh = Mesh(self.context, logs=self._number == 0)
            self._undo.callback(self.mesh.stop)
        self.mesh.take(named, self._foundation.policy.mesh_keys)

    # --- a reload -----------------------------------------------------------------------------------------------------

    def take(self, before: Standing, listeners: Sequence[BoundSockets]) -> None:
        """Serve by what the foundation stands on now, on the sockets of these `listeners`; it stood on `before`."""
        foundation, context, config = self._foundation, self.context, self._foundation.config
        self.keeper.take(foundation)
        fronts = [front_of(listener) for listener in config.listeners]
        if self._passthrough is None and any(front.routes is not None for front in fronts):
            self._passthrough = context.passthrough = Passthrough(context.loop, context.events)
        self._renumber(kept_listeners(before.specs, foundation.specs).public, fronts)
        self.acceptor.take(*self._accepting(listeners, self._share))
        self._has_clients = bool(listeners)
        context.policy = foundation.policy
        self._end_own_probes()
        self._end_mesh_peers()
        context.quiet = config.quiet
        context.tcp_keepalive_s, context.tcp_user_timeout_s = config.tcp_keepalive_s, config.tcp_user_timeout_s
        context.client_write_timeout_s = config.write_timeout_s
        context.events.shows_addresses = config.log_addresses
        context.events.counts_outside = config.notifies
        self._answer_acme()
        old = before.config
        if (old.address_rate, old.address_burst) != (config.address_rate, config.address_burst):
            context.sources = address_limit(config, self._share)
        if changes_tenants(old, config):
            names = [tenant.tenant for tenant in config.more_tenants]
            context.relay.set_tenants(names, tenant_pairs(config.tenants))
        apply_limits(context, foundation.limits.share(self._share))
        self._guard_limits()
        self._follow_mesh()
        if context.door is not None:
            context.door.set_ways(**self._ways())
            context.door.look_after_all(also_here=changes_access(old, config))

    def _end_own_probes(self) -> None:
        """Close those of the relay's own probe that are not let in any more."""
        for connection in list(self.context.relay.registry):
            if connection.identity.is_own_probe and connection.key not in self.context.policy.probe_keys:
                connection.sink.close("the relay's own probe is switched off")

    def _end_mesh_peers(self) -> None:
        """Close the mesh peers whose mesh key is not ours any more."""
        marks = {key.mark for key in self.context.policy.mesh_keys}
        for connection in list(self.context.relay.registry):
            if connection.identity.is_mesh and connection.identity.mesh_mark not in marks:
                connection.sink.close("its mesh key is not this relay's any more")

    def _renumber(self, numbers: Sequence[int | None], fronts: Sequence[Front]) -> None:
        """Listeners have other numbers: each the one at the place of its old one in `numbers`."""
        context = self.context
        moved = {before: number for number, before in enumerate(numbers) if before is not None}
        context.fronts = fronts
        for newcomer in list(context.newcomers):
            if newcomer.listener in moved:
                newcomer.listener = moved[newcomer.listener]
            else:
                newcomer.stream.abort("its listener was taken away")
        for connection in context.derp_connections:
            connection.listener = moved.get(connection.listener, -1)

    def _ways(self) -> DoorWays:
        """How those are treated who may not come in. Many who are held must leave descriptors for those who may."""
        config = self._foundation.config
        most_held = min(config.held_connections, self._foundation.most_connections // 4)
        return {"holds": config.refuse == "hold", "text": config.refuse_text, "most_held": most_held}

    # --- what else it may be asked to do ------------------------------------------------------------------------------

    def guard(self, gatekeeper: Gatekeeper) -> None:
        """Ask this one about whoever logs in from now on."""
        if (door := self.context.door) is not None:
            door.set_gatekeeper(gatekeeper)
            return
        from tailhub.server.door import Door  # which a relay for everyone needs not

        door = self.context.door = Door(self.context, gatekeeper, share=self._share, **self._ways())
        self._undo.callback(door.stop)

    def keep_quotas(self, used: UsedBytes) -> None:
        """Hold clients to their quotas, where there are any; `used` tells what has been used in this billing period."""
        quotas = quotas_of(self._foundation.config, used)
        if quotas is not None:
            self.keep(quotas, lambda tenant, key: quotas.state_of(tenant, key, time.time()))
        elif self.context.quota is not None:
            self.end_quotas()

    def keep(self, quotas: Quotas, state_of: Callable[[str, bytes], QuotaState]) -> None:
        """Hold clients to these quotas from now on; `state_of` says how a key of a tenant stands."""
        from tailhub.server.quota_keeper import QuotaKeeper

        if self.context.quota is not None:
            self.context.quota.set_rules(state_of, quotas.text)
            return
        keeper = self.context.quota = QuotaKeeper(self.context, state_of, quotas.text)
        self._undo.callback(self.context.loop.create_task(keeper.run()).cancel)

    def end_quotas(self) -> None:
        """There are none any more: at the next look everyone is let off."""
        from tailhub.relay.quota import FINE

        if self.context.quota is not None:
            self.context.quota.set_rules(lambda tenant, key: FINE, lambda state: "")

    def count_usage(
        self, deliver: Callable[[Sequence[UsageRow]], None], is_heard: Callable[[], bool] = lambda: True
    ) -> None:
        """From now on count what each client uses.

        `deliver` learns of it every few seconds, and at the end; while it is not heard what there is to say waits.
        """
        self._gatherer = UsageGatherer(self.context.relay, deliver, is_heard)
        self._gathering = self.context.loop.create_task(self._gatherer.run())
        self._undo.callback(self._gathering.cancel)

    async def tell_usage(self, listener: Callable[[Sequence[UsageRow]], None]) -> None:
        """Gather what clients have used up to now, and tell this listener too, until `stop_telling_usage`."""
        gatherer = self._gatherer
        if gatherer is None:  # nobody counts: begin with it, and let the past be
            gatherer = self._gatherer = UsageGatherer(self.context.relay, lambda rows: None, lambda: True)
            self._is_only_told = True
        else:
            gatherer.listener = listener
        await gatherer.gather()
        gatherer.listener = listener

    def stop_telling_usage(self) -> None:
        """Nobody listens any more."""
        gatherer = self._gatherer
        if gatherer is not None:
            gatherer.listener = None
        if gatherer is not None and self._is_only_told:
            gatherer.end()
            self._gatherer, self._is_only_told = None, False

    def steer(self, steersman: Steersman) -> None:
        """Have this one decide about homes that are not to be here."""
        self.context.steersman = steersman
        # Connections of clients are what logins are for a steersman.
        self.context.relay.on_guest_home = lambda guest: steersman.noted(cast(SteeredLogin, guest.sink), True)

    def set_steering(self, steers_refused: bool) -> None:
        """From now on, whether refused logins are brought to the steersman: he must know who is here then."""
        steersman = self.context.steersman
        if steersman is None or steersman.steers_refused == steers_refused:
            return
        steersman.steers_refused = steers_refused
        for identity in [one.identity for one in self.context.relay.registry if one.identity.is_served]:
            if steers_refused:
                steersman.came(identity.key, identity.address)
            else:
                steersman.went(identity.address)

    def set_evacuation(self, phase: Phase | None) -> None:
        """How far the evacuation of the relay is; None: there is none."""
        steersman = self.context.steersman
        if steersman is None:
            return
        if self._home_closer is None:
            from tailhub.server.evacuating import HomeCloser

            self._home_closer = HomeCloser(self.context, steersman)
            self._undo.callback(self._home_closer.stop)
        self._home_closer.set_phase(phase)

    def set_notices(self, notices: Sequence[Notice]) -> None:
        """Tell clients these, and no others."""
        self.context.health.set_notices(notices)
        self._teller.tell()

    def set_closing_time(self, time: ClosingTime | None) -> None:
        """Close all clients by the end of this time, and take nobody; None: serve everyone again."""
        if time is None and self._client_closer is None:
            return
        from tailhub.server.draining import TEXT, ClientCloser

        if self._client_closer is None:
            self._client_closer = ClientCloser(self.context)
            self._undo.callback(self._client_closer.stop)
        was_draining, self.context.health.drain = bool(self.context.health.drain), TEXT if time is not None else ""
        self._teller.tell()
        if time is not None:
            # Where there are other nodes, who is refused is served by the next one at once.
            is_node = bool(self._foundation.config.mesh_with)
            self.acceptor.pause(refuse=is_node and self._foundation.may_refuse)
            self._client_closer.begin(time, is_node=is_node)
        elif was_draining:
            self._client_closer.stop()
            self.acceptor.resume()

    async def stop(self) -> None:
        """Accept nobody any more and end all connections."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        self._undo.close()
        if self._gatherer is not None:
            self._gatherer.finish()
        if self._passthrough is not None:
            await self._passthrough.stop()

    def make_room(self) -> bool:
        """Descriptors have run out: close a connection that is not logged in. Returns whether there was one."""
        self.context.events.out_of_descriptors()
        door = self.context.door
        return self.context.newcomers.give_way("out of file descriptors") or (door is not None and door.give_way())

    def _has_room(self) -> bool:
        passed_on = 2 * len(self._passthrough) if self._passthrough is not None else 0
        held = len(self.context.door.held) if self.context.door is not None else 0
        here = self.context.relay.registry.count + len(self.context.newcomers) + held
        return here + passed_on < self._foundation.most_connections

    def _close_connections(self) -> None:
        context = self.context
        context.newcomers.close_all("relay stops")
        context.callers.close_all("relay stops")
        for connection in list(context.derp_connections):
            connection.abort("relay stops")
        context.events.stop()
        context.debug.stop()


def _make_relay(foundation: Foundation, share: int, number: int) -> Relay:
    """What decides, with the limits of one of `share` workers; ids of connections of worker `number` are its own."""
    config, limits = foundation.config, QueueLimits()
    relay = Relay(
        replace(limits, total_bytes=limits.total_bytes // share),
        own_key=foundation.public_key.raw,
        first_connection_id=number << 40,
    )
    relay.tenants.know(foundation.known_tenants)  # in this order, which all workers have
    relay.set_tenants([tenant.tenant for tenant in config.more_tenants], tenant_pairs(config.tenants))
    relay.accounts.limits = foundation.limits.share(share)
    return relay
