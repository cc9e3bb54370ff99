"""Holds one client to its limits: as the gate of its stream, and when its queue is written.

Not here: what the limits are, and whose turn it is (`tailhub.relay.accounts`, `tailhub.relay.rate_limit`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from tailhub.derp.runs import Item
from tailhub.net.stream import Stream
from tailhub.relay.connection import Connection
from tailhub.relay.rate_limit import LEAST_PAUSE_S, Account, KeyLimits, Throttle
from tailhub.relay.relay import Relay
from tailhub.server.pauses import Pauses

WRITE_BYTES = 16384  # taken from the queue of a client that may receive only so much, at a time


class ClientLimits:
    """Of one connection, for as long as the limits stay the same; `on_go` is called when it may read again."""

    __slots__ = ("_account", "_connection", "_loop", "_on_go", "_pauses", "_relay", "_stream", "_throttle", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        relay: Relay,
        pauses: Pauses,
        stream: Stream,
        connection: Connection,
        account: Account,
        on_go: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._relay = relay
        self._pauses = pauses
        self._stream = stream
        self._connection = connection
        self._account = account
        self._throttle = Throttle(account, relay.stats) if account.buckets else None
        self._timer: asyncio.TimerHandle | None = None  # until more of the queue may be written
        if self._throttle is not None:
            self._throttle.on_go = on_go
            stream.gate = self

    @property
    def of_key(self) -> KeyLimits:
        """What they are."""
        return self._account.limits

    @property
    def is_waiting(self) -> bool:
        """Is the client not read now?"""
        return self._throttle is not None and self._throttle.is_waiting

    def end(self) -> None:
        """The connection is over, or has other limits from now on."""
        self._stream.gate = None
        if self._throttle is not None:
            self._pauses.end(self._throttle)
        if self._timer is not None:
            self._timer.cancel()
        self._connection.queue.hold_back(data=False, disco=False)
        self._relay.accounts.close(self._connection.key, self._account, self._loop.time())

    # --- what it sends: `Gate` ----------------------------------------------------------------------------------------

    @property
    def must_wait(self) -> bool:
        """Read nothing until its limits allow it; writing and timers go on meanwhile.

        The other side's end is noticed when something moves.
        """
        bucket = self._throttle.wait(self._loop.time()) if self._throttle is not None else None
        if bucket is None:
            return False
        self._stream.pause_reading()
        self._pauses.begin(bucket)
        return True

    def spend(self, seconds: float) -> None:
        """See `Gate`: no limit is one of time."""

    def charge(self, size: int, items: Iterable[Item], skipped_frames: int) -> None:
        """See `Throttle.charge`."""
        if self._throttle is not None:
            self._throttle.charge(size, items, skipped_frames, self._loop.time())

    # --- what it receives ---------------------------------------------------------------------------------------------

    @property
    def is_receiving_limited(self) -> bool:
        """Is its queue to be written by `flush`?"""
        return self._account.receive is not None

    def flush(self, now: float, write: Callable[[bytes], None]) -> None:
        """Write what its bucket allows; the rest waits in the queue, and gives way there as in any queue.

        In debt there is no data, and path discovery only until the debt is as deep as the burst: it is small, and keeps
        paths alive, but may not be used to get around the limit. Control frames always go.
        """
        bucket, queue = self._account.receive, self._connection.queue
        if bucket is None:
            return
        while not self._stream.is_blocked:
            wait_s = bucket.take(0, now)
            queue.hold_back(data=bucket.tokens <= 0, disco=bucket.tokens <= -bucket.burst)
            data = queue.take(now, WRITE_BYTES)
            if data:
                bucket.take(len(data), now)
                write(data)
            if len(data) < WRITE_BYTES:  # that was all that may go now
                if queue and self._timer is None:
                    self._timer = self._loop.call_later(max(wait_s, LEAST_PAUSE_S), self._go_on_writing)
                return

    def _go_on_writing(self) -> None:
        self._timer = None
        self._connection.wake()
