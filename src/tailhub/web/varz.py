"""``/debug/varz``: the relay's numbers under the original's names, so that dashboards and alerts made for it go on.

Names, types, help texts, labels and order are those of the reference's ``derpserver.ExpVar``, ``net/stunserver``,
``cmd/derper`` and ``tsweb/varz``. Left out is what only a Go program has (``go_…``, ``memstats_…``, goroutines) and
what this relay does not measure (the histograms, ``derp_tcp_rtt``, ``derp_average_queue_duration_ms``).
``docs/reference/metrics.md`` is made from `VARS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tailhub.web.metrics import Labelled, MetricValues

_REASONS = (
    "dup_client",
    "gone_disconnected",
    "queue_head",
    "queue_tail",
    "unknown_dest",
    "unknown_dest_on_fwd",
    "write_error",
)
_DROPS = tuple((reason, kind) for reason in _REASONS for kind in ("disco", "other"))
_DISPOSITIONS = (("not_stun",), ("read_error",), ("success",), ("write_error",))


@dataclass(frozen=True, slots=True)
class Var:
    """One metric of the original: its name, what it is here, and label values that it shows even when they are 0."""

    name: str
    key: str
    kind: str = "counter"
    labels: tuple[str, ...] = ()
    always: tuple[tuple[str, ...], ...] = ()
    help: str = ""


VARS = (
    Var("process_cpu_seconds_total", "process_cpu_s"),
    Var("process_max_fds", "process_max_fds", "gauge"),
    Var("process_open_fds", "process_open_fds", "gauge"),
    Var("process_resident_memory_bytes", "process_resident_bytes", "gauge"),
    Var("process_start_time_seconds", "start_unix_s", "gauge"),
    Var("bootstrap_dns_requests", "bootstrap_dns_requests"),
    Var("derp_accepts", "accepts"),
    Var("derp_bytes_received", "bytes_received"),
    Var("derp_bytes_sent", "bytes_sent"),
    Var("derp_packets_received_kind", "received_by_kind", labels=("kind",)),
    Var("derp_total_dup_client_conns", "dup_connections_total"),
    Var("derp_clients_local", "clients", "gauge"),
    Var("derp_clients_remote", "remote_clients", "gauge"),
    Var("derp_clients_total", "all_clients", "gauge"),
    Var("derp_current_connections", "connections", "gauge"),
    Var("derp_current_dup_client_conns", "dup_connections", "gauge"),
    Var("derp_current_dup_client_keys", "dup_keys", "gauge"),
    Var("derp_current_file_descriptors", "process_open_fds", "gauge"),
    Var("derp_current_home_connections", "home_connections", "gauge"),
    Var("derp_current_notideal_connections", "not_ideal_connections", "gauge"),
    Var("derp_watchers", "watchers", "gauge"),
    Var("derp_got_ping", "got_ping"),
    Var("derp_home_moves_in", "home_moves_in"),
    Var("derp_home_moves_out", "home_moves_out"),
    Var("derp_packets_forwarded_in", "forwarded_in"),
    Var("derp_packets_forwarded_out", "forwarded_out"),
    Var("derp_packets_received", "packets_received"),
    Var("derp_packets_sent", "packets_sent"),
    Var("derp_peer_gone_disconnected_frames", "peer_gone_disconnected"),
    Var("derp_peer_gone_not_here_frames", "peer_gone_not_here"),
    Var("derp_rate_limit_per_client_burst_bytes", "rate_burst_bytes", "untyped"),
    Var("derp_rate_limit_per_client_bytes_per_second", "rate_limit_bytes_per_s", "untyped"),
    Var("derp_rate_limit_per_client_waited", "rate_pauses"),
    Var("derp_sclient_write_timeouts", "write_timeouts"),
    Var("derp_sent_pong", "sent_pong"),
    Var("derp_unknown_frames", "unknown_frames"),
    Var(
        "derp_bytes_dropped",
        "bytes_dropped",
        labels=("reason", "kind"),
        always=_DROPS,
        help="DERP bytes dropped by reason and by kind",
    ),
    Var(
        "derp_packets_dropped",
        "packets_dropped",
        labels=("reason", "kind"),
        always=_DROPS,
        help="DERP packets dropped by reason and by kind",
    ),
    Var("derp_websocket_accepts", "websocket_accepts"),
    Var("derper_tls_active_version", "tls_connections", "gauge", ("version",)),
    Var("derper_tls_request_version", "tls_handshakes", labels=("version",)),
    Var("process_start_unix_time", "start_unix_whole_s", "untyped"),
    Var("stun_addrfamily", "stun_families", labels=("family",), always=(("ipv4",), ("ipv6",))),
    Var("stun_requests", "stun_requests", labels=("disposition",), always=_DISPOSITIONS),
    Var("tls_listener_accepted_connections", "tcp_accepted"),
    Var("tls_listener_rejected_connections", "tcp_rejected"),
    Var("uptime_sec", "uptime_whole_s"),
    Var("version", "binary_version", "untyped", ("version", "binary")),
)


def render_varz(values: MetricValues) -> bytes:
    """Make the text from the same numbers as `render_metrics`; a metric without a number is left out."""
    all_values = _derived(values)
    lines: list[str] = []
    for var in VARS:
        value = all_values.get(var.key)
        if value is not None:
            lines += _lines(var, value)
    return "".join(f"{line}\n" for line in lines).encode()


def _derived(values: MetricValues) -> dict[str, float | Labelled]:
    derived = dict(values)
    received, disco, clients = values.get("packets_received"), values.get("disco_received"), values.get("clients")
    if isinstance(received, int | float) and isinstance(disco, int | float):
        derived["received_by_kind"] = {("disco",): disco, ("other",): received - disco}
    if isinstance(clients, int | float):
        remote = values.get("remote_clients", 0)
        derived["remote_clients"] = remote
        derived["all_clients"] = clients + remote if isinstance(remote, int | float) else clients
    for key in ("start_unix", "uptime"):
        seconds = values.get(f"{key}_s")
        if isinstance(seconds, int | float):
            derived[f"{key}_whole_s"] = int(seconds)
    info = values.get("info")
    if isinstance(info, Mapping):
        derived["binary_version"] = {(*labels, "tailhub"): number for labels, number in info.items()}
    return derived


def _lines(var: Var, value: float | Labelled) -> Iterator[str]:
    if var.kind != "untyped":
        yield f"# TYPE {var.name} {var.kind}"
    if var.help:
        yield f"# HELP {var.name} {var.help}"
    if not isinstance(value, Mapping):
        yield f"{var.name} {value}"
        return
    samples: Labelled = {**dict.fromkeys(var.always, 0), **value}
    for labels in sorted(samples):
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in zip(var.labels, labels, strict=True))
        yield f"{var.name}{{{pairs}}} {samples[labels]}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
