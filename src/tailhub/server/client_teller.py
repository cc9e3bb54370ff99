"""Has clients look at what they are told, some of them a turn: there may be thousands, and packets must not wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailhub.server.context import DerpStream, ServerContext

SLICE = 200  # connections in a turn


class ClientTeller:
    """What is told has changed: `tell`. A client that knows it already gets nothing (`DerpStream.take_notice`)."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._left: list[DerpStream] = []
        self._next: asyncio.Handle | None = None

    def tell(self) -> None:
        """Tell all, soon. Who logs in meanwhile is told then."""
        self._left = list(self._context.derp_connections)
        if self._next is None:
            self._next = self._context.loop.call_soon(self._some)

    def stop(self) -> None:
        """Tell nobody any more."""
        if self._next is not None:
            self._next.cancel()

    def _some(self) -> None:
        some, self._left = self._left[:SLICE], self._left[SLICE:]
        self._next = self._context.loop.call_soon(self._some) if self._left else None
        for stream in some:
            stream.take_notice()
