"""How much of its monthly traffic a key or its tenant has used, and what follows. Pure: totals and time are given.

What is billed, and from when to when: `tailhub.relay.billing`. Who tells clients and holds them to it:
`tailhub.server.quota_keeper`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TypeAlias

from tailhub.relay.billing import GB, Billing, period_of
from tailhub.relay.rate_limit import RateLimit

UsedBytes: TypeAlias = Callable[[str, bytes | None], tuple[int, int]]
"""What a tenant (None) or one of its keys has sent to the relay and got from it in this period: bytes in, bytes out."""


class Level(IntEnum):
    """How far a quota is used, in percent at least."""

    FINE = 0
    WARNED = 80
    NEARLY = 95
    OVER = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """Of a tenant: gigabytes a billing period, 0 for any number. Who is over is refused, or may use `slow`.

    Where it is refused, `slow` is what it may use as a guest.
    """

    key_gb: float = 0.0
    tenant_gb: float = 0.0
    refuses: bool = False
    slow: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class QuotaState:
    """How a key stands: by its own quota or, if that is nearer to its end, its tenant's. Times are seconds since 1970.

    `slow` and `refuses` only say something of who is over.
    """

    level: Level = Level.FINE
    is_tenants: bool = False
    used_gb: float = 0.0
    quota_gb: float = 0.0
    ends: float = 0.0
    slow: RateLimit | None = None
    refuses: bool = False

    @property
    def is_over(self) -> bool:
        """Is nothing left?"""
        return self.level is Level.OVER


FINE = QuotaState()


class Quotas:
    """Those of a relay, by tenant; `used` tells what has been used."""

    __slots__ = ("_billing", "_quotas", "_used")

    def __init__(self, billing: Billing, quotas: Mapping[str, Quota], used: UsedBytes) -> None:
        self._billing = billing
        self._quotas = quotas
        self._used = used

    def state_of(self, tenant: str, key: bytes, now: float) -> QuotaState:
        """How a key stands now (seconds since 1970)."""
        quota = self._quotas.get(tenant)
        if quota is None or not (quota.key_gb or quota.tenant_gb):
            return FINE
        candidates = [
            (used_gb / limit_gb, whose is None, used_gb, limit_gb)
            for whose, limit_gb in ((key, quota.key_gb), (None, quota.tenant_gb))
            if limit_gb
            for used_gb in (self._billing.billed(*self._used(tenant, whose)) / GB,)
        ]
        share, is_tenants, used_gb, limit_gb = max(candidates)
        level = max(level for level in Level if share * 100 >= level)
        if level is Level.FINE:
            return FINE
        ends = period_of(now, self._billing)[1]
        if level is not Level.OVER:
            return QuotaState(level, is_tenants, used_gb, limit_gb, ends)
        return QuotaState(level, is_tenants, used_gb, limit_gb, ends, quota.slow, quota.refuses)

    def of_tenants(self) -> Iterator[tuple[str, float, float]]:
        """Each tenant that has a quota of its own: its name, what it has used in this period, and the quota; in GB."""
        for tenant, quota in self._quotas.items():
            if quota.tenant_gb:
                yield tenant, self._billing.billed(*self._used(tenant, None)) / GB, quota.tenant_gb

    def text(self, state: QuotaState) -> str:
        """What a client is told of it, in English and Chinese; empty when all is fine."""
        if state.level is Level.FINE:
            return ""
        ends = f"{datetime.fromtimestamp(state.ends, self._billing.zone):%Y-%m-%d}"
        whose, zh_whose = (
            ("All devices here together", "这里的所有设备合计")
            if state.is_tenants
            else (
                "This device",
                "此设备",
            )
        )
        verb = "have" if state.is_tenants else "has"
        used, quota = f"{state.used_gb:.1f}", f"{state.quota_gb:g}"
        english = f"{whose} {verb} used {used} of {quota} GB of this relay's traffic in the month that ends on {ends}"
        chinese = f"{zh_whose}在 {ends} 结束的计费月里已使用此中继流量 {used} GB，配额 {quota} GB"
        if not state.is_over:
            return f"{english}. {chinese}。"
        if state.refuses or state.slow is None:
            return f"{english}, and is refused until then. {chinese}，在此之前不能使用。"
        rate = f"{state.slow.bytes_per_s * 8 / 1e6:g} Mbit/s"
        return f"{english}; until then it is slowed to {rate}. {chinese}；在此之前限速为 {rate}。"
