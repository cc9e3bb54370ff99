"""The end of a turn: writes to each connection that got something, once, after all reads of the turn are routed.

Where very many sockets are ready at once a turn ends several times, behind each part of them (`TurnSelector`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import process_time
from typing import Protocol

from tailhub.net.pace import Pace
from tailhub.net.turn_selector import Sockets, TurnSelector

_log = logging.getLogger("tailhub")


class Flushable(Protocol):
    """A connection with a queue."""

    def flush(self, now: float) -> None:
        """Write what waits, as far as the kernel takes it."""

    def abort(self, reason: str) -> None:
        """End the connection at once."""


class Turn:
    """Collects connections with something to write.

    With a `selector` (the loop's own) they are written to before the loop waits again; without one a turn later, which
    does the same and costs more.
    """

    __slots__ = ("_dirty", "_is_due", "_loop", "_pace", "_selector", "sockets")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, selector: TurnSelector | None = None, pace: Pace | None = None
    ) -> None:
        self._loop = loop
        self._dirty: list[Flushable] = []
        self._is_due = False
        self._selector = selector
        if selector is not None:
            selector.at_turn_end = self._flush
            selector.on_error = loop.call_exception_handler
            selector.pace = pace
        self._pace = pace
        # What watches the sockets of this loop's streams.
        self.sockets: Sockets = selector if selector is not None and selector.has_sockets else loop

    def add(self, connection: Flushable) -> None:
        """Have `connection` flushed at the end of this turn; at most once a turn, the caller sees to that."""
        self._dirty.append(connection)
        if not self._is_due:
            self._is_due = True
            if self._selector is not None:
                self._selector.is_due = True
            else:
                self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        self._is_due = False
        if self._selector is not None:
            self._selector.is_due = False
        now = self._loop.time()
        pace = self._pace
        if pace is not None and now >= pace.due:
            pace.judge(now, process_time())
        for connection in dirty:
            try:
                connection.flush(now)
            except Exception:  # a bug of ours must not cost the others their turn
                _log.exception("error while writing to a connection")
                with contextlib.suppress(Exception):
                    connection.abort("internal error")
