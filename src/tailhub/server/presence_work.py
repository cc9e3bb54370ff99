"""Has presence do that part of its work which takes turns, a piece a turn: there may be thousands of keys."""

from __future__ import annotations

import asyncio

from tailhub.relay.presence import Presence


class PresenceWork:
    """Does what there is to do, from when `presence` says so until nothing is left; `stop` ends it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, presence: Presence) -> None:
        self._loop = loop
        self._presence = presence
        self._next: asyncio.Handle | None = None
        presence.on_work = self._begin

    def stop(self) -> None:
        """Do nothing any more."""
        self._presence.on_work = lambda: None
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _begin(self) -> None:
        if self._next is not None:
            self._next.cancel()  # it may be waiting for a watcher that does not read
        self._next = self._loop.call_soon(self._some)

    def _some(self) -> None:
        self._next = None
        wait_s = self._presence.work(self._loop.time())
        if self._next is not None:  # it has brought about more of it
            self._next.cancel()
        if wait_s is None:
            self._next = None
        else:
            self._next = self._loop.call_later(wait_s, self._some) if wait_s else self._loop.call_soon(self._some)
