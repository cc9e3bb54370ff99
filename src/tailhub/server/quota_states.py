"""How clients stand by their quotas, for workers: found at the desk, which knows what all of them have used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tailhub.relay.quota import FINE, Quotas, QuotaState
from tailhub.relay.usage import NOBODY

__all__ = ["QuotaStates", "tell_states"]

TELL_EVERY_S: Final = 3.0
_SLICE: Final = 500  # keys in a turn


@dataclass(frozen=True, slots=True)
class QuotaStates:
    """From the desk: whoever is not fine, by tenant and by key. A key that is not named stands as its tenant does."""

    tenants: Mapping[str, QuotaState] = field(default_factory=dict)
    keys: Mapping[tuple[str, bytes], QuotaState] = field(default_factory=dict)

    def state_of(self, tenant: str, key: bytes) -> QuotaState:
        """How a key stands."""
        return self.keys.get((tenant, key)) or self.tenants.get(tenant, FINE)


async def tell_states(
    quotas: Quotas,
    tenants: Iterable[str],
    keys: Callable[[], Iterable[tuple[str, bytes]]],
    tell: Callable[[QuotaStates], None],
) -> None:
    """Tell workers again and again, until cancelled; `keys` are all that have used anything in this period."""
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        now = time.time()
        of_tenants = {tenant: state for tenant in tenants if (state := quotas.state_of(tenant, NOBODY, now)) != FINE}
        of_keys: dict[tuple[str, bytes], QuotaState] = {}
        for number, (tenant, key) in enumerate(list(keys())):
            state = quotas.state_of(tenant, key, now)
            if state != of_tenants.get(tenant, FINE):
                of_keys[(tenant, key)] = state
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        tell(QuotaStates(of_tenants, of_keys))
