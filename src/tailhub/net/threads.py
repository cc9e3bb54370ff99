"""Running what blocks beside the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run what blocks, maybe for minutes, in a thread that dies with the process."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, exc: BaseException | None) -> None:
        if result.done():  # cancelled
            return
        if exc is not None:
            result.set_exception(exc)
        else:
            result.set_result(value)  # type: ignore[arg-type]  # the value of `work`

    def tell(value: T | None, exc: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, value, exc)
        except RuntimeError:  # the loop has ended meanwhile
            pass

    def run() -> None:
        try:
            value = work()
        except BaseException as exc:
            tell(None, exc)
        else:
            tell(value, None)

    threading.Thread(target=run, name="tailhub-work", daemon=True).start()
    return await result
