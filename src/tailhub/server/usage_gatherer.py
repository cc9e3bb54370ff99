"""Gathers what the clients of one process have used, every few seconds, a part of them in each turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from tailhub.relay.relay import Relay
from tailhub.relay.usage import UsageRow

__all__ = ["GATHER_EVERY_S", "UsageGatherer"]

GATHER_EVERY_S: Final = 3.0  # with the store's interval less than the 10 s that a kill may cost
_MOST_ROWS: Final = 1000  # handed over at a time
_SLICE: Final = 500  # connections in a turn: about a millisecond


class UsageGatherer:
    """Hands over what was used to `deliver`, as often as it `is_heard`. Counting begins when it is made."""

    def __init__(
        self, relay: Relay, deliver: Callable[[Sequence[UsageRow]], None], is_heard: Callable[[], bool]
    ) -> None:
        self._registry = relay.registry
        self._usage = relay.presence.usage
        self._usage.is_on = True
        self._deliver = deliver
        self._is_heard = is_heard

    async def run(self) -> None:
        """Gather until it is cancelled."""
        while True:
            await asyncio.sleep(GATHER_EVERY_S)
            connections = list(self._registry)
            for start in range(0, len(connections), _SLICE):
                self._usage.gather(connections[start : start + _SLICE])
                await asyncio.sleep(0)
            self._hand_over()

    def finish(self) -> None:
        """Hand over what is left, at once."""
        self._usage.gather(self._registry)
        self._hand_over()

    def _hand_over(self) -> None:
        if not self._is_heard():
            return
        rows = self._usage.take()
        for start in range(0, len(rows), _MOST_ROWS):
            self._deliver(rows[start : start + _MOST_ROWS])
