"""Traffic of the current billing period, by tenant and key: what quotas are held against. Pure; no clock.

What this relay counts is in here at once; what other relays count comes from the store.
"""

from __future__ import annotations

from collections.abc import Iterable

from tailhub.store.records import OTHER_KEY, Totals, Traffic, UsageDelta

__all__ = ["MAX_KEYS", "PeriodTotals"]

MAX_KEYS = 100_000  # counted one by one; a relay without verifiers may see any number

_NO_TRAFFIC = Traffic()


class PeriodTotals:
    """`start` is when the period began, seconds since 1970; hours that began before are not of it."""

    def __init__(self, start: float) -> None:
        self.start = start
        self._tenants: dict[str, list[int]] = {}
        self._keys: dict[tuple[str, bytes], list[int]] = {}
        self._others: tuple[Totals, ...] = ()

    def add(self, deltas: Iterable[UsageDelta]) -> None:
        """Count what has gone through this relay."""
        for delta in deltas:
            if delta.hour >= self.start:
                self._count(delta.tenant, delta.src, delta.in_bytes, 0)
                self._count(delta.tenant, delta.dst, 0, delta.out_bytes)

    def add_saved(self, totals: Totals) -> None:
        """Count what this relay had counted before it was started again."""
        for (tenant, key), traffic in totals.keys.items():
            self._count(tenant, key, *traffic)

    def set_others(self, *parts: Totals) -> None:
        """Other relays have counted these, taken together."""
        self._others = parts

    def of(self, tenant: str, key: bytes | None = None) -> Traffic:
        """What a tenant, or one of its keys, has used."""
        own = self._tenants.get(tenant) if key is None else self._keys.get((tenant, key))
        traffic = Traffic(*own) if own is not None else _NO_TRAFFIC
        for part in self._others:
            more = part.tenants.get(tenant) if key is None else part.keys.get((tenant, key))
            traffic = traffic if more is None else traffic.plus(more)
        return traffic

    def keys(self) -> Iterable[tuple[str, bytes]]:
        """All of which something is known, each with its tenant."""
        return {*self._keys, *(key for part in self._others for key in part.keys)}

    def _count(self, tenant: str, key: bytes, in_bytes: int, out_bytes: int) -> None:
        if not in_bytes and not out_bytes:
            return
        if (tenant, key) not in self._keys and len(self._keys) >= MAX_KEYS:
            key = OTHER_KEY
        for sums in (self._tenants.setdefault(tenant, [0, 0]), self._keys.setdefault((tenant, key), [0, 0])):
            sums[0] += in_bytes
            sums[1] += out_bytes
