"""The relay as a process: opens everything in the right order, knows everyone, and takes it down again.

Order at start: state (locked), key, certificate, sockets; then it listens. What is not needed to listen is imported and
made after that: pages and metrics (`tailhub.server.pages`), the map with its address (`tailhub.server.advertised`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from tailhub import box, findings
from tailhub.certs.files import Certificate, date_findings, load_pair, use_findings
from tailhub.certs.meta import make_meta
from tailhub.derp import frames
from tailhub.findings import Finding
from tailhub.keys import MeshKey, NodePublic
from tailhub.net.accept import Acceptor
from tailhub.net.bind import bind_unix, raise_descriptor_limit
from tailhub.net.crowd import Crowd
from tailhub.net.stream import ReadBuffers
from tailhub.net.tls_context import server_context
from tailhub.net.turn_selector import TurnSelector
from tailhub.net.write_watch import WriteWatch
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.relay import Relay
from tailhub.server.config import RelayConfig, check_config
from tailhub.server.context import ServerContext
from tailhub.server.events import Events
from tailhub.server.incoming import accept_pages, accept_public
from tailhub.server.listeners import bind_listeners, parse_listeners
from tailhub.server.newcomers import MAX_NEWCOMERS, Newcomers
from tailhub.server.state import StateDir, mesh_key, relay_name
from tailhub.server.state_place import ADMIN_SOCKET, locate, other_states
from tailhub.server.stun import StunServer
from tailhub.server.turn import Turn
from tailhub.web.message import text

MAX_CALLERS = 256  # connections to the operator's listeners and the plain port
META_CHECK_S = 3600.0
FEW_DESCRIPTORS = 8192
OWN_DESCRIPTORS = 64

_log = logging.getLogger("tailhub")


class RelayServer:
    """One relay. `start` listens, ``advertised.find_address`` then learns what others call us, `stop` ends it.

    Raises `UsageError` when made with a configuration that cannot be. `notes` are findings for the first screen.
    """

    def __init__(self, config: RelayConfig, selector: TurnSelector | None = None) -> None:
        """`selector` is the one of the loop that will run this relay; without it writes come a turn later."""
        check_config(config)
        self._selector = selector
        self.config = config
        self.specs = parse_listeners(config)
        self.notes: list[Finding] = []
        self.on_first_stun: Callable[[str], None] | None = None  # called with the address of the first from outside
        self._undo = contextlib.ExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    # --- start and stop -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open state, certificate and sockets, and listen. Raises `FindingError`; nothing is left open then."""
        try:
            self._open()
            self._serve()
            self._serve_pages()
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
        self._most_connections = self._raise_descriptor_limit()
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

    def _raise_descriptor_limit(self) -> int:
        """How many connections there may be on the public port; pages, files and imports need descriptors too."""
        _, limit = raise_descriptor_limit()
        if limit < 0:
            return sys.maxsize
        if limit < FEW_DESCRIPTORS:
            self.notes.append(findings.descriptor_limit_low(limit, max(0, limit - OWN_DESCRIPTORS)))
        return max(OWN_DESCRIPTORS // 4, limit - OWN_DESCRIPTORS)

    def _load_certificate(self) -> Certificate:
        config, now = self.config, datetime.now(UTC)
        if config.cert is not None and config.key is not None:
            certificate = load_pair(config.cert, config.key)
            self.notes += date_findings(certificate, config.cert, now)
            self.notes += use_findings(certificate, config.cert, config.hostname)
            return certificate.alone() if certificate.needs_pin else certificate
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
        """Listen for clients: DERP and STUN."""
        loop = asyncio.get_running_loop()
        public_key = box.public_key(self.private_key)
        tls, renew_at = self._make_tls(public_key)
        self.context = context = ServerContext(
            loop=loop,
            relay=Relay(own_key=public_key.raw),
            private_key=self.private_key,
            public_key=public_key.raw,
            server_key_frame=frames.server_key(public_key.raw),
            policy=self.policy,
            tls=tls,
            pages=lambda request: text(503, "starting"),
            buffers=ReadBuffers(),
            watch=WriteWatch(loop),
            crowd=Crowd(loop),
            turn=Turn(loop, self._selector),
            newcomers=Newcomers(loop, MAX_NEWCOMERS),
            callers=Newcomers(loop, MAX_CALLERS),
            events=Events(loop),
        )
        self._undo.callback(self._close_connections)
        self.acceptor = Acceptor(
            loop,
            list(self.listeners.public.sockets),
            partial(accept_public, context),
            self._make_room,
            self._has_room,
        )
        self.acceptor.start()
        self._undo.callback(self.acceptor.stop)
        self.stun: StunServer | None = None
        if self.listeners.stun is not None:
            self.stun = StunServer(
                self.listeners.stun.sockets, answer_rfc=self.config.stun_rfc, on_first_outside=self._first_stun
            )
            self.stun.start()
            self._undo.callback(self.stun.stop)
        self._tasks.append(loop.create_task(self._renew_meta(public_key, renew_at)))

    def _serve_pages(self) -> None:
        """Listen for everything else: the small pages, the plain port, the operator."""
        from tailhub.server.advertised import Advertised
        from tailhub.server.pages import Pages

        loop = asyncio.get_running_loop()
        self.advertised = Advertised(
            self.config, self.specs, self.listeners, self.certificate, self.context.public_key, self.stun
        )
        pages = Pages(self.config, self.context, self.acceptor, self.stun, self.certificate, self.advertised)
        self.context.pages = pages.public.respond
        listeners = [(pages.operator.respond, [self.admin_socket])]
        if self.listeners.admin is not None:
            listeners.append((pages.operator.respond, list(self.listeners.admin.sockets)))
        if self.listeners.http is not None:
            listeners.append((pages.plain.respond, list(self.listeners.http.sockets)))
        for respond, sockets in listeners:
            acceptor = Acceptor(loop, sockets, partial(accept_pages, self.context, respond), self._make_room)
            acceptor.start()
            self._undo.callback(acceptor.stop)
        self._tasks.append(loop.create_task(pages.bootstrap_dns.run()))

    def _has_room(self) -> bool:
        return self.context.relay.registry.count + len(self.context.newcomers) < self._most_connections

    def _make_room(self) -> bool:
        self.context.events.out_of_descriptors()
        return self.context.newcomers.give_way("out of file descriptors")

    def _first_stun(self, ip: str) -> None:
        if self.on_first_stun is not None:
            self.on_first_stun(ip)

    def _close_connections(self) -> None:
        context = self.context
        context.newcomers.close_all("relay stops")
        context.callers.close_all("relay stops")
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
