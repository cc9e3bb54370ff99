"""The relay as a process: opens everything in the right order, knows everyone, and takes it down again.

Order at start: state (locked), key, certificate, sockets; then it listens. Whatever may take time, such as finding out
the address, comes after.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import tailhub
from tailhub import box, findings
from tailhub.certs.files import Certificate, date_findings, load_pair
from tailhub.certs.meta import make_meta
from tailhub.derp import frames
from tailhub.findings import Finding
from tailhub.keys import MeshKey, NodePublic
from tailhub.net.accept import Acceptor
from tailhub.net.bind import bind_unix, raise_descriptor_limit
from tailhub.net.stream import ReadBuffers, Stream, WriteWatch
from tailhub.net.tls_context import server_context
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.relay import Relay
from tailhub.server.address import Discovery
from tailhub.server.address_facts import Wanted
from tailhub.server.bootstrap_dns import BootstrapDNS
from tailhub.server.config import RelayConfig, check_config, parse_addresses
from tailhub.server.context import ServerContext
from tailhub.server.discover import Probes, discover, resolve
from tailhub.server.events import Events
from tailhub.server.http_connection import HttpConnection
from tailhub.server.incoming import accept_public
from tailhub.server.listeners import bind_listeners, parse_listeners
from tailhub.server.newcomers import Newcomers
from tailhub.server.published_map import LOOPBACK_V4, LOOPBACK_V6, LocalEndpoint, local_map, public_map
from tailhub.server.snapshot import Snapshots
from tailhub.server.state import StateDir, mesh_key, relay_name
from tailhub.server.state_place import locate, mount_finding, other_states
from tailhub.server.stun import StunServer
from tailhub.server.turn import Turn
from tailhub.tailcfg.build import region_id_for_key
from tailhub.tailcfg.derpmap import DERPMap, serialize_json
from tailhub.web.debug import DebugSources
from tailhub.web.message import Request, Response
from tailhub.web.metrics import render_metrics
from tailhub.web.operator_pages import MapView, OperatorPages, OperatorSources
from tailhub.web.pages import PublicPages, PublicSettings, PublicSources
from tailhub.web.plain import PlainPages

ADMIN_SOCKET = "admin.sock"  # in the state directory
META_CHECK_S = 3600.0
FEW_DESCRIPTORS = 8192
OWN_DESCRIPTORS = 64

_log = logging.getLogger("tailhub")


class RelayServer:
    """One relay. `start` listens, `find_address` then learns what others call us, `stop` ends it.

    Raises `UsageError` when made with a configuration that cannot be. `notes` are findings for the first screen.
    """

    def __init__(self, config: RelayConfig) -> None:
        check_config(config)
        self.config = config
        self.specs = parse_listeners(config)
        self.notes: list[Finding] = []
        self.discovery: Discovery | None = None
        self.on_first_stun: Callable[[str], None] | None = None  # called with the address of the first from outside
        self._undo = contextlib.ExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    # --- start and stop -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open state, certificate and sockets, and listen. Raises `FindingError`; nothing is left open then."""
        try:
            self._open()
            self._serve()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End all connections, then close and unlock everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._undo.close()

    def _open(self) -> None:
        """Everything that can fail for a reason that a person must mend."""
        self._raise_descriptor_limit()
        path = locate(self.config.state_dir, os.environ, os.geteuid() if hasattr(os, "geteuid") else None)
        self.state = StateDir.open(path)
        self._undo.callback(self.state.close)
        self.private_key, found = self.state.relay_key()
        self.notes += found
        self.certificate = self._load_certificate()
        self.policy = AdmissionPolicy(self._load_mesh_key())
        self.listeners = bind_listeners(self.specs)
        self._undo.callback(self.listeners.close)
        self.notes += self.listeners.notes
        self.admin_socket = bind_unix(path / ADMIN_SOCKET)
        self._undo.callback((path / ADMIN_SOCKET).unlink, missing_ok=True)
        self._undo.callback(self.admin_socket.close)

    def _raise_descriptor_limit(self) -> None:
        _, limit = raise_descriptor_limit()
        if 0 <= limit < FEW_DESCRIPTORS:
            self.notes.append(findings.descriptor_limit_low(limit, max(0, limit - OWN_DESCRIPTORS)))

    def _load_certificate(self) -> Certificate:
        config, now = self.config, datetime.now(UTC)
        if config.cert is not None and config.key is not None:
            certificate = load_pair(config.cert, config.key)
            self.notes += date_findings(certificate, config.cert, now)
            return certificate
        if (unsafe := mount_finding(self.state.path)) is not None:
            self.notes.append(unsafe)
        others = other_states(self.state.path, os.environ)
        name = relay_name(box.public_key(self.private_key))
        certificate, found = self.state.certificate(name, config.hostname, config.addresses, now, others)
        self.notes += found
        return certificate

    def _load_mesh_key(self) -> MeshKey | None:
        if self.config.mesh_key_file is None:
            return None
        key, found = mesh_key(self.config.mesh_key_file)
        self.notes += found
        return key

    def _serve(self) -> None:
        """Wire everyone up and listen."""
        loop = asyncio.get_running_loop()
        public_key = box.public_key(self.private_key)
        self.region_id = self.config.region_id or region_id_for_key(public_key.raw)
        self.bootstrap_dns = BootstrapDNS(self.config.bootstrap_dns_names, resolve)
        tls, renew_at = self._make_tls(public_key)
        self.context = context = ServerContext(
            loop=loop,
            relay=Relay(),
            private_key=self.private_key,
            public_key=public_key.raw,
            server_key_frame=frames.server_key(public_key.raw),
            policy=self.policy,
            tls=tls,
            pages=self._public_pages(),
            buffers=ReadBuffers(),
            watch=WriteWatch(loop),
            turn=Turn(loop),
            newcomers=Newcomers(loop),
            events=Events(loop),
        )
        self._undo.callback(self._close_connections)

        public = Acceptor(loop, list(self.listeners.public.sockets), partial(accept_public, context))
        acceptors = [public]
        if self.listeners.http is not None:
            plain = PlainPages(self.advertised_port)
            acceptors.append(Acceptor(loop, list(self.listeners.http.sockets), self._small_pages(plain.respond)))
        operator = OperatorPages(OperatorSources(self._health, self._metrics, self._map_json), self._own_names())
        admin = [*(self.listeners.admin.sockets if self.listeners.admin else ()), self.admin_socket]
        acceptors.append(Acceptor(loop, admin, self._small_pages(operator.respond)))
        for acceptor in acceptors:
            acceptor.start()
            self._undo.callback(acceptor.stop)

        self.stun: StunServer | None = None
        if self.listeners.stun is not None:
            self.stun = StunServer(
                self.listeners.stun.sockets, answer_rfc=self.config.stun_rfc, on_first_outside=self._first_stun
            )
            self.stun.start()
            self._undo.callback(self.stun.stop)
        self.snapshots = Snapshots(
            context=context,
            acceptor=public,
            stun=self.stun,
            version=tailhub.__version__,
            started_unix_s=time.time(),
            certificate_expires_unix_s=self.certificate.not_after.timestamp(),
        )
        self._tasks.append(loop.create_task(self._renew_meta(public_key, renew_at)))
        self._tasks.append(loop.create_task(self.bootstrap_dns.run()))

    def _first_stun(self, ip: str) -> None:
        if self.on_first_stun is not None:
            self.on_first_stun(ip)

    def _close_connections(self) -> None:
        context = self.context
        context.newcomers.close_all("relay stops")
        for connection in list(context.derp_connections):
            connection.abort("relay stops")
        context.events.stop()

    # --- TLS ----------------------------------------------------------------------------------------------------------

    def _make_tls(self, public_key: NodePublic) -> tuple[ssl.SSLContext, datetime]:
        """A context with a fresh meta certificate, and when to make the next one."""
        meta = make_meta(public_key, datetime.now(UTC))
        return server_context(self.certificate.chain_pem, self.certificate.key_pem, meta.pem), meta.renew_at

    async def _renew_meta(self, public_key: NodePublic, renew_at: datetime) -> None:
        """Replace the meta certificate while running; open connections keep theirs."""
        while True:
            # By the hour, because the wall clock decides and may be set.
            await asyncio.sleep(META_CHECK_S)
            if datetime.now(UTC) < renew_at:
                continue
            try:
                self.context.tls, renew_at = self._make_tls(public_key)
            except (OSError, ValueError) as exc:  # descriptors may have run out just now
                _log.warning("the meta certificate could not be renewed, trying again later: %s", exc)

    # --- pages --------------------------------------------------------------------------------------------------------

    def _public_pages(self) -> Callable[[Request], Response]:
        debug = DebugSources(
            values=lambda: self.snapshots.values(),
            faults=lambda: self.context.relay.consistency_errors(),
            traffic=lambda: self.snapshots.traffic(),
            facts=self._facts,
        )
        sources = PublicSources(bootstrap_dns=lambda: self.bootstrap_dns.answers, debug=debug)
        return PublicPages(PublicSettings(self.config.home), sources).respond

    def _small_pages(self, respond: Callable[[Request], Response]) -> Callable[[socket.socket, Any], None]:
        """What to do with connections to a listener that has pages and nothing else."""

        def accept(sock: socket.socket, peer: Any) -> None:
            context = self.context
            newcomer = context.newcomers.make(peer)
            pages = HttpConnection(context, newcomer, respond)
            context.newcomers.add(newcomer, Stream(context.loop, sock, context.buffers, context.watch, pages))

        return accept

    def _facts(self) -> dict[str, str]:
        return {
            "Version": tailhub.__version__,
            "Uptime": f"{time.time() - self.snapshots.started_unix_s:.0f} s",
            "Mesh key": "yes" if self.policy.mesh_key is not None else "no",
        }

    def _health(self) -> list[str]:
        return self.context.relay.consistency_errors()

    def _metrics(self) -> bytes:
        return render_metrics(self.snapshots.values())

    def _own_names(self) -> frozenset[str]:
        return frozenset({self.config.hostname.lower()} if self.config.hostname else ())

    # --- the address that others use ----------------------------------------------------------------------------------

    @property
    def advertised_port(self) -> int:
        """The TCP port that clients use."""
        return self.config.public_port or self.listeners.public.port

    async def find_address(self, probes: Probes | None = None) -> Discovery:
        """Learn which address and ports others use; takes up to about two seconds."""
        stun = self.listeners.stun
        wanted = Wanted(
            port=self.listeners.public.port,
            stun_port=stun.port if stun is not None else None,
            addresses=parse_addresses(self.config),
            hostname=self.config.hostname,
            public_port=self.config.public_port,
            stun_public_port=self.config.stun_public_port,
            discover=self.config.discover,
            listen_hosts=self.specs.public_hosts,
            families=self.listeners.public.families,
        )
        probes = probes or Probes(stun_query=self.stun.query if self.stun is not None else None)
        self.discovery = await discover(wanted, probes, self.state.path)
        return self.discovery

    def derp_map(self, view: MapView) -> DERPMap | None:
        """The map for programs here, or for clients elsewhere; that one is None while no address is known."""
        if view is MapView.PUBLIC:
            if self.discovery is None:
                return None
            return public_map(self.discovery, self.certificate, self.region_id)
        return local_map(self._local_endpoint(), self.certificate, self.config.hostname, self.region_id)

    def _map_json(self, view: MapView) -> bytes:
        derp_map = self.derp_map(view)
        return serialize_json(DERPMap() if derp_map is None else derp_map)

    def _local_endpoint(self) -> LocalEndpoint:
        hosts = {sock.family: sock.getsockname()[0] for sock in self.listeners.public.sockets}
        ipv4, ipv6 = hosts.get(socket.AF_INET), hosts.get(socket.AF_INET6)
        return LocalEndpoint(
            ipv4=LOOPBACK_V4 if ipv4 == "0.0.0.0" else ipv4,
            ipv6=LOOPBACK_V6 if ipv6 == "::" else ipv6,
            derp_port=self.listeners.public.port,
            stun_port=self.listeners.stun.port if self.listeners.stun is not None else None,
        )
