"""One DERP connection: moves bytes between its stream and the relay's decisions.

Two phases: login (`tailhub.server.derp_login`), then packets (`RunDecoder` in, `SendQueue` out), which is the packet
path.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, TypeAlias

from tailhub import __version__
from tailhub.derp.frames import KEEP_ALIVE, FrameType
from tailhub.derp.handshake import ServerHandshake, ServerInfo, further_server_info
from tailhub.derp.runs import Item, RunDecoder
from tailhub.exceptions import RemoteError
from tailhub.net.stream import Stream
from tailhub.net.unsent_limit import UnsentLimit
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.health import health_frame, mesh_key_text
from tailhub.relay.rate_limit import RateLimit
from tailhub.relay.stats import GONE_DISCONNECTED, WRITE_ERROR
from tailhub.relay.steering import Order
from tailhub.server.client_limits import ClientLimits
from tailhub.server.context import ServerContext
from tailhub.server.derp_login import KEEP_ALIVE_JITTER_S, KEEP_ALIVE_S, Login
from tailhub.server.frame_watch import FrameWatch, WatchedDecoder
from tailhub.server.newcomers import Newcomer

if TYPE_CHECKING:
    from tailhub.server.held_login import HeldLogin
    from tailhub.server.moving_login import MovingLogin

    LaterStage: TypeAlias = HeldLogin | MovingLogin

WRITE_BYTES = 65536  # plaintext taken from the queue at a time
# The same for a connection whose kernel buffer was full: one TLS record, because what has been taken for a thin line
# can no longer be overtaken, nor dropped for its age.
HELD_UP_BYTES = 16384

_log = logging.getLogger("tailhub")


class DerpConnection:
    """Receiver of a stream and sink of a relay connection; until it is logged in, bytes go to its login."""

    __slots__ = (
        "_connection",
        "_context",
        "_decoder",
        "_is_ending",
        "_keep_alive",
        "_keep_alive_s",
        "_limits",
        "_login",
        "_pause",
        "_route",
        "_stream",
        "_told_health",
        "_unsent_limit",
        "listener",
    )

    def __init__(self, context: ServerContext, newcomer: Newcomer, not_ideal: bool) -> None:
        self._context = context
        self._stream = newcomer.stream
        self.listener = newcomer.listener
        self._login: Login | LaterStage | None = Login(self, context, newcomer, not_ideal)
        self._decoder: RunDecoder | WatchedDecoder | None = None
        self._connection: Connection | None = None
        self._is_ending = False
        self._keep_alive: asyncio.TimerHandle | None = None
        self._keep_alive_s = 0.0
        self._limits: ClientLimits | None = None  # where something limits its key
        self._pause: asyncio.TimerHandle | None = None  # while its login is not read because it has sent too much
        self._told_health = ""  # what the client was told last, as far as it remembers that
        self._route = context.relay.route
        self._unsent_limit: UnsentLimit | None = None  # made when the kernel was full for the first time

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
        login = self._login
        if login is not None and not isinstance(login, Login):
            login.obey(order)
        elif order is Order.CLOSE:
            self.abort("its home is to be elsewhere")

    def start(self, trailing: bytes, answer: bytes = b"") -> None:
        """Open the login; `trailing` are bytes that came behind the request, which `answer` answers."""
        if isinstance(self._login, Login):
            self._login.start()
        self._context.derp_connections[self] = None
        self.write(answer + self._context.server_key_frame)
        if trailing:
            self.receive_bytes(trailing)

    # --- Receiver -----------------------------------------------------------------------------------------------------

    def prepare(self, buf: bytearray) -> int:
        """Put back the start of an unfinished frame."""
        return self._decoder.prepare(buf) if self._decoder is not None else 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Route what a read brought. The packet path begins here."""
        decoder = self._decoder
        if decoder is None:
            if self._login is not None:
                self._login.receive(bytes(buf[start:end]))
            return
        items = decoder.decode(buf, end)
        connection = self._connection
        if connection is None:
            return
        limits = self._limits
        if limits is not None:
            limits.charge(end - start, items, decoder.skipped_frames)
        try:
            if items:
                self._route(connection, items, self._context.loop.time())
            if decoder.skipped_frames:
                self._context.relay.note_unknown_frames(connection, decoder.skipped_frames, self._context.loop.time())
                decoder.skipped_frames = 0
            if decoder.error is not None:
                raise decoder.error
        except RemoteError as exc:
            self._end_violation(f"protocol violation ({exc.reason}): {exc}")
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
        self._context.debug.closed(self, reason)
        self._context.derp_connections.pop(self, None)
        for timer in (self._keep_alive, self._pause):
            if timer is not None:
                timer.cancel()
        login, self._login = self._login, None
        if login is not None:
            login.closed(reason)
        connection, self._connection = self._connection, None
        steersman = self._context.steersman
        if steersman is not None:
            steersman.left(self)
            if steersman.steers_refused and connection is not None and connection.identity.is_served:
                steersman.went(connection.identity.address)
        if connection is not None:
            self._end_limits()
            dropped = WRITE_ERROR if reason.startswith("write") else GONE_DISCONNECTED
            self._context.relay.unregister(connection, dropped)
            self._context.events.logged_out(connection, reason, self._context.loop.time())
            if self._context.door is not None:
                self._context.door.freed(connection.key)

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

    def say_goodbye(self, reason: str, last_words: bytes) -> None:
        """End it when these frames and what waits before them are out, as far as the kernel takes them soon."""
        connection = self._connection
        if connection is not None:
            self._put_health(connection, self._told_health)  # if its turn to be told has not come yet
            connection.queue.put_control(last_words)
            self.flush(self._context.loop.time())
        self._stream.close(reason, linger=True)

    def _end_violation(self, reason: str) -> None:
        """End it now; but who shows a wrong mesh key, and speaks as a mesh peer at once, is told so before."""
        connection = self._connection
        if connection is None or not connection.identity.has_unknown_mesh_key:
            self.abort(reason)
            return
        self.flush(self._context.loop.time())
        self._stream.close(reason, linger=True)

    def flush(self, now: float, most_bytes: int = WRITE_BYTES) -> None:
        """Write what waits, as far as the kernel takes it."""
        connection = self._connection
        if connection is None:
            return
        connection.dirty = False
        limits = self._limits
        if limits is not None and limits.is_receiving_limited:
            limits.flush(now, self.write)
            return
        stream = self._stream
        take = connection.queue.take
        while not stream.is_blocked:
            data = take(now, most_bytes)
            if data:
                self.write(data)
            if len(data) < most_bytes:  # that was all
                return

    def write(self, data: bytes) -> None:
        """Send bytes of the DERP stream."""
        self._stream.write(data)

    # --- limits -------------------------------------------------------------------------------------------------------

    def hold_up(self, wait_s: float) -> None:
        """Read nothing for so long. Writing and timers go on; the other side's end is noticed when something moves."""
        if wait_s and self._stream.is_open:
            self._stream.pause_reading()
            self._pause = self._context.loop.call_later(wait_s, self.end_pause)

    @property
    def is_paused(self) -> bool:
        """Is it not read now, because of a limit or because its login takes no more?"""
        limits, login = self._limits, self._login
        return (
            self._pause is not None
            or (limits is not None and limits.is_waiting)
            or (login is not None and login.is_full)
        )

    def end_pause(self) -> None:
        """Read again, whatever it has sent."""
        if self._pause is not None:
            self._pause.cancel()
        self._pause = None
        self.go_on()

    def go_on(self) -> None:
        """Read again, unless a pause has begun meanwhile, or the login takes no more yet: these end with this."""
        if not self.is_paused:
            self._stream.resume_reading()

    @property
    def _told(self) -> RateLimit | None:
        """The limit that the client is told."""
        return self._limits.of_key.told if self._limits is not None else None

    def take_rate_limit(self) -> None:
        """The limits may have changed: hold this client to the new ones, and tell it."""
        connection, context = self._connection, self._context
        if connection is None or connection.identity.is_mesh:
            return
        identity, before = connection.identity, self._limits.of_key if self._limits is not None else None
        if before == context.relay.accounts.limits_of(identity.key, identity.tenant):
            return
        told_before, was_paused = self._told, self.is_paused
        self._end_limits()
        self._begin_limits(connection)
        if was_paused:
            self.go_on()
        told = self._told
        if told != told_before:
            info = told.server_info() if told is not None else None
            connection.queue.put_control(further_server_info(context.private_key, connection.key, info))
            self._put_health(connection, told="")  # a client forgets at every ServerInfo
        connection.wake()

    def _begin_limits(self, connection: Connection) -> None:
        """Hold it to the limits of now."""
        context = self._context
        account = context.relay.open_account(connection.identity, context.loop.time())
        if account is not None:
            self._limits = ClientLimits(
                context.loop, context.relay, context.pauses, self._stream, connection, account, self.go_on
            )

    def _end_limits(self) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.end()

    # --- login --------------------------------------------------------------------------------------------------------

    def receive_bytes(self, data: bytes) -> None:
        """Take bytes of the DERP stream that do not lie in the read buffer yet (at most one read)."""
        if self._login is not None:
            self._login.receive(data)
            return
        # By name, because what a subclass receives from its stream is something else than the DERP stream.
        plain = self._context.buffers.plain
        start = DerpConnection.prepare(self, plain)
        end = start + len(data)
        plain[start:end] = data
        DerpConnection.data_received(self, plain, start, end)

    def go_through(self, login: LaterStage) -> None:
        """Give this stage of the login what is read from now on."""
        self._login = login

    def let_in(self, identity: Identity, handshake: ServerHandshake, skip: int = 0) -> None:
        """The login has succeeded. The first `skip` bytes that come are the rest of a frame that nobody wants."""
        context = self._context
        self._login = None
        self._stream.gate = None
        is_mesh = identity.is_mesh
        self._stream.write_timeout_s = context.mesh_write_timeout_s if is_mesh else context.client_write_timeout_s
        if is_mesh:
            from tailhub.derp.mesh_runs import MeshRunDecoder  # of no use to most relays

            self._decoder, self._route = MeshRunDecoder(identity.key, skip), context.relay.route_mesh
        else:
            self._decoder = RunDecoder(identity.key, skip)
        connection = self._connection = context.relay.register(identity, self)
        context.debug.let_in(self)
        # By way of the queue, whose first it is: other workers of this relay hear of the client before it may speak.
        self._begin_limits(connection)
        told = self._told
        info = told.server_info() if told is not None else None
        if identity.is_tailhub:
            info = ServerInfo(tailhub=__version__)
        connection.queue.put_control(handshake.server_info(info))
        self._put_health(connection, told="")
        connection.wake()
        self._keep_alive_s = KEEP_ALIVE_S + random.random() * KEEP_ALIVE_JITTER_S
        self._keep_alive = context.loop.call_later(self._keep_alive_s, self._send_keep_alive)

    def note_home(self, is_home: bool) -> None:
        """What the client has said while it was not let in."""
        if self._connection is not None:
            note: Item = (None, bytes((is_home,)), FrameType.NOTE_PREFERRED, False)
            self._context.relay.route(self._connection, [note], self._context.loop.time())

    @property
    def identity(self) -> Identity | None:
        """Who it is, once it is logged in."""
        return self._connection.identity if self._connection is not None else None

    def watch(self, watch: FrameWatch | None) -> None:
        """Show its control frames to this one from now on; None: to nobody."""
        decoder, connection = self._decoder, self._connection
        if decoder is not None and connection is not None:
            inner = decoder.inner if isinstance(decoder, WatchedDecoder) else decoder
            self._decoder = WatchedDecoder(inner, watch.received) if watch is not None else inner
            connection.queue.on_control = watch.queued if watch is not None else None

    def take_notice(self) -> None:
        """What it is told may have changed."""
        connection = self._connection
        if connection is not None and self._put_health(connection, self._told_health):
            connection.wake()

    def _put_health(self, connection: Connection, told: str) -> bool:
        """Tell the client what there is to tell, unless it was `told` that before. Returns whether it is told.

        A text takes the place of the last one, so it is all in one.
        """
        identity, context = connection.identity, self._context
        quota = context.quota.notice(identity.key) if context.quota is not None else ""
        mesh = mesh_key_text(has_key=bool(context.policy.mesh_keys)) if identity.has_unknown_mesh_key else ""
        text = context.health.text(self.listener, identity.tenant, identity.key, quota, mesh)
        if identity.is_mesh or text == told or not connection.queue.put_control(health_frame(text)):
            return False
        self._told_health = text
        return True

    def _send_keep_alive(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if connection.queue.put_control(KEEP_ALIVE):
            connection.wake()
        self._keep_alive = self._context.loop.call_later(self._keep_alive_s, self._send_keep_alive)
