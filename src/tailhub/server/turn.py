"""The end of a turn: writes to each connection that got something, once, after all reads of the turn are routed."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

_log = logging.getLogger("tailhub")


class Flushable(Protocol):
    """A connection with a queue."""

    def flush(self, now: float) -> None:
        """Write what waits, as far as the kernel takes it."""

    def abort(self, reason: str) -> None:
        """End the connection at once."""


class Turn:
    """Collects connections with something to write. asyncio runs `_flush` behind all reads that are due already."""

    __slots__ = ("_dirty", "_loop", "_scheduled")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: list[Flushable] = []
        self._scheduled = False

    def add(self, connection: Flushable) -> None:
        """Have `connection` flushed at the end of this turn; at most once a turn, the caller sees to that."""
        self._dirty.append(connection)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        self._scheduled = False
        now = self._loop.time()
        for connection in dirty:
            try:
                connection.flush(now)
            except Exception:  # a bug of ours must not cost the others their turn
                _log.exception("error while writing to a connection")
                connection.abort("internal error")
