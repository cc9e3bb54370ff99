"""Waiting in tests: for a condition, with a limit, never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tailhub.net.turn_selector import TurnSelector

T = TypeVar("T")

LIMIT_S = 20.0  # far more than anything here takes, also on a machine that is busy


class RelayLoop(asyncio.SelectorEventLoop):
    """An event loop as the relay has it."""

    def __init__(self) -> None:
        self.turn_selector = TurnSelector()
        super().__init__(self.turn_selector)


def run(scenario: Callable[[], Coroutine[Any, Any, T]], limit_s: float = LIMIT_S) -> T:
    """Run a scenario on an event loop of its own; fail when it hangs, and when a callback raised anything."""

    async def limited() -> T:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        result = await within(scenario(), limit_s)
        assert not failures, failures
        return result

    with asyncio.Runner(loop_factory=RelayLoop) as runner:
        return runner.run(limited())


async def within(awaitable: Awaitable[T], limit_s: float = LIMIT_S) -> T:
    """Await with a limit."""
    async with asyncio.timeout(limit_s):
        return await awaitable


async def until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110  there is no event: the condition is anything
            await asyncio.sleep(0.002)


class PerTurn:
    """Watches by how much a number grows in one turn of the running loop, from here to `stop`."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._last = number()
        self._is_stopped = False
        self.most = 0
        self._look()

    def _look(self) -> None:
        now = self._number()
        self.most = max(self.most, now - self._last)
        self._last = now
        if not self._is_stopped:
            asyncio.get_running_loop().call_soon(self._look)

    def stop(self) -> int:
        """Stop watching; the most that it grew."""
        self._is_stopped = True
        return self.most
