"""What an operator may do to clients that are connected: end their connections. Calls of the operator's API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tailhub.keys import NodePublic
from tailhub.web.operator_api import Call, Route

__all__ = ["ClientActions"]

REASON = "disconnected by the operator"


class ClientActions:
    """`disconnect` closes the connections of a key for a reason, wherever they are, and gives their number."""

    def __init__(self, disconnect: Callable[[bytes, str], Awaitable[int]]) -> None:
        self._disconnect = disconnect
        self.routes = (Route("DELETE", "clients/*", self._close, "End the connections of a key; it may come again"),)

    async def _close(self, call: Call) -> Mapping[str, Any]:
        key = NodePublic.parse(call.parts[0])
        return {"key": str(key), "disconnected": await self._disconnect(key.raw, f"{REASON}: {call.caller}")}
