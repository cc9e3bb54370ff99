"""Looks every few seconds how clients stand by their quotas; tells them, slows them down, or ends their connections.

Not here: what a quota is, and how far it is used (`tailhub.relay.quota`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from tailhub.keys import NodePublic, short_key
from tailhub.log_event import log_event
from tailhub.relay.accounts import OVER_QUOTA
from tailhub.relay.quota import FINE, QuotaState
from tailhub.server.context import DerpStream, ServerContext

__all__ = ["LOOK_EVERY_S", "QuotaKeeper"]

LOOK_EVERY_S: Final = 3.0
_SLICE: Final = 500  # connections in a turn

_log = logging.getLogger("tailhub")


class QuotaKeeper:
    """`state_of` says how a key of a tenant stands now, `text_of` what a client is told of that.

    It knows the state of those who are here or have tried to be, as it was at the last look.
    """

    def __init__(
        self,
        context: ServerContext,
        state_of: Callable[[str, bytes], QuotaState],
        text_of: Callable[[QuotaState], str],
    ) -> None:
        self._context = context
        self._state_of = state_of
        self._text_of = text_of
        self._states: dict[bytes, QuotaState] = {}  # all that are not fine
        self.reached: Counter[str] = Counter()  # times that a key here has come to a level

    def set_rules(self, state_of: Callable[[str, bytes], QuotaState], text_of: Callable[[QuotaState], str]) -> None:
        """Go by these from the next look on."""
        self._state_of, self._text_of = state_of, text_of

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            connections = list(self._context.derp_connections)
            for start in range(0, len(connections), _SLICE):
                self.look_at_some(connections[start : start + _SLICE])
                await asyncio.sleep(0)
            self._look_at_others()

    def look_at_some(self, connections: list[DerpStream]) -> None:
        """See how these stand, and do what follows where that is another than before."""
        changed: dict[bytes, bool] = {}
        for connection in connections:
            identity = connection.identity
            if identity is None or not identity.is_asked_about:
                continue
            key = identity.key
            before = self._states.get(key, FINE)
            state = self.look(identity.tenant, key)
            if key not in changed:
                changed[key] = _kind(before) != _kind(state)
            if identity.is_guest:
                if changed[key]:
                    connection.take_rate_limit()
                if changed[key] and not state.is_over and (door := self._context.door) is not None:
                    door.gatekeeper.on_change((key,))
            elif state.is_over and state.refuses:
                connection.close(OVER_QUOTA)
            elif changed[key]:
                connection.take_rate_limit()
                connection.take_notice()

    def look(self, tenant: str, key: bytes) -> QuotaState:
        """How a key stands now; what it may send from now on follows that."""
        before, state = self._states.get(key, FINE), self._state_of(tenant, key)
        if state == FINE:
            self._states.pop(key, None)
        else:
            self._states[key] = state
        slowed = self._context.relay.accounts.slowed
        if state.is_over and state.slow is not None:
            slowed[key] = state.slow
        else:
            slowed.pop(key, None)
        if state.level > before.level:
            self.reached[f"{state.level.value} %"] += 1
            extra = log_event("quota", key=str(NodePublic(key)), tenant=tenant, percent=state.level.value)
            _log.info("quota   %s: %s", short_key(key), self._text_of(state), extra=extra)
        return state

    def notice(self, key: bytes) -> str:
        """What a client with this key is told; empty: nothing."""
        return self._text_of(self._states.get(key, FINE))

    @property
    def over(self) -> int:
        """How many of the keys that it knows are over their quota."""
        return sum(state.is_over for state in self._states.values())

    def _look_at_others(self) -> None:
        """Forget those who are here no more; let those in who are held because of a quota that has begun anew."""
        registry, door = self._context.relay.registry, self._context.door
        again: list[bytes] = []
        for key in [key for key in self._states if not registry.of_key(key)]:
            held = door.held.of_key(key) if door is not None else None
            if held is None:
                del self._states[key]
                self._context.relay.accounts.slowed.pop(key, None)
            elif not self.look(held.tenant, key).is_over:
                again.append(key)
        if again and door is not None:
            door.gatekeeper.on_change(again)


def _kind(state: QuotaState) -> tuple[object, ...]:
    return state.level, state.is_tenants, state.slow, state.refuses, state.ends
