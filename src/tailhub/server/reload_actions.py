"""What an operator may do after changing the configuration: have the relay go by it. A call of the operator's API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tailhub.server.reload import ReloadOutcome
from tailhub.web.operator_api import Call, Route


class ReloadActions:
    """`reload` reads the configuration again; it raises `FindingError` when nothing has changed because of an error."""

    def __init__(self, reload: Callable[[], Awaitable[ReloadOutcome]]) -> None:
        self._reload = reload
        self.routes = (
            Route("POST", "reload", self._run, "Read the configuration again and go by it, or tell why that cannot be"),
        )

    async def _run(self, call: Call) -> Mapping[str, Any]:
        outcome = await self._reload()
        return {"changed": list(outcome.changed), "needs_restart": list(outcome.needs_restart)}
