"""Work that goes on beside, by name: what is begun anew takes the place of what went on under that name."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class NamedTasks:
    """What goes on beside, by name: at most one of each."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Any]] = {}

    def set(self, name: str, work: Coroutine[Any, Any, Any] | None) -> None:
        """Have this go on in the place of what is called so; None: nothing."""
        before = self._running.pop(name, None)
        if before is not None:
            before.cancel()
        if work is not None:
            self._running[name] = asyncio.get_running_loop().create_task(work)

    async def end(self) -> None:
        """End all of them."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
