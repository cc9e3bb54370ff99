"""What an operator may do before maintenance: have the relay emptied, look how far that is, and end it.

Calls of the operator's API; what they do is in `tailhub.server.evacuating`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tailhub.exceptions import LocalError
from tailhub.relay.evacuation import DELAY_S
from tailhub.server.evacuating import Drain
from tailhub.web.debug import TrafficRow
from tailhub.web.operator_api import Call, Route

MAX_DELAY_S = 86400.0
MAX_SHOWN = 50  # homes that are left, with their names


class DrainActions:
    """Made with the relay's `drain`; `connections` tells of all of its connections."""

    def __init__(self, drain: Drain, connections: Callable[[], Awaitable[Sequence[TrafficRow]]]) -> None:
        self._drain = drain
        self._connections = connections
        self.routes = (
            Route("GET", "drain", self._status, "How far the relay is with being emptied"),
            Route("POST", "drain", self._start, "Have the relay emptied"),
            Route("DELETE", "drain", self._stop, "End that: clients may come again"),
        )

    async def _start(self, call: Call) -> Mapping[str, Any]:
        text = call.text("delay_s")
        try:
            delay_s = float(text) if text else DELAY_S
        except ValueError:
            delay_s = -1.0
        if not 0 <= delay_s <= MAX_DELAY_S:
            raise LocalError(f"delay_s: expected seconds, at most {MAX_DELAY_S:.0f}")
        self._drain.start(delay_s)
        return await self._status(call)

    async def _stop(self, call: Call) -> Mapping[str, Any]:
        self._drain.stop()
        return await self._status(call)

    async def _status(self, call: Call) -> Mapping[str, Any]:
        rows = await self._connections()
        homes = [row for row in rows if row.is_home]
        phase, evacuation = self._drain.phase, self._drain.evacuation
        delay_s = evacuation.delay_s if evacuation is not None else 0.0
        return {
            "phase": phase.value if phase is not None else "off",
            "delay_s": delay_s,
            "elapsed_s": round(self._drain.elapsed_s, 1),
            "closes_in_s": round(max(0.0, delay_s - self._drain.elapsed_s), 1),
            "homes": len(homes),
            "visitors": len(rows) - len(homes),
            "left": [{"key": row.key, "name": row.name, "address": row.address} for row in homes[:MAX_SHOWN]],
        }
