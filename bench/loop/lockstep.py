"""The relay's packet path in step with its clients, so that every turn of its event loop does exactly the same work.

The path is the real one: a `Stream` with TLS on a TCP socket, `DerpConnection`, decoder, relay, queues, and the event
loop as the relay has it. Only its selector is another: before it looks at the sockets it calls a *gate*, in which the
clients read what came and write what the next turn shall find, all of it. What the relay does from one gate to the next
is then a turn, and can be counted: calls, byte codes, instructions. Nothing here depends on how fast anything is.

The clients live in this process, or (`in_child`) in a process of their own, where none of their work can be taken for
the relay's.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from ipaddress import IPv4Address
from typing import Protocol
from unittest.mock import patch

from bench.loop.clients import (
    HOST,
    MESH_KEY,
    Case,
    ChildGate,
    Client,
    Clients,
    Crossing,
    LockstepError,
    far_key,
    tcp_pair,
)
from tailhub import box
from tailhub.certs.meta import make_meta
from tailhub.certs.self_signed import make_self_signed
from tailhub.derp import frames
from tailhub.derp.frames import PresenceFlag
from tailhub.exceptions import RemoteError
from tailhub.keys import NodePrivate
from tailhub.net import stream
from tailhub.net.crowd import Crowd
from tailhub.net.receiver import ReadBuffers
from tailhub.net.tls_context import server_context
from tailhub.net.turn_selector import TurnSelector
from tailhub.net.write_watch import WriteWatch
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.connection import Identity
from tailhub.relay.mesh_link import MeshLink
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueueLimits
from tailhub.server.context import ServerContext
from tailhub.server.derp_connection import WRITE_BYTES
from tailhub.server.events import Events
from tailhub.server.incoming import accept_public
from tailhub.server.newcomers import Newcomers
from tailhub.server.turn import Turn
from tailhub.web.message import text

WARM_TURNS = 12  # Python's own adapting to the code is over then
_FOR_EVER_S = 1e6
_PRIVATE_KEY = NodePrivate(bytes(range(101, 133)))


class Meter(Protocol):
    """Measures the relay's turns. `resume` and `pause` enclose each, `begin` and `end` all that count."""

    def begin(self) -> None:
        """The turns that are measured begin."""

    def resume(self) -> None:
        """A turn begins."""

    def pause(self) -> None:
        """A turn is over."""

    def end(self) -> None:
        """That was the last."""


def run_case(case: Case, turns: int, meter: Meter, *, in_child: bool = False) -> None:
    """Let a fresh relay run `turns` turns of the case under the meter. Raises `LockstepError`."""
    privates = [NodePrivate(bytes((8, number + 1, *range(30)))) for number in range(2 * case.pairs)]
    lines = [tcp_pair() for _ in privates]
    is_mesh = [case.crossing is Crossing.IN and number < case.pairs for number in range(2 * case.pairs)]
    members = [Client(key, *line, mesh=mesh) for key, line, mesh in zip(privates, lines, is_mesh, strict=True)]
    clients = Clients(case, members)
    gate = ChildGate(clients) if in_child else clients
    # A collection now and then is no turn's own work.
    had_gc = gc.isenabled()
    gc.disable()
    try:
        # How much a stream reads depends on how long reading takes; here it takes no time. A function of C, as the
        # clock is, so that the call is counted.
        with patch.object(stream, "monotonic", (0.0).conjugate):
            _run_relay(case, turns, meter, gate.step, [relay_end for relay_end, _ in lines])
    finally:
        gate.close()
        if had_gc:
            gc.enable()


def _run_relay(
    case: Case, turns: int, meter: Meter, gate: Callable[[], bool], relay_ends: Sequence[socket.socket]
) -> None:
    selector = _LockstepSelector(gate, turns, meter)
    loop = asyncio.SelectorEventLoop(selector)
    selector.stop = loop.stop
    try:
        context = _make_context(loop, selector, case)
        links: list[_LinkEnd] = []
        if case.crossing is Crossing.OUT:
            selector.on_ready = lambda: links.extend(_links_of(context, case.pairs))
        for number, sock in enumerate(relay_ends):
            accept_public(context, 0, sock, (HOST, 1024 + number))
        loop.run_forever()
        stats = context.relay.stats
        for connection in list(context.derp_connections):
            connection.abort("the case is over")
    finally:
        loop.close()
        for sock in relay_ends:
            sock.close()
    expected = (WARM_TURNS + turns) * case.packets_a_turn
    if selector.error is not None:
        raise selector.error
    received, sent = stats.packets_received + stats.forwarded_in, stats.packets_sent
    sent += sum(end.link.stats.packets_sent for end in links)
    if received != expected or sent != expected:
        raise LockstepError(
            f"{case.name}: expected {expected} packets to pass, found {received} received and {sent} sent"
        )


def _make_relay(case: Case, own_key: bytes) -> Relay:
    """A relay with the keys that are there beside the case's clients, which never speak."""
    names = [f"tenant {number}" for number in range(1, case.tenants)]
    relay = Relay(QueueLimits(max_age_s=_FOR_EVER_S), own_key=own_key, tenants=names)
    tenants = ["", *names]
    for number in range(case.keys):
        key = sha256(number.to_bytes(4, "big")).digest()
        identity = Identity(
            key, relay.next_connection_id(), IPv4Address(HOST), 1, tenant=tenants[number % case.tenants]
        )
        relay.register(identity, _Silent())
    return relay


class _Silent:
    """The sink of a connection that nobody writes to."""

    def wake(self) -> None:
        """Nothing comes."""

    def close(self, reason: str) -> None:
        """It is not open."""


def _links_of(context: ServerContext, count: int) -> list[_LinkEnd]:
    """Links to so many other relays, in the places of the last connections that have logged in, with a client each."""
    lines = [connection.stream for connection in context.derp_connections][-count:]
    return [_LinkEnd(context, line, far_key(number)) for number, line in enumerate(lines)]


class _LinkEnd:
    """The sink of a `MeshLink`, which writes it to a stream as any link is written."""

    def __init__(self, context: ServerContext, line: stream.Stream, key: bytes) -> None:
        self._context = context
        self._line = line
        self.link = MeshLink(context.relay, self, key)
        self.link.present(key, PresenceFlag.REGULAR, None, b"", 0.0)

    def wake(self) -> None:
        """See `Sink`."""
        self._context.turn.add(self)

    def flush(self, now: float) -> None:
        """Write what waits, as far as the kernel takes it."""
        self.link.dirty = False
        take, line = self.link.queue.take, self._line
        while not line.is_blocked:
            data = take(now, WRITE_BYTES)
            if data:
                line.write(data)
            if len(data) < WRITE_BYTES:
                return

    def close(self, reason: str) -> None:
        """See `Sink`."""
        raise LockstepError(reason)

    abort = close


def _make_context(loop: asyncio.AbstractEventLoop, selector: TurnSelector, case: Case) -> ServerContext:
    public = box.public_key(_PRIVATE_KEY)
    tls = tls_context()
    return ServerContext(
        loop=loop,
        relay=_make_relay(case, public.raw),
        private_key=_PRIVATE_KEY,
        public_key=public.raw,
        server_key_frame=frames.server_key(public.raw),
        policy=AdmissionPolicy(mesh_keys=(MESH_KEY,)),
        choose_tls=lambda listener, name: tls,
        pages=lambda request: text(503, "no pages here"),
        buffers=ReadBuffers(),
        watch=WriteWatch(loop),
        crowd=Crowd(loop),
        turn=Turn(loop, selector),
        newcomers=Newcomers(loop),
        callers=Newcomers(loop),
        events=Events(loop),
        client_write_timeout_s=0,
    )


@cache
def tls_context() -> ssl.SSLContext:
    """The relay's side of TLS."""
    now = datetime.now(UTC)
    certificate_pem, key_pem = make_self_signed(["relay.test"], [HOST], now)
    return server_context(certificate_pem, key_pem, make_meta(box.public_key(_PRIVATE_KEY), now).pem)


class _LockstepSelector(TurnSelector):
    """Opens the gate before each look at the sockets, and has the meter run from one gate to the next."""

    def __init__(self, gate: Callable[[], bool], turns: int, meter: Meter) -> None:
        super().__init__()
        self._gate = gate
        self._meter = meter
        self._begun = 0  # turns with packets
        self._last = WARM_TURNS + turns
        self._is_metered = False
        self.stop: Callable[[], None] = lambda: None
        self.on_ready: Callable[[], None] = lambda: None  # before the first turn with packets
        self.error: Exception | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """One look at the sockets, behind the gate. After the last turn: write what waits, then stop."""
        if self._is_metered:
            self._meter.pause()
        if self._begun == self._last or self.error is not None:
            if self._is_metered:
                self._is_metered = False
                self._meter.end()
            self.stop()
            return super().select(0)
        try:
            has_packets = self._gate()
        except (LockstepError, RemoteError, OSError) as exc:
            self.error = exc
            return super().select(0)
        if not has_packets:
            return super().select(0)
        if not self._begun:
            self.on_ready()
        self._begun += 1
        if self._begun == WARM_TURNS + 1:
            self._is_metered = True
            self._meter.begin()
        if self._is_metered:
            self._meter.resume()
        return super().select(timeout)
