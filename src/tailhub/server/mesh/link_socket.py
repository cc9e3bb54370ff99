"""The bytes of a link that is open: from WatchConns to its end. What they mean is the `MeshLink`'s.

Like `tailhub.server.derp_connection`, it writes once a turn, and no more than the kernel takes.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from tailhub.derp import frames
from tailhub.derp.client_protocol import PING_LEN
from tailhub.derp.frames import FrameType
from tailhub.derp.link_decoder import SmallFrame
from tailhub.derp.runs import SLACK
from tailhub.exceptions import RemoteError
from tailhub.net.unsent_limit import UnsentLimit
from tailhub.relay.mesh_link import MeshLink
from tailhub.server.context import ServerContext
from tailhub.server.derp_connection import HELD_UP_BYTES, WRITE_BYTES
from tailhub.server.mesh.dialing import MAX_SAYS, Dialled
from tailhub.server.mesh.failures import violation

__all__ = ["LinkSocket", "Pulse"]

FLOOD_S = 5.0  # who has not told of us by then will not: what comes is news all the same
FLOOD_ASK_S = 0.1  # until then it is asked so often

_log = logging.getLogger("tailhub")


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often the other relay is asked whether it is there, and after which silence it is not. Seconds."""

    ask_s: float = 10.0
    silence_s: float = 20.0  # without any frame


class LinkSocket:
    """Receiver of a stream; sink of a `MeshLink`, which it makes, and one of the turn's connections.

    `on_taken` is called once, when the other relay has told who is there, as it does to its mesh peers; `on_says` when
    it has something to tell after that; `on_closed` once, with the reason. `rtt_s` is the last round trip.
    """

    __slots__ = (
        "_asked",
        "_asked_at",
        "_context",
        "_flood_timer",
        "_on_closed",
        "_on_says",
        "_on_taken",
        "_pulse",
        "_stream",
        "_timer",
        "_unsent_limit",
        "has_told",
        "is_taken",
        "link",
        "rtt_s",
        "says",
    )

    def __init__(
        self,
        context: ServerContext,
        dialled: Dialled,
        pulse: Pulse,
        *,
        on_taken: Callable[[], None],
        on_says: Callable[[str], None],
        on_closed: Callable[[str], None],
    ) -> None:
        self._context = context
        self._stream = dialled.stream
        self._pulse = pulse
        self._on_taken, self._on_says, self._on_closed = on_taken, on_says, on_closed
        self._unsent_limit: UnsentLimit | None = None
        self._asked = b""  # what the Ping says to which there is no Pong yet
        self._asked_at = context.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self.is_taken = False
        self.has_told = False  # at the end: had it begun to tell who is there?
        self.says = dialled.says  # the last Health, if it is not taken back
        self.rtt_s: float | None = None
        self.link = MeshLink(context.relay, self, dialled.server_key, is_tailhub=dialled.version != "")
        self.link.heard_at = self._asked_at
        self._flood_timer = context.loop.call_later(FLOOD_S, self.link.flood_over)
        dialled.stream.set_receiver(self)
        self.link.queue.put_control(frames.WATCH_CONNS)
        self._ask()  # behind all that it has to say of who is there
        if dialled.rest:
            self.data_received(bytearray(dialled.rest + bytes(SLACK)), 0, len(dialled.rest))
        dialled.stream.resume_reading()

    # --- Receiver -----------------------------------------------------------------------------------------------------

    def prepare(self, buf: bytearray) -> int:
        """Put back the start of an unfinished frame."""
        return self.link.prepare(buf)

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Take in what that relay says."""
        now = self._context.loop.time()
        try:
            for frame in self.link.data_received(buf, end, now):
                self._receive(frame, now)
        except RemoteError as exc:
            self.abort(violation(exc))
        except Exception:  # ours: it costs this link, not the relay
            _log.exception("error while taking what another relay says")
            self.abort("internal error")

    def _receive(self, frame: SmallFrame, now: float) -> None:
        if frame.frame_type == FrameType.PONG:
            if frame.body[:PING_LEN] == self._asked:
                self._answered(now)
        elif frame.frame_type == FrameType.HEALTH:
            self.says = frames.parse_health(frame.body)[:MAX_SAYS]
            if self.is_taken:
                self._on_says(self.says)
        elif frame.frame_type == FrameType.SERVER_INFO:
            self.says = ""  # as for any client: whoever has something to say says it again

    def writable(self) -> None:
        """The kernel, which was full, takes more."""
        limit = self._unsent_limit
        if limit is None:
            limit = self._unsent_limit = UnsentLimit()
        now = self._context.loop.time()
        if limit.look(now, self.link.queue.taken_bytes):
            self._stream.limit_unsent(limit.size)
        self.flush(now, HELD_UP_BYTES)

    def closed(self, reason: str) -> None:
        """The stream is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._flood_timer.cancel()
        self.has_told = self._has_told
        self.link.broken()
        self._on_closed(reason)

    # --- Sink and Flushable -------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something is in the queue: write it at the end of the turn."""
        self._context.turn.add(self)

    def close(self, reason: str) -> None:
        """End the link, not within this call."""
        self._context.loop.call_soon(self.abort, reason)

    def abort(self, reason: str) -> None:
        """End the link now."""
        self._stream.abort(reason)

    def say_goodbye(self, reason: str) -> None:
        """End it in good order: what waits goes out, as far as the kernel takes it soon."""
        self.flush(self._context.loop.time())
        self._stream.close(reason)

    def flush(self, now: float, most_bytes: int = WRITE_BYTES) -> None:
        """Write what waits, as far as the kernel takes it."""
        self.link.dirty = False
        stream, take = self._stream, self.link.queue.take
        while not stream.is_blocked:
            data = take(now, most_bytes)
            if data:
                stream.write(data)
            if len(data) < most_bytes:  # that was all
                return

    def _wake(self) -> None:
        if not self.link.dirty:
            self.link.dirty = True
            self.wake()

    # --- is it there? -------------------------------------------------------------------------------------------------

    @property
    def _has_told(self) -> bool:
        return self.is_taken or self.link.keys > 0 or bool(self.link.peers)

    def _ask(self) -> None:
        self._asked, self._asked_at = os.urandom(PING_LEN), self._context.loop.time()
        if self.link.queue.put_control(frames.ping(self._asked)):
            self._wake()
        self._set_timer()

    def _answered(self, now: float) -> None:
        self.rtt_s, self._asked = now - self._asked_at, b""
        if self._timer is not None:
            self._timer.cancel()
        self._set_timer()
        if not self.is_taken:
            self.is_taken = True
            self._on_taken()

    @property
    def _ask_s(self) -> float:
        return min(FLOOD_ASK_S, self._pulse.ask_s) if self.link.is_flood else self._pulse.ask_s

    def _set_timer(self) -> None:
        due = self.link.heard_at + self._pulse.silence_s
        if not self._asked:
            due = min(due, self._asked_at + self._ask_s)
        self._timer = self._context.loop.call_at(due, self._look)

    def _look(self) -> None:
        now, silence_s = self._context.loop.time(), self._pulse.silence_s
        if now - self.link.heard_at >= silence_s:
            self.abort(f"no frame for {silence_s:g} s")
        elif self._asked and now - self._asked_at >= silence_s and not self._has_told:
            # It may keep us waiting only while it tells: of whoever tells nothing we shall never know more.
            self.abort(f"no answer to a Ping for {silence_s:g} s")
        elif not self._asked and now - self._asked_at >= self._ask_s:
            self._ask()
        else:
            self._set_timer()
