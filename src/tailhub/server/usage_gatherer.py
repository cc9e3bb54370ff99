"""Gathers what the clients of one process have used, every few seconds, a part of them in each turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from tailhub.relay.relay import Relay
from tailhub.relay.usage import UsageRow

__all__ = ["GATHER_EVERY_S", "UsageGatherer"]

GATHER_EVERY_S: Final = 3.0  # with the store's interval less than the 10 s that a kill may cost
_MOST_ROWS: Final = 200  # handed over in a turn: about two milliseconds
_SLICE: Final = 2000  # pairs, and connections, that are looked at in a turn: about two milliseconds

Deliver: TypeAlias = Callable[[Sequence[UsageRow]], None]


class UsageGatherer:
    """Hands over what was used to `deliver`, as often as it `is_heard`. Counting begins when it is made.

    Others may listen beside it: each is told everything that is handed over while it does.
    """

    def __init__(self, relay: Relay, deliver: Deliver, is_heard: Callable[[], bool]) -> None:
        self._registry = relay.registry
        self._usage = relay.presence.usage
        self._usage.is_on = True
        self._deliver = deliver
        self._is_heard = is_heard
        self.listener: Deliver | None = None

    async def run(self) -> None:
        """Gather until it is cancelled."""
        while True:
            await asyncio.sleep(GATHER_EVERY_S)
            await self.gather()

    async def gather(self) -> None:
        """Gather what has been used up to now, and hand it over."""
        looked_at = 0
        for connection in list(self._registry):
            self._usage.gather((connection,))
            looked_at += 1 + len(connection.sources)
            if looked_at >= _SLICE:
                looked_at = 0
                await asyncio.sleep(0)
        while self._hand_over_some():  # noqa: ASYNC110  a turn for others, no waiting
            await asyncio.sleep(0)

    def finish(self) -> None:
        """Hand over what is left, at once."""
        self._usage.gather(self._registry)
        while self._hand_over_some():
            pass

    def end(self) -> None:
        """Count no more."""
        self._usage.is_on = False
        while self._usage.take(_MOST_ROWS):
            pass

    def _hand_over_some(self) -> bool:
        """Hand over a part. Returns whether there was any; while nobody hears it all stays where it is."""
        rows = self._usage.take(_MOST_ROWS) if self._is_heard() else []
        if rows:
            self._deliver(rows)
            if self.listener is not None:
                self.listener(rows)
        return bool(rows)
