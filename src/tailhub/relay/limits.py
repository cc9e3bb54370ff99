"""How much a relay lets its clients use, as its owner has set it: values, no state.

Who holds them to it: `tailhub.relay.accounts` (rates, connections), `tailhub.relay.quota` (volume).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tailhub.relay.rate_limit import RateLimit


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """For those who belong to one tenant. None and 0 are no limits."""

    key: RateLimit | None = None  # what each key may send, over all of its connections
    total: RateLimit | None = None  # what all of them may send together
    receive: RateLimit | None = None  # what each key may receive
    key_connections: int = 0  # at a time
    connections: int = 0  # of all of them together


NO_LIMITS = TenantLimits()


@dataclass(frozen=True, slots=True)
class Limits:
    """For all of a relay. `tenants` by name; that of the relay's own settings is empty."""

    relay: RateLimit | None = None  # what all clients may send together
    connections: int = 0
    tenants: Mapping[str, TenantLimits] = field(default_factory=dict)

    def of(self, tenant: str) -> TenantLimits:
        """Those of a tenant; none for one that is not known."""
        return self.tenants.get(tenant, NO_LIMITS)

    def share(self, workers: int) -> Limits:
        """What each of several workers may let its clients use of what they use together."""
        if workers == 1:
            return self

        def part(limit: RateLimit | None) -> RateLimit | None:
            return limit.share(workers) if limit is not None else None

        tenants = {
            name: replace(limits, total=part(limits.total), connections=-(-limits.connections // workers))
            for name, limits in self.tenants.items()
        }
        return replace(self, relay=part(self.relay), connections=-(-self.connections // workers), tenants=tenants)
