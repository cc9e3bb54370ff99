"""Keeps the relay's region up to date where clients get their map from, while address, name and certificate change.

Made only where ``push_map_to`` names a place. One in the process that has the address (the desk, with several workers).
A map is pushed when it has stayed the same for a while; the first one after the start too, which changes nothing where
it is there already. What fails is tried again, ever more rarely, and told once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from tailhub.findings import Finding
from tailhub.log_event import log_event
from tailhub.net.threads import in_thread
from tailhub.server.map_pusher import Destination, Order, Outcome, Result, push
from tailhub.tailcfg.derpmap import DERPMap, serialize_json

__all__ = ["MapKeeper"]

LOOK_S: Final = 5.0  # between looks at the map; one is pushed that two looks have seen
PAUSES_S: Final = (60.0, 300.0, 1800.0, 3600.0)  # after each failure; the last one again and again

_log = logging.getLogger("tailhub")


async def _push(order: Order) -> Outcome:
    return await in_thread(partial(push, order))


class MapKeeper:
    """`run` is a task. `derp_map` gives the map for clients elsewhere, None while no address is known.

    `push` and `sleep` are others in tests.
    """

    def __init__(
        self,
        derp_map: Callable[[], DERPMap | None],
        destination: Destination,
        state_dir: Path,
        push: Callable[[Order], Awaitable[Outcome]] = _push,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._derp_map = derp_map
        self._destination = destination
        self._state_dir = state_dir
        self._push = push
        self._sleep = sleep
        self._told: Finding | None = None

    async def run(self) -> None:
        """Until cancelled."""
        pushed = seen = b""
        while True:
            text = self._text()
            if text and text == seen and text != pushed:
                await self._push_until_done(text)
                pushed = text
            seen = text
            await self._sleep(LOOK_S)

    def _text(self) -> bytes:
        derp_map = self._derp_map()
        return serialize_json(derp_map) if derp_map is not None and derp_map.regions else b""

    async def _push_until_done(self, text: bytes) -> None:
        """Try until it is there, or until there is another map to push."""
        failures = 0
        order = Order(text.decode(), self._destination, str(self._state_dir))
        while True:
            outcome = await self._push(order)
            self._tell(outcome)
            if outcome.result is not Result.FAILED:
                return
            pause_s, failures = PAUSES_S[min(failures, len(PAUSES_S) - 1)], failures + 1
            waited_s = 0.0
            while waited_s < pause_s:
                await self._sleep(LOOK_S)
                waited_s += LOOK_S
                if self._text() not in (text, b""):
                    return

    def _tell(self, outcome: Outcome) -> None:
        if outcome.result is Result.FAILED:
            finding = outcome.finding
            if finding is not None and finding != self._told:
                _log.warning("%s", finding)
            self._told = finding
            return
        self._told = None
        if outcome.result is Result.PUSHED:
            fields = ", ".join(outcome.fields)
            extra = log_event("map_pushed", place=outcome.place, changed=fields)
            _log.info("map     pushed to %s: %s", outcome.place, fields, extra=extra)
