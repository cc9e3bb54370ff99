"""Numbers that only the desk knows, beside those that `tailhub.server.snapshot` counts in each process."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tailhub.relay.billing import GB
from tailhub.relay.tenant import DEFAULT_TENANT
from tailhub.server.config import RelayConfig
from tailhub.server.limits_config import quotas_of
from tailhub.server.service import RelayService
from tailhub.web.metrics import Labelled, MetricValues

if TYPE_CHECKING:
    from tailhub.server.verification import Verification
    from tailhub.store.journal import Journal

__all__ = ["operator_values", "readiness"]


def operator_values(
    config: RelayConfig, service: RelayService, verification: Verification | None, journal: Journal | None
) -> MetricValues:
    """Certificates, verifiers and quotas, by key of `tailhub.web.metrics.METRICS`."""
    starts: dict[tuple[str, ...], float] = {}
    ends: dict[tuple[str, ...], float] = {}
    for listener, certificate in zip(config.listeners, service.keeper.served.defaults, strict=True):
        if certificate is not None:
            starts[listener.listen,] = certificate.not_before.timestamp()
            ends[listener.listen,] = certificate.not_after.timestamp()
    values: dict[str, float | Labelled] = {"certificate_starts_unix_s": starts, "certificate_expires_unix_s": ends}
    if verification is not None:
        values["verifier_reachable"] = {(name,): float(is_here) for name, is_here in verification.reachable.items()}
        values["credential_expires_unix_s"] = {(name,): at for name, at in verification.credentials_expire.items()}
    quotas = quotas_of(config, journal.used) if journal is not None else None
    if quotas is not None:
        stand = [(tenant or DEFAULT_TENANT, used_gb, quota_gb) for tenant, used_gb, quota_gb in quotas.of_tenants()]
        values["tenant_quota_used_bytes"] = {(tenant,): used_gb * GB for tenant, used_gb, _ in stand}
        values["tenant_quota_bytes"] = {(tenant,): quota_gb * GB for tenant, _, quota_gb in stand}
    return values


def readiness(drain: object | None, faults: Collection[str]) -> MetricValues:
    """Is the relay to get clients? `drain` says how far it is emptied, None if it is not, `faults` what is wrong."""
    return {"ready": float(drain is None and not faults), "draining": float(drain is not None)}
