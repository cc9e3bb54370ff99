"""Waiting in tests: for a condition, with a limit, never for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT_S = 20.0  # far more than anything here takes, also on a machine that is busy


def run(scenario: Callable[[], Coroutine[Any, Any, T]], limit_s: float = LIMIT_S) -> T:
    """Run a scenario on an event loop of its own; fail when it hangs, and when a callback raised anything."""

    async def limited() -> T:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context))
        result = await within(scenario(), limit_s)
        assert not failures, failures
        return result

    return asyncio.run(limited())


async def within(awaitable: Awaitable[T], limit_s: float = LIMIT_S) -> T:
    """Await with a limit."""
    async with asyncio.timeout(limit_s):
        return await awaitable


async def until(condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.002)
