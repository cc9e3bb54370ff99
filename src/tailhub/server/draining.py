"""Ending a relay gently: nobody new is taken, clients are told and closed bit by bit, then the process ends.

`Draining` is the one that knows, in the process that answers STUN; `ClientCloser` closes, in each process that has
clients. What goes when is in `tailhub.relay.closing`.

The listening sockets stay open meanwhile, and nobody takes who comes. A real client that is refused tries again ever
more seldom (after n*n*10 ms, up to 7.5 s); one that is connected and gets no answer waits for 10 s. So whoever was
closed early is back at once when the next process listens: it either has been waiting in the queue of a socket that the
service manager keeps, or has been refused for no longer than there was no process.

A relay with links to other nodes of its region refuses whoever comes instead: a real client goes to the region's next
node when it is refused, and not while it waits. Other relays' connections go last then, so that packets come through to
those who are still here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Set
from enum import StrEnum
from typing import TYPE_CHECKING

from tailhub.derp import frames
from tailhub.log_event import log_event
from tailhub.relay.closing import STUN_SILENT_FROM_S, Closing, ClosingTime, drain_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tailhub.server.context import DerpStream, ServerContext
    from tailhub.server.stun import StunServer

TICK_S = 0.02
LAST_WORDS_S = 0.2  # for what was written to those who were closed last
TRY_FOR_MS = 60_000  # what Restarting asks for
REASON = "relay drains"
TEXT = "this relay is restarting, connections come back by themselves. 中继正在重启，连接会自动恢复。"

_log = logging.getLogger("tailhub")


class ClientCloser:
    """Closes the connections of this process while the relay drains."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._closing: Closing[DerpStream] | None = None
        self._ends_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, time: ClosingTime, *, is_node: bool = False) -> None:
        """Close all that are there by the time that it ends; other relays' last where this is a node of a mesh."""
        self.stop()
        self._ends_at = time.ends_at
        streams = list(self._context.derp_connections)
        peers = 2 if is_node else 0
        ranked = [(stream, peers if _watches(stream) else 1) for stream in streams]
        self._closing = Closing(ranked, time, random.Random())
        self._tick()

    def stop(self) -> None:
        """Close nobody any more."""
        self._closing = None
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        loop, closing = self._context.loop, self._closing
        if closing is None:
            return
        now = loop.time()
        last_words = frames.restarting(max(0, round((self._ends_at - now) * 1000)), TRY_FOR_MS)
        for stream in closing.due(now):
            stream.say_goodbye(REASON, last_words)
        if closing.is_over(now):
            for stream in list(self._context.derp_connections):
                stream.say_goodbye(REASON, last_words)
            self._context.newcomers.close_all(REASON)
        else:
            self._timer = loop.call_later(TICK_S, self._tick)


def _watches(stream: DerpStream) -> bool:
    connection = stream.connection
    return connection is not None and (connection.identity.is_mesh or connection.is_watcher)


class State(StrEnum):
    """How far it is."""

    DRAINING = "draining"
    DRAINED = "drained"  # all are closed; the relay ends now, or when it is told to


class Draining:
    """The drain of this relay, if there is one.

    `tell` tells whoever has clients; `connections` counts them; `on_end` has the relay end.
    """

    def __init__(
        self,
        stun: StunServer | None,
        tell: Callable[[ClosingTime | None], None],
        connections: Callable[[], Awaitable[int]],
    ) -> None:
        self._stun = stun
        self._tell = tell
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._counting: asyncio.Task[None] | None = None
        self.is_told = False  # to end
        self._timer: asyncio.TimerHandle | None = None
        self._muted: Set[bytes] = stun.muted if stun is not None else frozenset()
        self.on_end: Callable[[], None] = lambda: None
        self.time: ClosingTime | None = None
        self.state: State | None = None
        self.stays = False
        self._is_silent = False
        self.is_ending = False  # `on_end` was called

    @property
    def left_s(self) -> float:
        """Until the last connection is closed."""
        return 0.0 if self.time is None else max(0.0, self.time.ends_at - self._loop.time())

    def begin(self, over_s: float, *, stays: bool = False) -> None:
        """Close all connections, spread over this time, then have the relay end, unless it `stays`.

        One that was told to end does that, whatever an operator wants meanwhile.
        """
        if not self.is_told:
            self._drain(over_s, stays=stays)

    def _drain(self, over_s: float, *, stays: bool = False) -> None:
        self.close()
        now = self._loop.time()
        self.time, self.state, self.stays = ClosingTime(now, now + over_s), State.DRAINING, stays
        self._is_silent = over_s >= STUN_SILENT_FROM_S
        self._mute()
        what = log_event("drain", over_s=round(over_s, 1), stays=stays)
        _log.info("drain   nobody is taken, and clients are closed over %.1f s", over_s, extra=what)
        self._tell(self.time)
        self._timer = self._loop.call_later(over_s + LAST_WORDS_S, self._end)

    def end(self, most_s: float) -> None:
        """The relay was told to end: drain it for so long at the most; now, if it drains already."""
        self.stays, self.is_told = False, True
        if self.state is None:
            self._counting = self._loop.create_task(self._begin_to_end(most_s))
        else:
            self._end()

    async def _begin_to_end(self, most_s: float) -> None:
        connections = await self._connections()
        if connections:
            self._drain(drain_s(most_s, connections))
        else:
            self._end()

    def stop(self) -> None:
        """Serve everyone again, unless the relay was told to end."""
        if self.state is None or self.is_told:
            return
        self.close()
        self.time = self.state = None
        _log.info("drain   called off: clients are taken again", extra=log_event("drain"))
        self._is_silent = False
        self._mute()
        self._tell(None)

    def set_stun(self, stun: StunServer | None) -> None:
        """There is another server for STUN, or none any more."""
        if stun is not self._stun:
            self._stun, self._muted = stun, stun.muted if stun is not None else frozenset()
            self._mute()

    def _mute(self) -> None:
        if self._stun is not None:
            self._stun.muted = _Everybody() if self._is_silent else self._muted

    def close(self) -> None:
        """The relay ends."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self.close()
        self.state = State.DRAINED
        if not self.stays:
            self.is_ending = True
            self.on_end()


class _Everybody(Set[bytes]):
    """The set of all addresses, for who answers none."""

    def __contains__(self, address: object) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def __len__(self) -> int:
        return 1
