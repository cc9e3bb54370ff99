"""The numbers of one process as a plain mapping, and of several as one: `tailhub.web.metrics` says what each means."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tailhub.relay.connection import Connection
from tailhub.relay.relay import Relay
from tailhub.relay.stats import OTHER_TENANT, Stats
from tailhub.relay.tenant import Tenant
from tailhub.server.events import name_of
from tailhub.server.service import RelayService
from tailhub.web.debug import TrafficRow
from tailhub.web.metrics import METRICS, Labelled, MetricValues

if TYPE_CHECKING:
    from tailhub.server.mesh.watch import MeshSnapshot
    from tailhub.server.quota_keeper import QuotaKeeper

_COUNTERS = frozenset(metric.key for metric in METRICS if metric.kind == "counter")


@dataclass(slots=True)
class ServiceSnapshot:
    """What one process that serves clients has counted. Pickled where it is a worker's."""

    values: MetricValues
    faults: list[str]  # as what follows, empty unless asked for
    traffic: list[TrafficRow]
    held: list[bytes]  # keys that were refused and wait
    has_traffic: bool = False
    mesh: MeshSnapshot | None = None  # where there are links to other relays, or from them


def take_snapshot(service: RelayService, links: Iterable[Stats] = (), *, traffic: bool = False) -> ServiceSnapshot:
    """All numbers of this process now; `links` are the counters of its links to other workers."""
    relay = service.context.relay
    rows = [
        TrafficRow(
            f"nodekey:{connection.key.hex()}",
            str(connection.identity.address),
            connection.received_bytes,
            connection.queue.taken_bytes,
            name_of(connection.identity.node, connection.identity.owner),
            connection.is_home,
            connection.identity.connected_at,
            connection.identity.is_mesh,
        )
        for connection in (relay.registry if traffic else ())
    ]
    values: MetricValues = {**_relay(relay), **_connections(service), **_process()}
    for link in links:
        values = sum_values([values, {name: _labelled(getattr(link, name)) for name in _DROPS}])
    door = service.context.door
    held = [login.key for login in door.held] if traffic and door is not None else []
    mesh = None
    if service.mesh is not None or relay.watchers:
        from tailhub.server.mesh.watch import link_counters, lost_on_links, take_mesh_snapshot

        mesh = take_mesh_snapshot(service)
        values = sum_values([values, link_counters(mesh.links), lost_on_links(mesh.links)])
    return ServiceSnapshot(values, relay.consistency_errors() if traffic else [], rows, held, traffic, mesh)


def sum_values(parts: Sequence[MetricValues]) -> MetricValues:
    """Numbers of several processes as those of one: added up, label by label."""
    total: dict[str, float | Labelled] = {}
    for part in parts:
        for name, value in part.items():
            before = total.get(name)
            if before is None:
                total[name] = value
            elif isinstance(value, Mapping) and isinstance(before, Mapping):
                total[name] = {key: before.get(key, 0) + value.get(key, 0) for key in {**before, **value}}
            elif not isinstance(value, Mapping) and not isinstance(before, Mapping):
                total[name] = before + value
    return total


def counters_only(values: MetricValues) -> MetricValues:
    """What must not be forgotten when a process has ended: its counters, not what it had open."""
    return {name: value for name, value in values.items() if name in _COUNTERS}


_DROPS = ("packets_dropped", "bytes_dropped")


def _relay(relay: Relay) -> MetricValues:
    stats, registry = relay.stats, relay.registry
    values: dict[str, float | Labelled] = {
        name: value for name in stats.__slots__ if isinstance(value := getattr(stats, name), int | float)
    }
    values.update({name: _labelled(getattr(stats, name)) for name in _DROPS})
    values["clients"] = len(registry.active)
    values["remote_clients"] = 0  # what is known of other relays is no process's own: `tailhub.server.mesh.watch`
    values["forwarded"] = stats.forwarded - stats.forwarded_out  # it counts what goes to other workers or relays
    values["connections"] = registry.count
    values["home_connections"] = relay.home_connections
    values["guests"] = sum(connection.identity.is_guest for connection in registry)
    values["not_ideal_connections"] = sum(connection.identity.is_not_ideal for connection in registry)
    # Each process of another relay has a connection of its own, with that relay's one key.
    shared = [one for one in registry if one.has_duplicates and not one.identity.is_mesh]
    values["dup_keys"] = len({connection.key for connection in shared} & registry.active.keys())
    values["dup_connections"] = len(shared)
    values["watchers"] = relay.watchers
    values["queued_bytes"] = relay.queued_bytes
    if len(relay.tenants) > 1:
        values.update(_tenants(relay))
    return values


def _tenants(relay: Relay) -> MetricValues:
    """What each tenant uses, where there are several."""
    here = defaultdict[Tenant, list[Connection]](list)
    for connection in relay.registry:
        here[connection.tenant].append(connection)
    values: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for tenant in relay.tenants:
        name = tenant.shown_name
        values["tenant_connections"][name,] = len(here[tenant])
        for key, count in tenant.used_by(here[tenant])._asdict().items():
            values[f"tenant_{key}"][name,] = count
        for reason, count in {OTHER_TENANT: 0, **tenant.packets_dropped}.items():
            values["tenant_packets_dropped"][name, reason] = count
    return values


def _connections(service: RelayService) -> MetricValues:
    context, events = service.context, service.context.events
    door = context.door
    held = len(door.held) if door is not None else 0
    streams = {connection.stream for connection in (*context.newcomers, *context.derp_connections)}
    tls_open = Counter(stream.tls_version for stream in streams)
    return {
        "tcp_open": len(context.newcomers) + context.relay.registry.count + held,
        "tcp_accepted": service.acceptor.accepted,
        "tcp_rejected": service.acceptor.exhausted + service.acceptor.limited + context.newcomers.evicted,
        "tls_connections": {(version,): count for version, count in tls_open.items() if version is not None},
        "tls_handshakes": {(version,): count for version, count in events.tls_handshakes.items()},
        "websocket_accepts": events.websocket_logins,
        "http_requests": {(str(status),): count for status, count in events.http_requests.items()},
        "refused": {(reason,): count for reason, count in events.failures.items()},
        "closed": {(reason,): count for reason, count in events.disconnects.items()},
        "verdicts": {labels: count for labels, count in events.verdicts.items()},  # noqa: C416  a copy, wider types
        "memory_admissions": events.memory_admissions,
        "waiting_logins": door.gatekeeper.waiting if door is not None else 0,
        "held_connections": held,
        "held": {(outcome,): count for outcome, count in door.outcomes.items()} if door is not None else {},
        "passthrough": {(result,): count for result, count in events.passthrough.items()},
        "write_timeouts": context.watch.timeouts,
        "outside_accepted": events.outside_accepted,  # both for the desk alone (`tailhub.server.watched`)
        "outside_open": events.outside_open,
        **_quotas(context.quota),
    }


def _quotas(keeper: QuotaKeeper | None) -> MetricValues:
    if keeper is None:
        return {}
    return {
        "keys_over_quota": keeper.over,
        "quota_reached": {(level,): count for level, count in keeper.reached.items()},
    }


def _labelled(counts: Mapping[tuple[str, str], int]) -> Labelled:
    return {labels: count for labels, count in counts.items()}  # noqa: C416  a copy with wider types


def _process() -> MetricValues:
    import psutil  # not needed to relay

    process = psutil.Process()
    times = os.times()
    values: dict[str, float | Labelled] = {
        "process_cpu_s": times.user + times.system,
        "process_resident_bytes": process.memory_info().rss,
    }
    if hasattr(process, "num_fds"):
        import resource

        values["process_open_fds"] = _open_descriptors() or process.num_fds()
        values["process_max_fds"] = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return values


def _open_descriptors() -> int:
    """How many are open, where the system knows without listing thousands of them (Linux 6.2); else 0."""
    try:
        return Path("/proc/self/fd").stat().st_size
    except OSError:
        return 0
