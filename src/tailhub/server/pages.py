"""The pages of one relay, each with what it shows: the public port's, the plain port's, the operator's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import tailhub
from tailhub.keys import NodePublic
from tailhub.server.advertised import Advertised
from tailhub.server.bootstrap_dns import BootstrapDNS
from tailhub.server.config import RelayConfig
from tailhub.server.discover import resolve
from tailhub.server.fleet import Fleet
from tailhub.server.operator_values import operator_values, readiness
from tailhub.server.service import RelayService
from tailhub.server.snapshot import ServiceSnapshot, sum_values, take_snapshot
from tailhub.server.stun import StunServer
from tailhub.tailcfg.derpmap import DERPMap, serialize_json
from tailhub.web.debug import DebugSources, TrafficRow
from tailhub.web.message import Request, Response
from tailhub.web.metrics import MetricValues, render_metrics
from tailhub.web.operator_pages import MapView, OperatorPages, OperatorSources
from tailhub.web.pages import PublicPages, PublicSources
from tailhub.web.plain import PlainPages
from tailhub.web.public_settings import PublicSettings

if TYPE_CHECKING:
    from tailhub.relay.quota import Quotas
    from tailhub.relay.refusals import Here
    from tailhub.server.evacuating import Drain
    from tailhub.server.verification import Verification
    from tailhub.web.operator_api import OperatorApi

API: Final = b"/api/v1/"  # begins the paths of the operator's calls


class Pages:
    """Made once, after the relay listens. With a `fleet` numbers are those of all workers, asked for each time."""

    def __init__(
        self,
        config: RelayConfig,
        service: RelayService,
        fleet: Fleet | None,
        stun: StunServer | None,
        advertised: Advertised,
        acme_tokens: Mapping[str, bytes],
        verification: Verification | None,
        drain: Drain,
    ) -> None:
        self._config = config
        self._service = service
        self._fleet = fleet
        self._stun = stun
        self._advertised = advertised
        self._started_unix_s = time.time()
        self._bootstrap_dns_requests = 0
        self.bootstrap_dns = BootstrapDNS(config.bootstrap_dns_names, resolve, config.unpublished_bootstrap_dns_names)
        debug = DebugSources(values=self._values, faults=self._faults, traffic=self._traffic, facts=self._facts)
        sources = PublicSources(bootstrap_dns=self._bootstrap_answers, debug=debug)
        self._public = PublicPages(PublicSettings(config.home, config.quiet), sources)
        self.plain = PlainPages(advertised.derp_port or 443, acme_tokens)
        own_names = frozenset({config.hostname.lower()} if config.hostname else ())
        # An answer shows that the loop is alive. Nothing that grows with the number of clients: this is asked often.
        operator = OperatorSources(self._health, self._metrics, self._map_json)
        self._operator = OperatorPages(operator, own_names)
        self._verification = verification
        self._drain = drain
        self.quotas: Quotas | None = None  # those that there are, once the books are kept
        self._api: OperatorApi | None = None
        if verification is not None:  # whose decisions are remembered
            self._api = self._make_api()

    def public(self, request: Request) -> Response | asyncio.Future[Response]:
        """Answer on the public port."""
        if self._fleet is not None and request.path.startswith(b"/debug"):
            return self._fleet.after_counting(lambda: self._public.respond(request))
        return self._public.respond(request)

    def operator(self, request: Request) -> Response | asyncio.Future[Response]:
        """Answer on the operator's listeners."""
        if request.path_and_query.startswith(API):
            return self._operator.refusal(request) or self._call(request)
        if self._fleet is not None and request.path == b"/metrics":
            return self._fleet.after_counting(lambda: self._operator.respond(request))
        return self._operator.respond(request)

    # --- the operator's calls -----------------------------------------------------------------------------------------

    def _make_api(self) -> OperatorApi:
        from tailhub.server.access_actions import AccessActions
        from tailhub.server.drain_actions import DrainActions
        from tailhub.web.operator_api import OperatorApi

        access, drain = (
            AccessActions(self._verification, self._who_is_here),
            DrainActions(self._drain, self._traffic_now),
        )
        return OperatorApi((*access.routes, *drain.routes))

    def _call(self, request: Request) -> Response | asyncio.Future[Response]:
        if self._api is None:
            self._api = self._make_api()
        response = self._api.respond(request)
        return response if isinstance(response, Response) else asyncio.ensure_future(response)

    async def _who_is_here(self) -> Here:
        from tailhub.relay.refusals import Here

        if self._fleet is not None:
            await self._fleet.counted()
        snapshots = self._snapshots(traffic=True)
        rows = [row for snapshot in snapshots for row in snapshot.traffic]
        connected = {NodePublic.parse(row.key).raw: row.address for row in rows}
        return Here(connected, frozenset(key for snapshot in snapshots for key in snapshot.held))

    async def _traffic_now(self) -> list[TrafficRow]:
        if self._fleet is not None:
            await self._fleet.counted()
        return self._traffic()

    # --- what they show -----------------------------------------------------------------------------------------------

    def _snapshots(self, *, traffic: bool = False) -> list[ServiceSnapshot]:
        own = take_snapshot(self._service, traffic=traffic)
        return [own, *self._fleet.snapshots] if self._fleet is not None else [own]

    def _values(self) -> MetricValues:
        stun = self._stun
        past = [self._fleet.past] if self._fleet is not None else []
        values = dict(sum_values([*(snapshot.values for snapshot in self._snapshots()), *past]))
        values["info"] = {(tailhub.__version__,): 1}
        values["start_unix_s"] = self._started_unix_s
        values["uptime_s"] = time.time() - self._started_unix_s
        values.update(operator_values(self._config, self._service, self._verification, self.quotas))
        values.update(readiness(self._drain.phase, self._health()))
        values["bootstrap_dns_requests"] = self._bootstrap_dns_requests
        values["workers"] = self._fleet.count if self._fleet is not None else 1
        values["worker_restarts"] = self._fleet.restarts if self._fleet is not None else 0
        refusals = self._verification.refusals if self._verification is not None else None
        values["refused_keys"] = len(refusals) if refusals is not None else 0
        values["refused_keys_dropped"] = refusals.dropped if refusals is not None else 0
        if (limit := self._service.context.relay.rate_limit) is not None:
            values["rate_limit_bytes_per_s"], values["rate_burst_bytes"] = limit.bytes_per_s, limit.burst_bytes
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
            "Mesh key": "yes" if self._service.context.policy.mesh_key is not None else "no",
        }

    def _metrics(self) -> bytes:
        return render_metrics(self._values())

    def _map_json(self, view: MapView) -> bytes | None:
        if view is MapView.PUBLIC and self._advertised.discovery is None:
            return None
        return serialize_json(self._advertised.derp_map(view) or DERPMap())
