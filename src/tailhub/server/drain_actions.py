"""What an operator may do before maintenance: have the relay emptied, look how far that is, and call it off.

Calls of the operator's API; what they do is in `tailhub.server.evacuating` (clients move to another region) and
`tailhub.server.draining` (they are closed, and the relay ends).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tailhub.relay.evacuation import DELAY_S
from tailhub.server.draining import Draining
from tailhub.server.evacuating import Drain
from tailhub.web.debug import TrafficRow
from tailhub.web.operator_api import Call, Field, Route

MAX_DELAY_S = 86400.0
MAX_SHOWN = 50  # homes that are left, with their names


class DrainActions:
    """Made with the relay's `drain` and `draining`; `connections` tells of all of its connections."""

    def __init__(
        self, drain: Drain, draining: Draining, connections: Callable[[], Awaitable[Sequence[TrafficRow]]]
    ) -> None:
        self._drain = drain
        self._draining = draining
        self._connections = connections
        self.routes = (
            Route("GET", "drain", self._status, "How far the relay is with being emptied"),
            Route(
                "POST",
                "drain",
                self._start,
                "Have the relay emptied: clients move to another region, or with `over_s` are closed",
                body=(
                    Field("over_s", "close all over this time, then end", "number"),
                    Field("stays", "with `over_s`: do not end then", "flag"),
                    Field("delay_s", "without `over_s`: how long STUN is late before that, 360 without it", "number"),
                ),
            ),
            Route("DELETE", "drain", self._stop, "End that: clients may come again"),
        )

    async def _start(self, call: Call) -> Mapping[str, Any]:
        over_s = call.seconds("over_s", -1.0, MAX_DELAY_S)
        if over_s < 0:
            self._drain.start(call.seconds("delay_s", DELAY_S, MAX_DELAY_S))
        else:
            self._draining.begin(over_s, stays=call.flag("stays"))
        return await self._status(call)

    async def _stop(self, call: Call) -> Mapping[str, Any]:
        self._drain.stop()
        self._draining.stop()
        return await self._status(call)

    async def _status(self, call: Call) -> Mapping[str, Any]:
        rows = await self._connections()
        homes = [row for row in rows if row.is_home]
        evacuation, draining = self._drain.evacuation, self._draining
        phase = draining.state or self._drain.phase
        delay_s = evacuation.delay_s if evacuation is not None else 0.0
        return {
            "phase": phase.value if phase is not None else "off",
            "delay_s": delay_s,
            "elapsed_s": round(self._drain.elapsed_s, 1),
            "closes_in_s": round(max(0.0, delay_s - self._drain.elapsed_s), 1),
            "ends_in_s": round(draining.left_s, 1),
            "stays": draining.stays,
            "homes": len(homes),
            "visitors": len(rows) - len(homes),
            "left": [{"key": row.key, "name": row.name, "address": row.address} for row in homes[:MAX_SHOWN]],
        }
