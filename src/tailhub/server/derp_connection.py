"""One DERP connection: moves bytes between its stream and the relay's decisions.

Two phases: login (`ServerHandshake`), then packets (`RunDecoder` in, `SendQueue` out). The second is the packet path.
"""

from __future__ import annotations

import asyncio
import logging
import random
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from tailhub.derp.frames import KEEP_ALIVE
from tailhub.derp.handshake import ClientInfo, ServerHandshake, further_server_info
from tailhub.derp.runs import RunDecoder
from tailhub.exceptions import RemoteError
from tailhub.net.stream import Stream
from tailhub.net.unsent_limit import UnsentLimit
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.rate_limit import Throttle
from tailhub.relay.stats import GONE_DISCONNECTED, WRITE_ERROR
from tailhub.relay.steering import Order
from tailhub.server.context import ServerContext
from tailhub.server.newcomers import LOGIN_S, Newcomer

if TYPE_CHECKING:
    from tailhub.server.gatekeeper import Decision, Waiting

UNIX_PEER = IPv4Address("127.0.0.1")  # who comes by a unix socket and speaks for nobody else is on this machine
KEEP_ALIVE_S = 60.0
KEEP_ALIVE_JITTER_S = 5.0  # drawn once a connection
WRITE_BYTES = 65536  # plaintext taken from the queue at a time
# The same for a connection whose kernel buffer was full: one TLS record, because what has been taken for a thin line
# can no longer be overtaken, nor dropped for its age.
HELD_UP_BYTES = 16384
MAX_EARLY_BYTES = 4096  # kept of what a client sends before it is admitted; with more it is not read until then

_log = logging.getLogger("tailhub")


class DerpConnection:
    """Receiver of a stream and sink of a relay connection.

    Where there are verifiers, it waits for their decision behind ClientInfo and before everything else: what comes
    meanwhile is kept, and read no further than `MAX_EARLY_BYTES`.
    """

    __slots__ = (
        "_connection",
        "_context",
        "_decoder",
        "_handshake",
        "_is_ending",
        "_keep_alive",
        "_keep_alive_s",
        "_listener",
        "_newcomer",
        "_not_ideal",
        "_pause",
        "_stream",
        "_throttle",
        "_unsent_limit",
        "_waiting",
    )

    def __init__(self, context: ServerContext, newcomer: Newcomer, not_ideal: bool) -> None:
        self._context = context
        self._newcomer: Newcomer | None = newcomer
        self._stream = newcomer.stream
        self._listener = newcomer.listener
        self._not_ideal = not_ideal
        self._handshake: ServerHandshake | None = ServerHandshake(context.private_key)
        self._decoder: RunDecoder | None = None
        self._connection: Connection | None = None
        self._is_ending = False
        self._keep_alive: asyncio.TimerHandle | None = None
        self._keep_alive_s = 0.0
        self._throttle: Throttle | None = None
        self._pause: asyncio.TimerHandle | None = None  # while it is not read because it has sent too much
        self._unsent_limit: UnsentLimit | None = None  # made when the kernel was full for the first time
        self._waiting: Waiting | None = None  # for verifiers

    @property
    def stream(self) -> Stream:
        """Where its bytes come from and go to."""
        return self._stream

    @property
    def connection(self) -> Connection | None:
        """What the relay has of it; None while it is not let in."""
        return self._connection

    def obey(self, order: Order) -> None:
        """What the steersman has decided."""
        if order is Order.CLOSE:
            self.abort("to have its home elsewhere")

    def start(self, trailing: bytes, answer: bytes = b"") -> None:
        """Open the login; `trailing` are bytes that came behind the request, which `answer` answers."""
        if self._newcomer is not None:
            self._newcomer.set_deadline(LOGIN_S, "no ClientInfo within 10 s")
        self._context.derp_connections[self] = None
        self._write(answer + self._context.server_key_frame)
        if trailing:
            self._receive_bytes(trailing)

    # --- Receiver -----------------------------------------------------------------------------------------------------

    def prepare(self, buf: bytearray) -> int:
        """Put back the start of an unfinished frame."""
        return self._decoder.prepare(buf) if self._decoder is not None else 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Route what a read brought. The packet path begins here."""
        decoder = self._decoder
        if decoder is None:
            self._receive_login(bytes(buf[start:end]))
            return
        items = decoder.decode(buf, end)
        connection = self._connection
        if connection is None:
            return
        throttle = self._throttle
        if throttle is not None:
            now = self._context.loop.time()
            self._hold_up(throttle.pause_after(end - start, items, decoder.skipped_frames, now))
        try:
            if items:
                self._context.relay.route(connection, items, self._context.loop.time())
            if decoder.skipped_frames:
                self._context.relay.note_unknown_frames(connection, decoder.skipped_frames, self._context.loop.time())
                decoder.skipped_frames = 0
            if decoder.error is not None:
                raise decoder.error
        except RemoteError as exc:
            self.abort(f"protocol violation ({exc.reason}): {exc}")
        except Exception:  # ours: it costs this connection, not the relay
            _log.exception("error while routing")
            self.abort("internal error")

    def writable(self) -> None:
        """The kernel, which was full, takes more."""
        connection = self._connection
        if connection is None:
            return
        limit = self._unsent_limit
        if limit is None:
            limit = self._unsent_limit = UnsentLimit()
        now = self._context.loop.time()
        if limit.look(now, connection.queue.taken_bytes):
            self._stream.limit_unsent(limit.size)
        self.flush(now, HELD_UP_BYTES)

    def closed(self, reason: str) -> None:
        """The stream is over: take the connection out of the relay."""
        self._context.derp_connections.pop(self, None)
        for timer in (self._keep_alive, self._pause):
            if timer is not None:
                timer.cancel()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        newcomer, self._newcomer = self._newcomer, None
        if newcomer is not None:
            newcomer.leave()
            self._context.events.failed(newcomer.ip, reason)
        connection, self._connection = self._connection, None
        if connection is not None:
            dropped = WRITE_ERROR if reason.startswith("write") else GONE_DISCONNECTED
            self._context.relay.unregister(connection, dropped)
            self._context.events.logged_out(connection, reason, self._context.loop.time())

    # --- Sink and Flushable -------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something is in the queue: write it at the end of the turn."""
        self._context.turn.add(self)

    def close(self, reason: str) -> None:
        """End the connection, not within this call."""
        if not self._is_ending:
            self._is_ending = True
            self._context.loop.call_soon(self.abort, reason)

    def abort(self, reason: str) -> None:
        """End the connection now."""
        self._stream.abort(reason)

    def flush(self, now: float, most_bytes: int = WRITE_BYTES) -> None:
        """Write what waits, as far as the kernel takes it."""
        connection = self._connection
        if connection is None:
            return
        connection.dirty = False
        stream = self._stream
        take = connection.queue.take
        while not stream.is_blocked:
            data = take(now, most_bytes)
            if data:
                self._write(data)
            if len(data) < most_bytes:  # that was all
                return

    def _write(self, data: bytes) -> None:
        self._stream.write(data)

    # --- rate limit ---------------------------------------------------------------------------------------------------

    def _hold_up(self, wait_s: float) -> None:
        """Read nothing for so long. Writing and timers go on; the other side's end is noticed when something moves."""
        if wait_s and self._stream.is_open:
            self._stream.pause_reading()
            self._pause = self._context.loop.call_later(wait_s, self._end_pause)

    @property
    def _is_paused(self) -> bool:
        return self._pause is not None or self._is_early_full

    def _end_pause(self) -> None:
        self._pause = None
        self._go_on()

    def _go_on(self) -> None:
        """Read again, unless a pause has begun meanwhile, or verifiers have still to decide: these end with this."""
        if not self._is_paused:
            self._stream.resume_reading()

    def take_rate_limit(self) -> None:
        """The relay's limit may have changed: hold this client to the new one, and tell it."""
        connection, before = self._connection, self._throttle
        if connection is None or connection.identity.is_mesh:
            return
        context = self._context
        limit = context.relay.rate_limit
        if limit == (before.limit if before is not None else None):
            return
        self._throttle = context.relay.new_throttle(connection.identity, context.loop.time())
        if self._pause is not None:
            self._pause.cancel()
            self._end_pause()
        info = limit.server_info() if limit is not None else None
        connection.queue.put_control(further_server_info(context.private_key, connection.key, info))
        self._put_health(connection)  # which a client forgets at every ServerInfo
        connection.wake()

    # --- login --------------------------------------------------------------------------------------------------------

    def _receive_bytes(self, data: bytes) -> None:
        """Take bytes of the DERP stream that do not lie in the read buffer yet (at most one read)."""
        if self._decoder is None:
            self._receive_login(data)
            return
        # By name, because what a subclass receives from its stream is something else than the DERP stream.
        plain = self._context.buffers.plain
        start = DerpConnection.prepare(self, plain)
        end = start + len(data)
        plain[start:end] = data
        DerpConnection.data_received(self, plain, start, end)

    def _receive_login(self, data: bytes) -> None:
        handshake = self._handshake
        if handshake is None:
            return
        if self._waiting is not None:
            handshake.trailing += data
            self._hold_up_early()
            return
        try:
            info = handshake.receive_data(data)
        except RemoteError as exc:
            self.abort(f"login ({exc.reason}): {exc}")
            return
        if info is None:
            return
        is_mesh = self._context.policy.is_mesh_peer(info)
        if self._context.gatekeeper is None or is_mesh:
            self._admit(handshake, info, is_mesh)
        else:
            self._ask_verifiers(handshake, info)

    def _ask_verifiers(self, handshake: ServerHandshake, info: ClientInfo) -> None:
        newcomer, gatekeeper = self._newcomer, self._context.gatekeeper
        if newcomer is None or gatekeeper is None:
            return

        def decided(decision: Decision) -> None:
            is_held_up = self._is_early_full
            self._waiting = None
            if not decision.admits:
                self._refuse(handshake.client_key, decision)
                return
            self._admit(handshake, info, is_mesh=False)
            if is_held_up:
                self._go_on()

        newcomer.set_deadline(gatekeeper.longest_s, "no verdict on its key")
        self._waiting = gatekeeper.ask(handshake.client_key, newcomer.address or UNIX_PEER, decided)
        self._hold_up_early()

    @property
    def _is_early_full(self) -> bool:
        """Does it wait for verifiers, and has it sent as much as is kept meanwhile?"""
        handshake = self._handshake
        return self._waiting is not None and handshake is not None and len(handshake.trailing) > MAX_EARLY_BYTES

    def _hold_up_early(self) -> None:
        if self._is_early_full:
            self._stream.pause_reading()

    def _refuse(self, key: bytes, decision: Decision) -> None:
        """End the login without a further frame, as the reference does."""
        newcomer, self._newcomer = self._newcomer, None
        if newcomer is not None:
            newcomer.leave()
            self._context.events.refused(key, newcomer.address or UNIX_PEER, newcomer.port, decision)
        self.abort("not admitted")

    def _admit(self, handshake: ServerHandshake, info: ClientInfo, is_mesh: bool) -> None:
        context, newcomer = self._context, self._newcomer
        if newcomer is None:
            return
        newcomer.leave()
        self._handshake = None
        if context.fronts[newcomer.listener].trusts(newcomer.address):
            context.events.proxy_told_nothing(newcomer.ip)
        identity = Identity(
            key=handshake.client_key,
            connection_id=context.relay.next_connection_id(),
            address=newcomer.address or UNIX_PEER,
            port=newcomer.port,
            is_mesh=is_mesh,
            is_prober=info.is_prober,
            is_not_ideal=self._not_ideal,
            app_name=info.app_name,
            connected_at=context.loop.time(),
        )
        self._stream.crowd = None
        self._stream.write_timeout_s = context.mesh_write_timeout_s if is_mesh else context.client_write_timeout_s
        self._decoder = RunDecoder(handshake.client_key)
        self._newcomer = None
        connection = self._connection = context.relay.register(identity, self)
        # By way of the queue, whose first it is: other workers of this relay hear of the client before it may speak.
        throttle = self._throttle = context.relay.new_throttle(identity, context.loop.time())
        answer = throttle.limit.server_info() if throttle is not None else None
        connection.queue.put_control(handshake.server_info(answer))
        self._put_health(connection)
        connection.wake()
        context.events.logged_in(identity)
        self._keep_alive_s = KEEP_ALIVE_S + random.random() * KEEP_ALIVE_JITTER_S
        self._keep_alive = context.loop.call_later(self._keep_alive_s, self._send_keep_alive)
        if handshake.trailing:
            self._receive_bytes(handshake.trailing)

    def _put_health(self, connection: Connection) -> None:
        health = self._context.health.get(self._listener)
        if health is not None and not connection.identity.is_mesh:
            connection.queue.put_control(health)

    def _send_keep_alive(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.queue.put_control(KEEP_ALIVE):
            connection.wake()
        self._keep_alive = self._context.loop.call_later(self._keep_alive_s, self._send_keep_alive)
