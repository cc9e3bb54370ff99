"""The gatekeeper of a relay for everyone, where limits may refuse somebody who then waits at the door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tailhub.server.gatekeeper import Address, Decision, OnChange, Waiting, unheeded

_ADMITTED = Decision(admits=True, verdicts=())


class Everyone:
    """Admits whoever asks, a turn later. See `Gatekeeper`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.on_change: OnChange = unheeded

    @property
    def longest_s(self) -> float:
        """Next to nothing."""
        return 1.0

    @property
    def waiting(self) -> int:
        """Nobody, but for a turn."""
        return 0

    def ask(
        self, key: bytes, address: Address, on_decision: Callable[[Decision], None], *, again: bool = False
    ) -> Waiting:
        """See `Gatekeeper`."""
        waiting = Waiting(on_decision, lambda _: timer.cancel(), again=again)
        timer = self._loop.call_soon(lambda: waiting.on_decision(_ADMITTED))
        return waiting

    def stop(self) -> None:
        """Nothing is asked of anybody."""
