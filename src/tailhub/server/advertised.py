"""What this relay tells others about itself: the address, the ports, and the map with them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from tailhub.certs.files import Certificate
from tailhub.net.bind import BoundSockets
from tailhub.server.address import Discovery
from tailhub.server.address_facts import Wanted
from tailhub.server.config import RelayConfig, parse_addresses
from tailhub.server.discover import Probes, discover, watch
from tailhub.server.listeners import BoundListeners, ListenSpecs
from tailhub.server.published_map import LOOPBACK_V4, LOOPBACK_V6, LocalEndpoint, local_map, public_map
from tailhub.server.stun import StunServer
from tailhub.tailcfg.derpmap import DERPMap
from tailhub.tailcfg.region_id import region_id_for_key
from tailhub.web.operator_pages import MapView

FRONT_PORT = 443  # where a proxy that ends TLS for us serves clients, unless told otherwise


class Advertised:
    """Made once the relay listens; `discovery` is None until `find_address` has ended.

    `certificate` gives the one that clients get now on the first listener, None when a proxy in front has it.
    """

    def __init__(
        self,
        config: RelayConfig,
        specs: ListenSpecs,
        listeners: BoundListeners,
        certificate: Callable[[], Certificate | None],
        public_key: bytes,
        stun: StunServer | None,
    ) -> None:
        self._certificate = certificate
        self._public_key = public_key
        self._moved = asyncio.Event()  # `take` has found another address
        self.discovery: Discovery | None = None
        self._set(config, specs, listeners, stun)

    def _set(self, config: RelayConfig, specs: ListenSpecs, listeners: BoundListeners, stun: StunServer | None) -> None:
        self._config = config
        self._specs = specs
        self._listeners = listeners
        self._stun = stun
        self.region_id = config.region_id or region_id_for_key(self._public_key)

    def take(self, config: RelayConfig, specs: ListenSpecs, listeners: BoundListeners, stun: StunServer | None) -> bool:
        """Tell of this from now on. Returns whether `find_again` is to be called, as others may use another address."""
        before = self._wanted()
        self._set(config, specs, listeners, stun)
        return self.discovery is not None and self._wanted() != before

    async def find_again(self) -> None:
        """Learn which address others use now, and watch that one."""
        await self.find_address(None)
        self._moved.set()

    @property
    def derp_port(self) -> int:
        """The TCP port that clients use, 0 when there is no relay but STUN only."""
        if not self._listeners.public.sockets:
            return 0
        listening = self._listeners.public.port if self._config.tls else FRONT_PORT
        return self._config.public_port or listening

    async def find_address(self, state_dir: Path | None, probes: Probes | None = None) -> Discovery:
        """Learn which address and ports others use; takes up to about two seconds.

        `state_dir` is looked at in a container: clients lose the relay when it goes. None: they do not.
        """
        self.discovery = await discover(self._wanted(), probes or self._probes(), state_dir)
        return self.discovery

    async def watch_address(self, on_change: Callable[[Discovery, Discovery], None]) -> None:
        """Keep `discovery` true while addresses and names change; `on_change(before, after)`. Runs until cancelled."""
        while True:
            self._moved.clear()
            watching = asyncio.get_running_loop().create_task(self._watch(on_change))
            try:
                await self._moved.wait()
            finally:
                watching.cancel()

    async def _watch(self, on_change: Callable[[Discovery, Discovery], None]) -> None:
        if self.discovery is None or not self._config.discover:
            return

        def changed(before: Discovery, after: Discovery) -> None:
            self.discovery = after
            on_change(before, after)

        await watch(self.discovery, self._wanted(), self._probes(), changed)

    @property
    def _served(self) -> BoundSockets:
        """The sockets that others come to: the relay's, without one those of STUN."""
        listeners = self._listeners
        return listeners.public if listeners.public.sockets or listeners.stun is None else listeners.stun

    def _probes(self) -> Probes:
        return Probes(stun_query=self._stun.query if self._stun is not None else None)

    def _wanted(self) -> Wanted:
        listeners, config = self._listeners, self._config
        return Wanted(
            port=listeners.public.port,
            stun_port=listeners.stun.port if listeners.stun is not None else None,
            addresses=parse_addresses(config),
            hostname=config.hostname,
            public_port=self.derp_port or None,
            stun_public_port=config.stun_public_port,
            discover=config.discover,
            listen_hosts=self._specs.public_hosts,
            families=self._served.families,
        )

    def derp_map(self, view: MapView) -> DERPMap | None:
        """The map for programs here, or for clients elsewhere; that one is None while no address is known."""
        if view is MapView.LOCAL:
            return local_map(self._local_endpoint(), self._certificate(), self._config.hostname, self.region_id)
        return public_map(self.discovery, self._certificate(), self.region_id) if self.discovery is not None else None

    def _local_endpoint(self) -> LocalEndpoint:
        listeners = self._listeners
        hosts = {sock.family: sock.getsockname()[0] for sock in self._served.sockets}
        ipv4, ipv6 = hosts.get(socket.AF_INET), hosts.get(socket.AF_INET6)
        return LocalEndpoint(
            ipv4=LOOPBACK_V4 if ipv4 == "0.0.0.0" else ipv4,
            ipv6=LOOPBACK_V6 if ipv6 == "::" else ipv6,
            derp_port=listeners.public.port,
            stun_port=listeners.stun.port if listeners.stun is not None else None,
        )
