"""The pages of one relay, each with what it shows: the public port's, the plain port's, the operator's."""

from __future__ import annotations

import time

import tailhub
from tailhub.certs.files import Certificate
from tailhub.net.accept import Acceptor
from tailhub.server.advertised import Advertised
from tailhub.server.bootstrap_dns import BootstrapDNS
from tailhub.server.config import RelayConfig
from tailhub.server.context import ServerContext
from tailhub.server.discover import resolve
from tailhub.server.snapshot import Snapshots
from tailhub.server.stun import StunServer
from tailhub.tailcfg.derpmap import DERPMap, serialize_json
from tailhub.web.debug import DebugSources
from tailhub.web.metrics import render_metrics
from tailhub.web.operator_pages import MapView, OperatorPages, OperatorSources
from tailhub.web.pages import PublicPages, PublicSettings, PublicSources
from tailhub.web.plain import PlainPages


class Pages:
    """Made once, after the relay listens."""

    def __init__(
        self,
        config: RelayConfig,
        context: ServerContext,
        acceptor: Acceptor,
        stun: StunServer | None,
        certificate: Certificate,
        advertised: Advertised,
    ) -> None:
        self._context = context
        self._advertised = advertised
        self._snapshots = Snapshots(
            context=context,
            acceptor=acceptor,
            stun=stun,
            version=tailhub.__version__,
            started_unix_s=time.time(),
            certificate_expires_unix_s=certificate.not_after.timestamp(),
        )
        self.bootstrap_dns = BootstrapDNS(config.bootstrap_dns_names, resolve)
        debug = DebugSources(
            values=self._snapshots.values,
            faults=context.relay.consistency_errors,
            traffic=self._snapshots.traffic,
            facts=self._facts,
        )
        sources = PublicSources(bootstrap_dns=self._bootstrap_answers, debug=debug)
        self.public = PublicPages(PublicSettings(config.home), sources)
        self.plain = PlainPages(advertised.derp_port or 443)
        own_names = frozenset({config.hostname.lower()} if config.hostname else ())
        # An answer shows that the loop is alive. Nothing that grows with the number of clients: this is asked often.
        operator = OperatorSources(lambda: (), self._metrics, self._map_json)
        self.operator = OperatorPages(operator, own_names)

    def _bootstrap_answers(self) -> dict[str, list[str]] | None:
        self._snapshots.bootstrap_dns_requests += 1
        return self.bootstrap_dns.answers

    def _facts(self) -> dict[str, str]:
        return {
            "Version": tailhub.__version__,
            "Uptime": f"{time.time() - self._snapshots.started_unix_s:.0f} s",
            "Mesh key": "yes" if self._context.policy.mesh_key is not None else "no",
        }

    def _metrics(self) -> bytes:
        return render_metrics(self._snapshots.values())

    def _map_json(self, view: MapView) -> bytes | None:
        if view is MapView.PUBLIC and self._advertised.discovery is None:
            return None
        return serialize_json(self._advertised.derp_map(view) or DERPMap())
