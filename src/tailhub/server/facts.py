"""What the operator's pages are told of the relay that changes seldom, in the form in which their API shows it.

`tailhub.admin.api_types` says what each field means, `tailhub.admin.feed.Facts` what there is beside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import tailhub
from tailhub.keys import NodePublic
from tailhub.relay.billing import GB, Billing, period_of
from tailhub.relay.quota import Level, Quotas
from tailhub.server.limits_config import all_quotas, billing_of, tenant_quota
from tailhub.server.listener_record import origin_of
from tailhub.server.log_setup import current_level
from tailhub.server.published_map import own_name, pin_of

if TYPE_CHECKING:
    from tailhub.certs.files import Certificate
    from tailhub.relay.health import Notice
    from tailhub.relay.mesh_health import Node, Trouble
    from tailhub.server.config import RelayConfig
    from tailhub.server.draining import Draining
    from tailhub.server.evacuating import Drain
    from tailhub.server.foundation import Foundation
    from tailhub.server.known_worker import WorkerState
    from tailhub.server.mesh.watch import MeshWatch
    from tailhub.server.served_certificates import ServedCertificates
    from tailhub.server.tenant_config import TenantConfig
    from tailhub.server.verification import Verification
    from tailhub.store.journal import Journal

__all__ = [
    "certificate_facts",
    "drain_facts",
    "listener_facts",
    "mesh_facts",
    "notice_facts",
    "quota_facts",
    "relay_facts",
    "verifier_facts",
]

Json: TypeAlias = Mapping[str, object]

MOST_QUOTAS: Final = 1000  # keys that are shown, those with the most
_SLICE: Final = 500  # keys that are looked at in a turn
_DAY_S: Final = 86400.0


def relay_facts(
    config: RelayConfig, foundation: Foundation, addresses: Sequence[str], region_id: int, started: float
) -> dict[str, object]:
    """Which relay this is."""
    return {
        "version": tailhub.__version__,
        "started": started,
        "hostname": config.hostname,
        "addresses": list(addresses),
        "region_id": region_id,
        "public_key": str(foundation.public_key),
        "log_level": current_level(),
        "state_dir": str(foundation.state.path),
    }


def listener_facts(config: RelayConfig, foundation: Foundation) -> list[Json]:
    """Where it listens."""
    bound = foundation.listeners
    found: list[Json] = [
        {"name": "public", "listen": listener.listen, "port": sockets.port, "tls": listener.tls}
        for listener, sockets in zip(config.listeners, bound.shares[0], strict=True)
        if sockets.sockets
    ]
    others = (("http", bound.http), ("stun", bound.stun), ("admin", bound.admin))
    for name, sockets_of in others:
        if sockets_of is not None:
            listen = getattr(config, f"{name}_listen")
            found.append({"name": name, "listen": listen, "port": sockets_of.port, "tls": False})
    return found


def certificate_facts(config: RelayConfig, served: ServedCertificates, now: datetime) -> list[Json]:
    """What each listener serves."""
    return [
        _certificate(listener.listen, origin_of(listener), certificate, now)
        for listener, certificates in zip(config.listeners, served.all, strict=True)
        for certificate in certificates
    ]


def _certificate(listen: str, source: str, certificate: Certificate, now: datetime) -> Json:
    pin = pin_of(certificate)
    return {
        "listener": listen,
        "names": [*certificate.names, *certificate.ips],
        "not_before": certificate.not_before.timestamp(),
        "not_after": certificate.not_after.timestamp(),
        "days_left": round((certificate.not_after - now).total_seconds() / _DAY_S, 2),
        "source": source,
        "pinned": pin is not None,
        "cert_name": pin or own_name(certificate),
        "issuer": certificate.issuer,
    }


def verifier_facts(verification: Verification | None) -> list[Json]:
    """How the verifiers answer."""
    if verification is None:
        return []
    return [
        {
            "name": one.name,
            "tenant": one.tenant,
            "state": state.state,
            "since": state.since or None,
            "detail": state.detail,
        }
        for one in verification.verifiers
        for state in (verification.state_of(one),)
    ]


def drain_facts(drain: Drain, draining: Draining) -> Json | None:
    """How far a drain or the evacuation is, if there is one."""
    if draining.state is not None:
        return {"phase": draining.state.value, "ends_in_s": round(draining.left_s, 1), "stays": draining.stays}
    phase, evacuation = drain.phase, drain.evacuation
    if phase is None or evacuation is None:
        return None
    return {"phase": phase.value, "delay_s": evacuation.delay_s, "elapsed_s": round(drain.elapsed_s, 1)}


def notice_facts(notices: Iterable[Notice]) -> list[Json]:
    """What users are told by the operator."""
    return [{"id": _audience(notice), "text": notice.text, "at": notice.at} for notice in notices]


def _audience(notice: Notice) -> str:
    if notice.key:
        return NodePublic.PREFIX + notice.key.hex()
    return "everybody" if notice.tenant is None else f"tenant:{notice.tenant}"


def mesh_facts(workers: Iterable[WorkerState], mesh: MeshWatch | None) -> Json:
    """The relays of the region, what is half up between them, and the processes of this one."""
    rows = [
        {
            "number": one.number,
            "pid": one.pid,
            "clients": one.clients,
            "cpu_percent": one.cpu_percent,
            "resident_bytes": one.resident_bytes,
        }
        for one in workers
    ]
    if mesh is None:
        return {"peers": [], "troubles": [], "workers": rows}
    troubles = [_trouble(one) for one in mesh.troubles]
    return {"peers": [_peer(node) for node in mesh.nodes], "troubles": troubles, "workers": rows}


def _peer(node: Node) -> Json:
    return {
        "name": node.name,
        "key": NodePublic.PREFIX + node.key.hex() if node.key else "",
        "address": node.address,
        "state": node.state,
        "since": node.since or None,
        "reason": node.why.what() if node.why is not None else "",
        "texts": {"zh": {"reason": node.why.what("zh")}} if node.why is not None else {},
        "version": node.version,
        "app": node.app,
        "keys": node.keys,
        "rtt_ms": None if node.rtt_s is None else round(1000 * node.rtt_s, 1),
        "links": node.workers,
        "links_up": node.workers_up,
        "dials_since": node.dials_since,
        "linked_from": None if node.peers is None else sorted(NodePublic.PREFIX + key.hex() for key in node.peers),
        "connects": node.connects,
        "forwarded_packets": node.forwarded_packets,
        "forwarded_bytes": node.forwarded_bytes,
        "dropped_packets": node.dropped_packets,
    }


def _trouble(trouble: Trouble) -> Json:
    finding = trouble.finding
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "peer": trouble.name,
        "since": trouble.since,
        "what": finding.what(),
        "remedy": finding.remedy(),
        "texts": {"zh": {"what": finding.what("zh"), "remedy": finding.remedy("zh")}},
    }


async def quota_facts(config: RelayConfig, journal: Journal | None) -> Json:
    """How far quotas are used, and what the traffic costs; of keys those that have used the most."""
    billing = billing_of(config)
    start, end = period_of(time.time(), billing)
    rows: list[Json] = []
    if journal is not None:
        quotas = all_quotas(config, journal.used)
        for tenant, used, quota_gb in quotas.of_tenants():
            if quota_gb or billing.price_per_gb:
                rows.append(_quota("tenant", tenant, "", used, quota_gb, billing))
        rows += await _quotas_of_keys(config.tenants, journal.keys(), quotas, billing)
    return {
        "period": {"start": start, "end": end},
        "currency": billing.currency,
        "price_per_gb": billing.price_per_gb,
        "quotas": rows,
    }


async def _quotas_of_keys(
    tenants: Iterable[TenantConfig], keys: Iterable[tuple[str, bytes]], quotas: Quotas, billing: Billing
) -> list[Json]:
    limits = {tenant.tenant: limit for tenant in tenants if (limit := tenant_quota(tenant).key_gb)}
    used: list[tuple[int, str, bytes]] = []
    if not limits:
        return []
    for number, (tenant, key) in enumerate(list(keys)):
        if tenant in limits:
            used.append((quotas.used_bytes(tenant, key), tenant, key))
        if number % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
    used.sort(reverse=True)
    return [
        _quota("key", tenant, NodePublic.PREFIX + key.hex(), size, limits[tenant], billing)
        for size, tenant, key in used[:MOST_QUOTAS]
    ]


def _quota(scope: str, tenant: str, key: str, used: int, limit_gb: float, billing: Billing) -> Json:
    level = Level.of(used / GB, limit_gb)
    return {
        "scope": scope,
        "tenant": tenant,
        "key": key,
        "name": "",  # the pages know what connected keys are called
        "used_bytes": used,
        "quota_bytes": int(limit_gb * GB),
        "level": "over" if level is Level.OVER else "ok" if level is Level.FINE else "warned",
        "cost": used * billing.price_per_gb / GB if billing.price_per_gb else None,
    }
