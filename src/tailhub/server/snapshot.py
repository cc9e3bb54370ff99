"""The relay's numbers as one plain mapping, for whoever asks: `tailhub.web.metrics` says what each key means."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tailhub.net.accept import Acceptor
from tailhub.server.context import ServerContext
from tailhub.server.stun import StunServer
from tailhub.web.debug import TrafficRow
from tailhub.web.metrics import MetricValues


@dataclass(slots=True)
class Snapshots:
    """Makes snapshots. Costs nothing until somebody asks."""

    context: ServerContext
    acceptor: Acceptor
    stun: StunServer | None
    version: str
    started_unix_s: float
    certificate_expires_unix_s: float
    bootstrap_dns_requests: int = 0

    def values(self) -> MetricValues:
        """All numbers now."""
        values: dict[str, float | dict[tuple[str, ...], float]] = {}
        values["info"] = {(self.version,): 1}
        values["start_unix_s"] = self.started_unix_s
        values["uptime_s"] = time.time() - self.started_unix_s
        values["certificate_expires_unix_s"] = self.certificate_expires_unix_s
        values["bootstrap_dns_requests"] = self.bootstrap_dns_requests
        values.update(self._relay())
        values.update(self._connections())
        values.update(_process())
        if self.stun is not None:
            values.update(self._stun(self.stun))
        return values

    def traffic(self) -> list[TrafficRow]:
        """What each connection has moved."""
        return [
            TrafficRow(
                f"nodekey:{connection.key.hex()}",
                str(connection.identity.address),
                connection.received_bytes,
                connection.queue.taken_bytes,
            )
            for connection in self.context.relay.registry
        ]

    def _relay(self) -> dict[str, float | dict[tuple[str, ...], float]]:
        relay = self.context.relay
        stats, registry = relay.stats, relay.registry
        values: dict[str, float | dict[tuple[str, ...], float]] = {
            name: value for name in stats.__slots__ if isinstance(value := getattr(stats, name), int)
        }
        values["packets_dropped"] = _labelled(stats.packets_dropped)
        values["bytes_dropped"] = _labelled(stats.bytes_dropped)
        values["clients"] = len(registry.active)
        values["remote_clients"] = values["forwarded_out"] = 0  # until this relay dials others
        values["connections"] = registry.count
        values["home_connections"] = relay.home_connections
        values["not_ideal_connections"] = sum(connection.identity.is_not_ideal for connection in registry)
        values["dup_keys"] = len(registry.duplicates)
        values["dup_connections"] = sum(map(len, registry.duplicates.values()))
        values["watchers"] = relay.watchers
        values["queued_bytes"] = relay.queued_bytes
        return values

    def _connections(self) -> dict[str, float | dict[tuple[str, ...], float]]:
        context, events = self.context, self.context.events
        streams = {connection.stream for connection in (*context.newcomers, *context.derp_connections)}
        tls_open = Counter(stream.tls_version for stream in streams)
        return {
            "tcp_open": len(context.newcomers) + context.relay.registry.count,
            "tcp_accepted": self.acceptor.accepted,
            "tcp_rejected": self.acceptor.exhausted + context.newcomers.evicted,
            "tls_connections": {(version,): count for version, count in tls_open.items() if version is not None},
            "tls_handshakes": {(version,): count for version, count in events.tls_handshakes.items()},
            "websocket_accepts": events.websocket_logins,
            "http_requests": {(str(status),): count for status, count in events.http_requests.items()},
            "refused": {(reason,): count for reason, count in events.failures.items()},
            "closed": {(reason,): count for reason, count in events.disconnects.items()},
            "write_timeouts": context.watch.timeouts,
        }

    @staticmethod
    def _stun(stun: StunServer) -> dict[str, float | dict[tuple[str, ...], float]]:
        return {
            "stun_requests": {(word,): count for word, count in stun.dispositions().items()},
            "stun_families": {(family,): counters.requests for family, counters in stun.counters.items()},
        }


def _labelled(counts: Mapping[tuple[str, str], int]) -> dict[tuple[str, ...], float]:
    return {labels: count for labels, count in counts.items()}  # noqa: C416  a copy with wider types


def _process() -> dict[str, float | dict[tuple[str, ...], float]]:
    import psutil  # not needed to relay

    process = psutil.Process()
    times = os.times()
    values: dict[str, float | dict[tuple[str, ...], float]] = {
        "process_cpu_s": times.user + times.system,
        "process_resident_bytes": process.memory_info().rss,
    }
    if hasattr(process, "num_fds"):
        import resource

        values["process_open_fds"] = process.num_fds()
        values["process_max_fds"] = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return values
