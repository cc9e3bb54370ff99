"""The limits and quotas that the settings ask for: what is wrong with them, and what they come to.

Not here: what each key may send where a file says it (`tailhub.server.rate_config`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from tailhub import findings
from tailhub.exceptions import LocalError
from tailhub.findings import Finding
from tailhub.ratelimit import SourceBuckets
from tailhub.relay.limits import Limits, TenantLimits
from tailhub.relay.rate_limit import RateLimit
from tailhub.server.tenant_config import TenantConfig, Written

if TYPE_CHECKING:
    from tailhub.relay.billing import Billing
    from tailhub.relay.quota import Quota, Quotas, UsedBytes
    from tailhub.server.config import RelayConfig

MAX_SOURCES = 65536  # addresses whose new connections are counted
LAST_DAY = 31
BURSTS = {
    "receive_burst_bytes": "receive_limit_bytes_per_s",
    "tenant_rate_burst_bytes": "tenant_rate_limit_bytes_per_s",
}
"""Bursts of a tenant, and the rates that they belong to; those of `tailhub.server.rate_config` apart."""


def limit_findings(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong with them."""
    yield from _choice(config, "quota_counts", config.quota_counts, ("out", "in", "both"))
    if not 1 <= config.quota_day <= LAST_DAY:
        yield findings.bad_choice(config.place("quota_day"), str(config.quota_day), (f"1 to {LAST_DAY}",))
    try:
        if config.quota_time_zone != "UTC":
            from tailhub.relay.billing import parse_zone  # not needed to listen

            parse_zone(config.quota_time_zone)
    except LocalError:
        yield findings.bad_time_zone(config.place("quota_time_zone"), config.quota_time_zone)
    for tenant in config.tenants:
        if _has_quota(tenant) and not config.counts_usage:
            name = "quota_key_gb" if tenant.quota_key_gb else "quota_tenant_gb"
            yield findings.quota_needs_store(tenant.place(name), config.place("store"))
        yield from _choice(tenant, "over_quota", tenant.over_quota, ("slow", "refuse"))
        if tenant.over_quota_bytes_per_s <= 0:
            yield findings.quota_slow_nothing(tenant.place("over_quota_bytes_per_s"))


def _choice(config: Written, name: str, value: str, words: Sequence[str]) -> Iterator[Finding]:
    if value not in words:
        yield findings.bad_choice(config.place(name), value, words)


def doubtful_limits(config: RelayConfig) -> Iterator[Finding]:
    """What works, but not as it is written."""
    yield from _doubtful_burst(config, "relay_rate_burst_bytes", "relay_rate_limit_bytes_per_s")
    for tenant in config.tenants:
        for burst, rate in BURSTS.items():
            yield from _doubtful_burst(tenant, burst, rate)
    for tenant in config.more_tenants:
        yield from _doubtful_burst(tenant, "rate_burst_bytes", "rate_limit_bytes_per_s")


def _doubtful_burst(config: Written, burst_name: str, rate_name: str) -> Iterator[Finding]:
    burst, rate = getattr(config, burst_name), getattr(config, rate_name)
    limit = RateLimit.of(rate, burst)
    place = config.place(burst_name)
    if burst and limit is None:
        yield findings.burst_without_rate(place, findings.sibling(place, rate_name))
    elif burst and limit is not None and limit.burst_bytes > burst:
        yield findings.rate_burst_raised(str(place), f"{burst:.0f}", limit.burst_bytes)


def limits_of(config: RelayConfig, key: RateLimit | None) -> Limits:
    """The limits of a relay; `key` is what each key of its own settings may send."""
    relay = RateLimit.of(config.relay_rate_limit_bytes_per_s, config.relay_rate_burst_bytes)
    tenants = {
        tenant.tenant: tenant_limits(tenant, RateLimit.of(tenant.rate_limit_bytes_per_s, tenant.rate_burst_bytes))
        for tenant in config.more_tenants
    }
    return Limits(relay, config.relay_connections, {"": tenant_limits(config, key), **tenants})


def tenant_limits(config: TenantConfig, key: RateLimit | None) -> TenantLimits:
    """Those of one tenant."""
    return TenantLimits(
        key=key,
        total=RateLimit.of(config.tenant_rate_limit_bytes_per_s, config.tenant_rate_burst_bytes),
        receive=RateLimit.of(config.receive_limit_bytes_per_s, config.receive_burst_bytes),
        key_connections=config.key_connections,
        connections=config.tenant_connections,
    )


def address_limit(config: RelayConfig, share: int) -> SourceBuckets | None:
    """How often each address may connect, at one of `share` workers; None: as often as it likes."""
    rate = config.address_rate / share
    if not rate:
        return None
    return SourceBuckets(rate, max(1.0, (config.address_burst or config.address_rate) / share), MAX_SOURCES // share)


def has_refusing_limits(config: RelayConfig) -> bool:
    """May somebody be refused who is told why, and is held until that has passed?"""
    return any(
        tenant.key_connections or tenant.tenant_connections or (tenant.over_quota == "refuse" and _has_quota(tenant))
        for tenant in config.tenants
    )


def _has_quota(tenant: TenantConfig) -> bool:
    return bool(tenant.quota_key_gb or tenant.quota_tenant_gb)


def billing_of(config: RelayConfig) -> Billing:
    """What is billed. Raises `LocalError` for a time zone that is none."""
    from tailhub.relay.billing import Billing, parse_zone

    counts: dict[str, Literal["out", "in", "both"]] = {"out": "out", "in": "in", "both": "both"}
    zone = parse_zone(config.quota_time_zone)
    return Billing(config.quota_day, zone, counts[config.quota_counts], config.price_per_gb, config.currency)


def quotas_of(config: RelayConfig, used: UsedBytes) -> Quotas | None:
    """The quotas of a relay, where there are any; `used` tells what has been used."""
    return all_quotas(config, used) if any(_has_quota(tenant) for tenant in config.tenants) else None


def all_quotas(config: RelayConfig, used: UsedBytes) -> Quotas:
    """The same, also where nobody has one: it knows what is billed."""
    from tailhub.relay.quota import Quotas

    return Quotas(billing_of(config), {one.tenant: tenant_quota(one) for one in config.tenants}, used)


def tenant_quota(config: TenantConfig) -> Quota:
    """That of one tenant."""
    from tailhub.relay.quota import Quota

    refuses = config.over_quota == "refuse"
    slow = RateLimit.of(config.over_quota_bytes_per_s)  # where it refuses: for guests
    return Quota(config.quota_key_gb, config.quota_tenant_gb, refuses, slow)
