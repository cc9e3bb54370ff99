"""Sends messages to every target, beside everything else, again and again when one is not accepted.

A target has its own line, so that one that is away holds up nobody. That it is away is one finding in the log, until it
accepts something again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from tailhub import findings
from tailhub.alerts.message import Message
from tailhub.net.threads import in_thread
from tailhub.server.alert_sender import Outcome, send
from tailhub.server.notify_config import Target

__all__ = ["Outbox"]

PAUSES_S: Final = (10.0, 60.0, 600.0, 3600.0)  # before each further try
AT_ONCE: Final = 2  # sendings, which take 40 MB each
MOST_WAITING: Final = 50  # messages for a target that is away; the oldest gives way

_log = logging.getLogger("tailhub")


async def _send(url: str, message: Message) -> Outcome:
    return await in_thread(partial(send, url, message))


class Outbox:
    """Started when it is made, ended by `stop`. `send` and `sleep` are others in tests."""

    def __init__(
        self,
        targets: Sequence[Target],
        send: Callable[[str, Message], Awaitable[Outcome]] = _send,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send, self._sleep = send, sleep
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._lines = [asyncio.Queue[Message](MOST_WAITING) for _ in targets]
        pairs = zip(targets, self._lines, strict=True)
        self._tasks = [asyncio.get_running_loop().create_task(self._serve(*pair)) for pair in pairs]

    def put(self, message: Message) -> None:
        """Send it to all of them, soon."""
        for line in self._lines:
            if line.full():
                line.get_nowait()
            line.put_nowait(message)

    async def stop(self) -> None:
        """Send no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, target: Target, line: asyncio.Queue[Message]) -> None:
        is_told = False
        while True:
            message = await line.get()
            for pause_s in (*PAUSES_S, None):
                outcome = await self._try(target, message)
                if not outcome.accepted and not is_told:
                    _log.warning("%s", findings.notify_failed(target.name, outcome.reason))
                is_told = not outcome.accepted
                if outcome.accepted or pause_s is None:
                    break
                await self._sleep(pause_s)

    async def _try(self, target: Target, message: Message) -> Outcome:
        try:
            async with self._turns:
                return await self._send(target.url, message)
        except Exception:  # ours: it costs this try
            _log.exception("error while sending a message by %s", target.name)
            return Outcome(False, "internal error")
