"""An event loop whose clock jumps to the next timer when nothing else is to be done: hours pass at once."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Waits for nobody where a timer is next: there are no sockets here."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everybody waits, and no timer is set")
        self.now += timeout
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Begins at 1,000 s."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run_at_once(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario that has to do with timers and no sockets."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(scenario())
