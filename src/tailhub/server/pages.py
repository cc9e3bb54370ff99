"""The pages of one relay, each with what it shows: the public port's, the plain port's, the operator's.

Of the operator's the relay makes only what is light and must be there (`tailhub.web.operator_pages`, and the calls of
its own part of the API); for all others there is a process (`tailhub.server.pages_process`), which asks the relay for
what they show (`tailhub.server.feed`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from socket import socket
from typing import TYPE_CHECKING, Final

import tailhub
from tailhub.admin.handover import MAX_HEAD_BYTES
from tailhub.keys import NodePublic
from tailhub.net.accept import Acceptor
from tailhub.server.advertised import Advertised
from tailhub.server.bootstrap_dns import BootstrapDNS
from tailhub.server.config import RelayConfig
from tailhub.server.discover import resolve
from tailhub.server.foundation import Foundation, Standing
from tailhub.server.incoming import accept_pages
from tailhub.server.operator_values import operator_values, readiness
from tailhub.server.pages_process import CANNOT_SHOW, Conversation, PagesProcess
from tailhub.server.service import RelayService
from tailhub.server.snapshot import ServiceSnapshot, sum_values, take_snapshot
from tailhub.server.stun import StunServer
from tailhub.tailcfg.derpmap import DERPMap, serialize_json
from tailhub.web.debug import DebugSources, TrafficRow
from tailhub.web.message import Request, Response, text
from tailhub.web.metrics import MetricValues
from tailhub.web.operator_pages import MapView, OperatorPages, OperatorSources
from tailhub.web.pages import PublicPages, PublicSources
from tailhub.web.plain import PlainPages
from tailhub.web.public_settings import PublicSettings

if TYPE_CHECKING:
    from tailhub.admin.event_row import EventRow
    from tailhub.findings import Finding
    from tailhub.relay.refusals import Here
    from tailhub.server.client_feed import Tell
    from tailhub.server.draining import Draining
    from tailhub.server.evacuating import Drain
    from tailhub.server.fleet import Fleet
    from tailhub.server.mesh.watch import MeshWatch
    from tailhub.server.notices import NoticeKeeper
    from tailhub.server.recent_events import RecentEvents
    from tailhub.server.reload import ReloadOutcome
    from tailhub.server.verification import Verification
    from tailhub.store.journal import Journal
    from tailhub.web.operator_api import OperatorApi

API: Final = b"/api/v1/"  # begins the paths of the operator's calls
QUOTAS_EVERY_S: Final = 3.0  # so often it is looked how far they are used, if somebody wants to know


class Pages:
    """Made once, after the relay listens. With a `fleet` numbers are those of all workers, asked for each time.

    It is what passes requests on, too (`tailhub.server.http_connection.Passing`).
    """

    max_head_bytes = MAX_HEAD_BYTES

    def __init__(
        self,
        config: RelayConfig,
        service: RelayService,
        foundation: Foundation,
        fleet: Fleet | None,
        stun: StunServer | None,
        advertised: Advertised,
        acme_tokens: Mapping[str, bytes],
        verification: Verification | None,
        drain: Drain,
        draining: Draining,
        notices: NoticeKeeper,
        reload: Callable[[], Awaitable[ReloadOutcome]],
    ) -> None:
        self._service = service
        self._foundation = foundation
        self._fleet = fleet
        self._stun = stun
        self._advertised = advertised
        self._started_unix_s = time.time()
        self._bootstrap_dns_requests = 0
        self._acme_tokens = acme_tokens
        self._set(config)
        # An answer shows that the loop is alive. Nothing that grows with the number of clients: this is asked often.
        self._operator = OperatorPages(OperatorSources(self._health, self._map_json))
        self._verification = verification
        self._drain = drain
        self._draining = draining
        self._notices = notices
        self._reload = reload
        self.journal: Journal | None = None  # set once books are kept
        self._quotas: Mapping[str, object] = {}  # as they were told last
        self._quotas_at = -QUOTAS_EVERY_S
        self.recent: RecentEvents | None = None  # the last lines of the log
        self.mesh: MeshWatch | None = None  # where there is a mesh key
        self.first_stun = ""  # the address of the first from outside that asked
        self._api: OperatorApi | None = None
        if verification is not None:  # whose decisions are remembered
            self._make_api()
        admin = foundation.listeners.admin
        sockets = admin.sockets if admin is not None else ()
        self._process = PagesProcess(sockets, self.converse, self._refuse)

    def _set(self, config: RelayConfig) -> None:
        self._config = config
        self.bootstrap_dns = BootstrapDNS(config.bootstrap_dns_names, resolve, config.unpublished_bootstrap_dns_names)
        debug = DebugSources(values=self._values, faults=self._faults, traffic=self._traffic, facts=self._facts)
        sources = PublicSources(bootstrap_dns=self._bootstrap_answers, debug=debug)
        self._public = PublicPages(PublicSettings(config.home, config.quiet), sources)
        self._plain = PlainPages(self._advertised.derp_port or 443, self._acme_tokens)

    def take(self, before: Standing, stun: StunServer | None, verification: Verification | None) -> None:
        """Show what there is now. The foundation and the advertised address have been told already."""
        known, config = self.bootstrap_dns, self._foundation.config
        self._set(config)
        if known.names == self.bootstrap_dns.names:
            self.bootstrap_dns = known
        self._stun = stun
        if verification is not self._verification:
            self._verification, self._api = verification, None
            self._make_api()
        admin = self._foundation.listeners.admin
        if admin is not before.listeners.admin:
            self._process.set_listeners(admin.sockets if admin is not None else ())

    def plain(self, request: Request) -> Response:
        """Answer on the plain port."""
        return self._plain.respond(request)

    def start(self) -> None:
        """From now on the process of the operator's pages is started when somebody asks for one."""
        self._process.start()

    async def stop(self) -> None:
        """End that process."""
        await self._process.stop()

    def public(self, request: Request) -> Response | asyncio.Future[Response]:
        """Answer on the public port."""
        if self._fleet is not None and request.path.startswith(b"/debug"):
            return self._fleet.after_counting(lambda: self._public.respond(request))
        return self._public.respond(request)

    # --- the operator's -----------------------------------------------------------------------------------------------

    def operator(self, request: Request) -> Response | asyncio.Future[Response]:
        """Answer on the unix socket what is not passed on."""
        if self._operator.has(request):
            return self._operator.respond(request)
        if self._is_own_call(request):
            response = self._make_api().respond(request)
            return response if isinstance(response, Response) else asyncio.ensure_future(response)
        return text(503, CANNOT_SHOW)

    def wants(self, request: Request) -> bool:
        """Is this request for the process of the operator's pages?"""
        return self._process.can_show and not self._operator.has(request) and not self._is_own_call(request)

    def pass_on(self, descriptor: int, data: bytes) -> bool:
        """Have it go on with a connection, of which `data` has been read."""
        return self._process.pass_on(descriptor, data)

    def _is_own_call(self, request: Request) -> bool:
        return request.path_and_query.startswith(API) and self._make_api().has(request)

    def _refuse(self, sockets: Sequence[socket]) -> Callable[[], None]:
        """Answer 503 to whoever connects there, until what is returned is called."""
        context = self._service.context
        on_accept = partial(accept_pages, context, lambda request: text(503, CANNOT_SHOW, [(b"connection", b"close")]))
        acceptor = Acceptor(context.loop, dict.fromkeys(sockets, on_accept), self._service.make_room)
        acceptor.start()
        return acceptor.stop

    def converse(self, send: Tell) -> Conversation:
        """Answer a process of the operator's pages that has been started."""
        from tailhub.server.feed import Feed, FeedSources

        if self._fleet is not None:
            clients, stop_clients = self._fleet.tell, self._fleet.stop_telling
        else:
            from tailhub.server.client_feed import ClientFeed

            feed = ClientFeed(self._service)
            clients, stop_clients = feed.tell, feed.close
        sources = FeedSources(
            self._counted_values, clients, stop_clients, self._all_facts, self._events_after, self._make_api
        )
        return Feed(sources, send)

    # --- the operator's calls -----------------------------------------------------------------------------------------

    def _make_api(self) -> OperatorApi:
        if self._api is not None:
            return self._api
        from tailhub.server.audit import AUDIT_FILE, AuditLog
        from tailhub.server.own_calls import BehindCalls, own_routes
        from tailhub.web.operator_api import OperatorApi

        audit, context = AuditLog(self._foundation.state.path / AUDIT_FILE), self._service.context
        behind = BehindCalls(
            verification=self._verification,
            drain=self._drain,
            draining=self._draining,
            notices=self._notices,
            tenants=context.relay.tenants,
            debug=context.debug,
            audit=audit,
            now=context.loop.time,
            who_is_here=self._who_is_here,
            traffic=self._traffic_now,
            disconnect=self._disconnect,
            tell_log_state=self._tell_workers,
            reload=self._reload,
            foundation=self._foundation,
            values=self._counted_values,
            notes=self._notes,
            first_stun=lambda: self.first_stun,
            mesh=lambda: self.mesh,
        )
        self._api = OperatorApi(own_routes(behind), audit.note)
        return self._api

    def _notes(self) -> list[Finding]:
        """What is doubtful about how we stand and how others find us."""
        discovery = self._advertised.discovery
        return [*self._foundation.notes, *(discovery.notes if discovery is not None else ())]

    def _tell_workers(self, message: object) -> None:
        if self._fleet is not None:
            self._fleet.broadcast(message)

    async def _who_is_here(self) -> Here:
        from tailhub.relay.refusals import Here

        if self._fleet is not None:
            await self._fleet.counted(traffic=True)
        snapshots = self._snapshots(traffic=True)
        rows = [row for snapshot in snapshots for row in snapshot.traffic]
        connected = {NodePublic.parse(row.key).raw: row.address for row in rows}
        return Here(connected, frozenset(key for snapshot in snapshots for key in snapshot.held))

    async def _traffic_now(self) -> list[TrafficRow]:
        if self._fleet is not None:
            await self._fleet.counted(traffic=True)
        return self._traffic()

    async def _disconnect(self, key: bytes, reason: str) -> int:
        if self._fleet is None:
            return self._service.context.relay.close_peer(key, reason)
        from tailhub.server.fleet_messages import Disconnect

        shown = str(NodePublic(key))
        count = sum(row.key == shown for row in await self._traffic_now())
        self._fleet.broadcast(Disconnect(key, reason))
        return count

    # --- what they show -----------------------------------------------------------------------------------------------

    def _snapshots(self, *, traffic: bool = False) -> list[ServiceSnapshot]:
        own = take_snapshot(self._service, traffic=traffic)
        if self._fleet is None:
            return [own]
        return [own, *(self._fleet.traffic if traffic else self._fleet.snapshots)]

    async def _counted_values(self) -> MetricValues:
        if self._fleet is not None:
            await self._fleet.counted()
        return self._values()

    def _values(self) -> MetricValues:
        from tailhub.server.facts import drain_facts

        stun = self._stun
        past = [self._fleet.past] if self._fleet is not None else []
        values = dict(sum_values([*(snapshot.values for snapshot in self._snapshots()), *past]))
        values["info"] = {(tailhub.__version__,): 1}
        values["start_unix_s"] = self._started_unix_s
        values["uptime_s"] = time.time() - self._started_unix_s
        values.update(operator_values(self._config, self._service, self._verification, self.journal))
        values.update(readiness(drain_facts(self._drain, self._draining), self._health()))
        values["bootstrap_dns_requests"] = self._bootstrap_dns_requests
        values["workers"] = self._fleet.count if self._fleet is not None else 1
        values["worker_restarts"] = self._fleet.restarts if self._fleet is not None else 0
        refusals = self._verification.refusals if self._verification is not None else None
        values["refused_keys"] = len(refusals) if refusals is not None else 0
        values["refused_keys_dropped"] = refusals.dropped if refusals is not None else 0
        if (limit := self._service.context.relay.rate_limit) is not None:
            values["rate_limit_bytes_per_s"], values["rate_burst_bytes"] = limit.bytes_per_s, limit.burst_bytes
        if self.mesh is not None:
            values.update(self.mesh.values())
        if stun is not None:
            values["stun_requests"] = {(word,): count for word, count in stun.dispositions().items()}
            values["stun_families"] = {(family,): each.requests for family, each in stun.counters.items()}
        return values

    def _faults(self) -> list[str]:
        return [fault for snapshot in self._snapshots(traffic=True) for fault in snapshot.faults]

    def _traffic(self) -> list[TrafficRow]:
        return [row for snapshot in self._snapshots(traffic=True) for row in snapshot.traffic]

    def _health(self) -> list[str]:
        return self._fleet.faults() if self._fleet is not None else []

    def _bootstrap_answers(self, asked: str | None) -> dict[str, list[str]] | None:
        self._bootstrap_dns_requests += 1
        return self.bootstrap_dns.answers(asked)

    def _facts(self) -> dict[str, str]:
        return {
            "Version": tailhub.__version__,
            "Uptime": f"{time.time() - self._started_unix_s:.0f} s",
            "Mesh key": "yes" if self._service.context.policy.mesh_keys else "no",
        }

    def _map_json(self, view: MapView) -> bytes | None:
        if view is MapView.PUBLIC and self._advertised.discovery is None:
            return None
        return serialize_json(self._advertised.derp_map(view) or DERPMap())

    def _events_after(self, number: int) -> tuple[Sequence[EventRow], int]:
        return self.recent.after(number) if self.recent is not None else ((), number)

    async def _all_facts(self) -> dict[str, object]:
        """What changes seldom (`tailhub.admin.feed.Facts`)."""
        from tailhub.server import facts

        config, fleet = self._config, self._fleet
        now = self._service.context.loop.time()
        if now - self._quotas_at >= QUOTAS_EVERY_S:
            self._quotas_at, self._quotas = now, await facts.quota_facts(config, self.journal)
        discovery, served = self._advertised.discovery, self._service.keeper.served
        found = (discovery.ipv4, discovery.ipv6) if discovery is not None else ()
        addresses = [str(one.address) for one in found if one is not None]
        maps = {view.value: made and made.decode() for view in MapView for made in (self._map_json(view),)}
        relay = facts.relay_facts(config, self._foundation, addresses, self._advertised.region_id, self._started_unix_s)
        relay |= {"workers": fleet.count if fleet is not None else 1}
        relay |= {"worker_restarts": fleet.restarts if fleet is not None else 0}
        return {
            "relay": relay,
            "faults": self._health(),
            "listeners": facts.listener_facts(config, self._foundation),
            "certificates": facts.certificate_facts(config, served, datetime.now(UTC)),
            "verifiers": facts.verifier_facts(self._verification),
            "quotas": self._quotas,
            "tenants": [tenant.tenant for tenant in config.tenants],
            "mesh": facts.mesh_facts(fleet.states if fleet is not None else (), self.mesh),
            "drain": facts.drain_facts(self._drain, self._draining),
            "notices": facts.notice_facts(self._notices.all),
            "dashboard_relays": list(config.dashboard_relays),
            "routes": self._make_api().described(),
            "own_names": [config.hostname.lower()] if config.hostname else [],
            "derp_map": maps,
            "state_dir": str(self._foundation.state.path),
            "shows_addresses": config.log_addresses,
        }
