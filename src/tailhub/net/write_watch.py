"""Peers that do not read: found out by trying, and given up after a while. Knows no DERP."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

_MOST_LATE: Final = 16  # streams ended at once: what waited for them is dropped, which takes its time


class Watched(Protocol):
    """A stream with bytes that the kernel has not taken.

    `progress_at`: when it last took one (monotonic seconds); `write_timeout_s`: how long none may go (0: for ever).
    """

    progress_at: float
    write_timeout_s: float

    def push(self) -> None:
        """Offer the rest to the kernel again."""

    def abort(self, reason: str) -> None:
        """End it at once."""


class WriteWatch:
    """Ends streams whose peer does not read: no byte taken by the kernel for `Watched.write_timeout_s`."""

    __slots__ = ("_blocked", "_interval_s", "_loop", "_timer", "timeouts")

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float = 0.25) -> None:
        self._loop = loop
        self._interval_s = interval_s
        self._blocked: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.timeouts = 0

    def add(self, stream: Watched) -> None:
        """The kernel did not take all of a write."""
        self._blocked.add(stream)
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval_s, self._look)

    def discard(self, stream: Watched) -> None:
        """The kernel took the rest, or the stream is over."""
        self._blocked.discard(stream)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        before = self.timeouts
        for stream in list(self._blocked):
            if self.timeouts - before == _MOST_LATE:
                break
            if self._is_late(stream, now):
                # A socket is called writable only when a good part of its buffer is free, which takes seconds on a
                # thin line: whether the kernel takes anything is found out by trying.
                stream.push()
                if self._is_late(stream, now):
                    self.timeouts += 1
                    stream.abort("write timeout")
        if self._blocked:
            wait_s = 0.0 if self.timeouts - before == _MOST_LATE else self._interval_s
            self._timer = self._loop.call_later(wait_s, self._look)

    def _is_late(self, stream: Watched, now: float) -> bool:
        timeout_s = stream.write_timeout_s
        return timeout_s > 0 and stream in self._blocked and now - stream.progress_at >= timeout_s
