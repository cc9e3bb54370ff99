"""Lets connections read again whose limits have held them up: one timer for each bucket at which somebody waits.

Not here: who waits for how long, and whose turn it is (`tailhub.relay.rate_limit`).
"""

from __future__ import annotations

import asyncio

from tailhub.relay.rate_limit import SendBucket, Throttle


class Pauses:
    """The timers of one loop."""

    __slots__ = ("_loop", "_timers")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timers: dict[SendBucket, asyncio.TimerHandle] = {}

    def begin(self, bucket: SendBucket) -> None:
        """Somebody waits at this bucket."""
        if bucket not in self._timers:
            due_in = bucket.due_in(self._loop.time())
            self._timers[bucket] = self._loop.call_later(due_in, self._go_on, bucket)

    def end(self, throttle: Throttle) -> None:
        """It waits no more, because its connection is over or has another limit."""
        bucket = throttle.end(self._loop.time())
        if bucket is not None and not bucket.waiting:
            self._timers.pop(bucket).cancel()

    def _go_on(self, bucket: SendBucket) -> None:
        del self._timers[bucket]
        released = bucket.release(self._loop.time())
        if bucket.waiting:
            self.begin(bucket)
        for throttle in released:
            throttle.on_go()
