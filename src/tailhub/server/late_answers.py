"""STUN answers that are kept back for a while, so that clients measure this relay as farther away than it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MAX_WAITING = 8192


class LateAnswers:
    """Answers in the order in which they were given, each with what sends it. All wait for the same time, `delay_s`.

    That may change at any time; an answer waits no longer than those after it.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0  # 0: answers are not brought here
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, send: Callable[[], None]) -> bool:
        """Call `send` after the time; False when too many wait already, and this one will not be sent."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        loop = asyncio.get_running_loop()
        due = loop.time() + self.delay_s
        self._waiting.append((due, send))
        if self._timer is None:
            self._timer = loop.call_at(due, self._send_due)
        return True

    def stop(self) -> None:
        """Send none of them any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _send_due(self) -> None:
        loop, waiting = asyncio.get_running_loop(), self._waiting
        now = loop.time()
        while waiting and waiting[0][0] <= now:
            waiting.popleft()[1]()
        self._timer = loop.call_at(waiting[0][0], self._send_due) if waiting else None
