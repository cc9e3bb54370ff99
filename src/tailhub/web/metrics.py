"""The relay's metrics: one table of what there is, and its Prometheus text.

The numbers come as a plain mapping, made by the server when somebody asks. A metric whose key is not in it is left
out, so a relay without STUN has no STUN metrics. ``docs/reference/metrics.md`` is made from `METRICS`. The names of
the original program, for dashboards that exist already, are in `varz`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Labelled = Mapping[tuple[str, ...], float]
MetricValues = Mapping[str, float | Labelled]
"""Key to number; for a metric with labels: key to a mapping from label values, in the table's order, to numbers."""

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. Names of counters end in ``_total``, as Prometheus wants it."""

    key: str
    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()


def _counter(key: str, name: str, text: str, *labels: str) -> Metric:
    return Metric(key, f"tailhub_{name}_total", "counter", text, labels)


def _gauge(key: str, name: str, text: str, *labels: str) -> Metric:
    return Metric(key, f"tailhub_{name}", "gauge", text, labels)


_LINK = ("peer", "phase")

METRICS: tuple[Metric, ...] = (
    _gauge("info", "info", "Always 1; the version of tailhub stands in the label.", "version"),
    _gauge("start_unix_s", "start_time_seconds", "When the relay started, in seconds since 1970."),
    _gauge("uptime_s", "uptime_seconds", "How long the relay has been running."),
    _gauge(
        "ready", "ready", "Whether the relay is to get clients: 0 while it is emptied or a worker is missing, else 1."
    ),
    _gauge("draining", "draining", "Whether the relay is being emptied (tailhub drain): 1 or 0."),
    # Who is here
    _gauge("clients", "clients", "Node keys that are connected to this relay."),
    _gauge("connections", "connections", "DERP connections that are logged in; a key may have several."),
    _gauge("home_connections", "home_connections", "Connections of clients that have their home at this relay."),
    _gauge("guests", "guest_connections", "Connections of clients that may only reach peers whose home is here."),
    _gauge("not_ideal_connections", "not_ideal_connections", "Connections of clients that preferred another node."),
    _gauge("dup_keys", "duplicate_keys", "Node keys with two or more connections now."),
    _gauge("dup_connections", "duplicate_connections", "Connections that share their node key with another one."),
    _gauge(
        "remote_clients", "remote_clients", "Node keys that are connected to other relays of the region, of each one."
    ),
    _gauge("watchers", "mesh_watchers", "Mesh peers that follow who is connected here."),
    _counter("accepts", "logins", "Logins that were admitted."),
    _counter("dup_connections_total", "duplicate_logins", "Logins with a node key that was connected already."),
    _counter("home_moves_in", "home_moves_in", "Connected clients that made this relay their home."),
    _counter("home_moves_out", "home_moves_out", "Connected clients that moved their home elsewhere."),
    # Traffic
    _counter("packets_received", "packets_received", "Packets that clients and mesh peers sent."),
    _counter("bytes_received", "bytes_received", "Payload bytes of those packets."),
    _counter("disco_received", "disco_packets_received", "Path discovery packets among the packets received."),
    _counter("packets_sent", "packets_sent", "Packets handed on to clients."),
    _counter("bytes_sent", "bytes_sent", "Payload bytes of those packets."),
    _counter("packets_dropped", "packets_dropped", "Packets that were dropped, and why.", "reason", "kind"),
    _counter("bytes_dropped", "bytes_dropped", "Payload bytes that were dropped, and why.", "reason", "kind"),
    _counter("forwarded", "packets_between_workers", "Packets handed from one worker of the relay to another."),
    _counter("forwarded_in", "packets_forwarded_in", "Packets that mesh peers forwarded to clients here."),
    _counter("forwarded_out", "packets_forwarded_out", "Packets that were forwarded to mesh peers."),
    _gauge("queued_bytes", "queued_bytes", "Bytes that wait in all clients' queues now."),
    _counter("rate_pauses", "rate_limit_pauses", "Times that a client was not read because it had sent too much."),
    _counter("rate_paused_s", "rate_limit_paused_seconds", "Seconds that these pauses took, all clients together."),
    _gauge("rate_limit_bytes_per_s", "rate_limit_bytes_per_second", "What each client may send; none without a limit."),
    _gauge("rate_burst_bytes", "rate_limit_burst_bytes", "What each client may send at once beyond that."),
    _gauge("keys_over_quota", "keys_over_quota", "Node keys here that are over their quota or their tenant's."),
    _counter("quota_reached", "quota_levels_reached", "Times that a key has used so much of a quota.", "level"),
    _gauge("tenant_quota_bytes", "tenant_quota_bytes", "What the tenant may use in a billing period.", "tenant"),
    _gauge("tenant_quota_used_bytes", "tenant_quota_used_bytes", "What it has used in this one.", "tenant"),
    # By tenant, where the configuration has several; the names are the configuration's
    _gauge("tenant_connections", "tenant_connections", "Logged-in connections of the tenant's devices.", "tenant"),
    _counter("tenant_packets_received", "tenant_packets_received", "Packets that they sent.", "tenant"),
    _counter("tenant_bytes_received", "tenant_bytes_received", "Payload bytes of those packets.", "tenant"),
    _counter("tenant_packets_sent", "tenant_packets_sent", "Packets handed on to them.", "tenant"),
    _counter("tenant_bytes_sent", "tenant_bytes_sent", "Payload bytes of those packets.", "tenant"),
    _counter(
        "tenant_packets_dropped",
        "tenant_packets_dropped",
        "Packets dropped that they sent (nobody could get them) or that waited for them, and why.",
        "tenant",
        "reason",
    ),
    # The mesh, where other relays are named or have links to this one; peers are the configuration's
    _gauge("mesh_links", "mesh_links", "Links to the peer that are in this phase; each worker has one.", *_LINK),
    _gauge("mesh_link_up", "mesh_link_up", "Whether all links to the peer are up: 1 or 0.", "peer"),
    _gauge("mesh_remote_keys", "mesh_remote_keys", "Node keys that are connected to the peer.", "peer"),
    _gauge("mesh_rtt_s", "mesh_rtt_seconds", "Round trip time of the link to the peer.", "peer"),
    _counter("mesh_connects", "mesh_link_connects", "Times that a link to the peer has come up.", "peer"),
    _counter("mesh_forwarded_packets", "mesh_forwarded_packets", "Packets forwarded to the peer.", "peer"),
    _counter("mesh_forwarded_bytes", "mesh_forwarded_bytes", "Payload bytes of those packets.", "peer"),
    _counter("mesh_dropped_packets", "mesh_dropped_packets", "Packets for the peer that its link lost.", "peer"),
    _counter("mesh_odd", "mesh_odd", "What the peer said that no relay should, by what it was.", "peer", "what"),
    _gauge("mesh_peers", "mesh_peers", "Relays that have a link to this one."),
    _gauge("mesh_troubles", "mesh_troubles", "Faults of the mesh that this relay sees now (tailhub doctor --local)."),
    # Other frames
    _counter("got_ping", "pings_received", "Ping frames from clients."),
    _counter("sent_pong", "pongs_sent", "Pong frames to clients."),
    _counter("peer_gone_disconnected", "peer_gone_disconnected", "Clients told that a peer has left."),
    _counter("peer_gone_not_here", "peer_gone_not_here", "Clients told that a peer is not here."),
    _counter("unknown_frames", "unknown_frames", "Frames of a type that the relay does not know; they are skipped."),
    _counter("control_dropped", "control_frames_dropped", "Control frames dropped: their client does not read."),
    # Connections before and around DERP
    _gauge("tcp_open", "tcp_connections", "Open TCP connections, logged in or not."),
    _counter("tcp_accepted", "tcp_accepted", "TCP connections accepted on the public port."),
    _counter("tcp_rejected", "tcp_rejected", "TCP connections closed at once because too many came."),
    _gauge("tls_connections", "tls_connections", "Open TLS connections.", "version"),
    _counter("tls_handshakes", "tls_handshakes", "TLS handshakes that succeeded.", "version"),
    _counter("websocket_accepts", "websocket_logins", "Upgrades to DERP inside WebSocket."),
    _counter("http_requests", "http_requests", "HTTP requests that got a page.", "status"),
    _counter("refused", "refused", "Connections refused or closed before they were logged in, and why.", "reason"),
    _gauge("held_connections", "held_connections", "Refused clients whose connections are held open."),
    _counter("held", "held", "Refused clients, by what became of their connections.", "outcome"),
    _counter("memory_admissions", "admissions_from_memory", "Yeses that stood in for a verifier's that is away."),
    _counter("verdicts", "verdicts", "What verifiers answered about keys that log in.", "verifier", "answer"),
    _gauge(
        "verifier_reachable",
        "verifier_reachable",
        "Whether the verifier could be reached when it was last asked: 1 or 0.",
        "verifier",
    ),
    _gauge(
        "credential_expires_unix_s",
        "credential_expires_seconds",
        "When the credential for the verifier's list of devices ends, since 1970; none if it never does.",
        "verifier",
    ),
    _gauge("refused_keys", "refused_keys", "Keys on the list of the refused (tailhub allow pending)."),
    _counter("refused_keys_dropped", "refused_keys_dropped", "Keys that were dropped from that list, which is full."),
    _gauge("waiting_logins", "waiting_logins", "Logins that wait for a verifier's answer."),
    _counter("closed", "closed", "Logged-in connections that were closed, and why.", "reason"),
    _counter("passthrough", "passthrough", "Connections for other names, passed on to their server.", "result"),
    _counter("write_timeouts", "write_timeouts", "Connections closed because the client did not read."),
    # Other services
    _counter("stun_requests", "stun_requests", "STUN datagrams, by what became of them.", "disposition"),
    _counter("stun_families", "stun_families", "STUN requests, by address family.", "family"),
    _counter("bootstrap_dns_requests", "bootstrap_dns_requests", "Requests for /bootstrap-dns."),
    _gauge(
        "certificate_expires_unix_s",
        "certificate_expires_seconds",
        "When the certificate ends that clients get who ask for no known name, since 1970.",
        "listener",
    ),
    _gauge(
        "certificate_starts_unix_s",
        "certificate_starts_seconds",
        "When that certificate begins to be valid, since 1970.",
        "listener",
    ),
    # The processes of the relay, added up; these names are the ones that every Prometheus client library uses
    _gauge("workers", "workers", "Processes that serve clients."),
    _counter("worker_restarts", "worker_restarts", "Workers that ended and were started again."),
    Metric("process_cpu_s", "process_cpu_seconds_total", "counter", "CPU time used, in seconds."),
    Metric("process_resident_bytes", "process_resident_memory_bytes", "gauge", "Resident memory."),
    Metric("process_open_fds", "process_open_fds", "gauge", "Open file descriptors."),
    Metric("process_max_fds", "process_max_fds", "gauge", "Limit of open file descriptors."),
)


def render_metrics(values: MetricValues) -> bytes:
    """Make the Prometheus text, to be sent as `CONTENT_TYPE`.

    The first call imports prometheus_client (about 0.06 s of CPU): a relay makes it in a thread.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(values))
    return generate_latest(registry)


class _Snapshot:
    """The numbers in the form that prometheus_client collects."""

    def __init__(self, values: MetricValues) -> None:
        self._values = values

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for metric in METRICS:
            value = self._values.get(metric.key)
            if value is None:
                continue
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, number in _samples(value):
                family.add_metric(list(labels), number)
            yield family


def _samples(value: float | Labelled) -> Iterable[tuple[tuple[str, ...], float]]:
    return value.items() if isinstance(value, Mapping) else (((), value),)
