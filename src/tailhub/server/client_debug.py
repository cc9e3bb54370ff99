"""Logs, step by step, what the clients do that an operator has chosen: who connects how, what is decided, each frame.

With the log at the level ``debug`` these are all clients. Bounded: so many lines a second, beyond which they are
counted, and so many connections whose frames are looked at. What is asked of it at each accept and each login is
whether it is on at all; packets do not ask it anything (`tailhub.server.frame_watch`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from tailhub.keys import short_key
from tailhub.log_event import FieldValue, log_event
from tailhub.ratelimit import TokenBucket
from tailhub.server.debug_choice import DebugChoices
from tailhub.server.events import Events
from tailhub.server.frame_watch import FrameWatch
from tailhub.server.log_setup import current_level, set_level

if TYPE_CHECKING:
    from tailhub.server.context import DerpStream
    from tailhub.server.newcomers import Newcomer

__all__ = ["ClientDebug", "LogState"]

LINES_PER_S: Final = 100.0
BURST: Final = 500.0
MOST_WATCHED: Final = 100  # connections whose frames are looked at
LOOK_EVERY_S: Final = 1.0

_log = logging.getLogger("tailhub")
_steps = logging.getLogger("tailhub.client")  # a child, whose lines are written whatever the level of the others


@dataclass(frozen=True, slots=True)
class LogState:
    """What is logged beyond the settings; to workers too. `ends` has when each choice ends, in monotonic seconds."""

    level: str
    ends: Mapping[str, float]


class ClientDebug:
    """Of one process. `tells_ends`: of several that have the same choices one says when they end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, events: Events, connections: Iterable[DerpStream]) -> None:
        """`connections` are all that log in or have, now and later."""
        _steps.setLevel(logging.DEBUG)
        self._loop = loop
        self._events = events
        self._connections = connections
        self.tells_ends = True
        self._choices = DebugChoices()
        self._watched: dict[DerpStream, FrameWatch] = {}
        self._bucket = TokenBucket(LINES_PER_S, BURST, loop.time())
        self._left_out = 0
        self._ending: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None

    @property
    def is_on(self) -> bool:
        """Is there anybody to log the steps of?"""
        return bool(self._choices) or _log.isEnabledFor(logging.DEBUG)

    @property
    def state(self) -> LogState:
        """What is logged now."""
        return LogState(current_level(), self._choices.ends)

    def apply(self, state: LogState) -> None:
        """Log so from now on, also about those who are here already. Raises `UsageError`; nothing changes then."""
        self._choices.replace(state.ends)
        self._choices.expire(self._loop.time())
        set_level(state.level)
        self._set_timer()
        self.look_again()

    def look_again(self) -> None:
        """The level may be another: look at the frames of those who are here, or no longer."""
        for connection in self._connections:
            self._watch(connection)

    def stop(self) -> None:
        """Forget the timers."""
        for timer in (self._ending, self._looking):
            if timer is not None:
                timer.cancel()

    # --- what happens to a connection ---------------------------------------------------------------------------------

    def newcomer(self, newcomer: Newcomer, step: str, text: str, key: bytes = b"", **fields: FieldValue) -> None:
        """A step of one that is not let in yet."""
        self._step(key, newcomer.address, newcomer.port, step, text, **fields)

    def let_in(self, connection: DerpStream) -> None:
        """It is in; its next control frame is ServerInfo."""
        if self.is_on:
            self._watch(connection)

    def closed(self, connection: DerpStream, reason: str) -> None:
        """One that was in is over."""
        self._watched.pop(connection, None)
        identity = connection.identity
        if identity is not None and self.is_on:
            self._step(identity.key, identity.address, identity.port, "closed", f"is over: {reason}", reason=reason)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _fits(self, key: bytes, address: IPv4Address | IPv6Address | None) -> bool:
        return _log.isEnabledFor(logging.DEBUG) or self._choices.fits(key, address)

    def _step(
        self,
        key: bytes,
        address: IPv4Address | IPv6Address | None,
        port: int,
        step: str,
        text: str,
        **fields: FieldValue,
    ) -> None:
        if not self._fits(key, address):
            return
        if not self._bucket.allow(1.0, self._loop.time()):
            self._left_out += 1
            self._look_soon()
            return
        where = self._events.host_port(address, port) if address is not None else "a unix socket"
        who = f"{short_key(key)} from {where}" if key else where
        place = self._events.place(key, address, port)
        _steps.debug("debug   %s: %s", who, text, extra=log_event("debug", step=step, **place, **fields))

    def _watch(self, connection: DerpStream) -> None:
        """Look at its frames, or no longer."""
        here, identity = connection.connection, connection.identity
        if here is None or identity is None:
            return
        fits = self._fits(identity.key, identity.address)
        if fits and connection not in self._watched and len(self._watched) < MOST_WATCHED:
            say = partial(self._step, identity.key, identity.address, identity.port)
            watch = self._watched[connection] = FrameWatch(connection, here, say)
            connection.watch(watch)
            self._look_soon()
        elif not fits and self._watched.pop(connection, None) is not None:
            connection.watch(None)

    def _look_soon(self) -> None:
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._looking = None
        left_out, self._left_out = self._left_out, 0
        if left_out:
            _log.info("%d debug lines more were left out", left_out, extra=log_event("log", left_out=left_out))
        for connection, watch in list(self._watched.items()):
            self._watch(connection)  # the level may be another by now
            watch.look()
        if self._watched:
            self._look_soon()

    def _set_timer(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        at = self._choices.next_end
        self._ending = self._loop.call_at(at, self._end) if at is not None else None

    def _end(self) -> None:
        over = self._choices.expire(max(self._loop.time(), self._choices.next_end or 0.0))
        self._set_timer()
        for connection in list(self._watched):
            self._watch(connection)
        if self.tells_ends:
            for choice in over:
                shown = choice.text if choice.network is None else self._events.shown(choice.text)
                _log.info("the steps of %s are logged no longer", shown, extra=log_event("log", ended=shown))
