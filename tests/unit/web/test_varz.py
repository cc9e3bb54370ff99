from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tailhub.relay.stats import Stats
from tailhub.web.metrics import METRICS, MetricValues
from tailhub.web.varz import render_varz

# What derper 1.102.5 shows, apart from what only a Go program has and what we do not measure.
ORIGINAL_NAMES = {
    "bootstrap_dns_requests",
    "derp_accepts",
    "derp_bytes_received",
    "derp_bytes_sent",
    "derp_packets_received_kind",
    "derp_total_dup_client_conns",
    "derp_clients_local",
    "derp_clients_remote",
    "derp_clients_total",
    "derp_current_connections",
    "derp_current_dup_client_conns",
    "derp_current_dup_client_keys",
    "derp_current_file_descriptors",
    "derp_current_home_connections",
    "derp_current_notideal_connections",
    "derp_watchers",
    "derp_got_ping",
    "derp_home_moves_in",
    "derp_home_moves_out",
    "derp_packets_forwarded_in",
    "derp_packets_forwarded_out",
    "derp_packets_received",
    "derp_packets_sent",
    "derp_peer_gone_disconnected_frames",
    "derp_peer_gone_not_here_frames",
    "derp_rate_limit_per_client_burst_bytes",
    "derp_rate_limit_per_client_bytes_per_second",
    "derp_rate_limit_per_client_waited",
    "derp_sclient_write_timeouts",
    "derp_sent_pong",
    "derp_unknown_frames",
    "derp_bytes_dropped",
    "derp_packets_dropped",
    "derp_websocket_accepts",
    "derper_tls_active_version",
    "derper_tls_request_version",
    "process_start_unix_time",
    "stun_addrfamily",
    "stun_requests",
    "tls_listener_accepted_connections",
    "tls_listener_rejected_connections",
    "uptime_sec",
    "version",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
}

FULL: MetricValues = {metric.key: {("x",) * len(metric.labels): 1} if metric.labels else 1 for metric in METRICS}


def samples(values: MetricValues) -> list[str]:
    return [line for line in render_varz(values).decode().splitlines() if not line.startswith("#")]


def test_names_of_the_original() -> None:
    """A relay with every number shows every name of the original, and none of its own."""
    assert {line.split(" ")[0].split("{")[0] for line in samples(FULL)} == ORIGINAL_NAMES


def test_prometheus_reads_it() -> None:
    """The text is valid for Prometheus."""
    assert len(list(text_string_to_metric_families(render_varz(FULL).decode()))) >= len(ORIGINAL_NAMES)


def test_drops_as_the_original_prints_them() -> None:
    """Drops have the original's type, help, label order and all its reasons, and ours beside them."""
    stats = Stats()
    stats.drop("queue_age", True, 3, 900)
    text = render_varz({"packets_dropped": stats.packets_dropped}).decode()
    assert text.startswith(
        "# TYPE derp_packets_dropped counter\n# HELP derp_packets_dropped DERP packets dropped by reason and by kind\n"
        'derp_packets_dropped{reason="dup_client",kind="disco"} 0\n'
    )
    assert 'derp_packets_dropped{reason="queue_tail",kind="other"} 0\n' in text
    assert 'derp_packets_dropped{reason="queue_age",kind="disco"} 3\n' in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"accepts": 3}, ["derp_accepts 3"]),
        (
            {"packets_received": 10, "disco_received": 4},
            [
                'derp_packets_received_kind{kind="disco"} 4',
                'derp_packets_received_kind{kind="other"} 6',
                "derp_packets_received 10",
            ],
        ),
        ({"clients": 2}, ["derp_clients_local 2", "derp_clients_remote 0", "derp_clients_total 2"]),
        (
            {"clients": 2, "remote_clients": 5},
            ["derp_clients_local 2", "derp_clients_remote 5", "derp_clients_total 7"],
        ),
        ({"info": {("0.1.0",): 1}}, ['version{version="0.1.0",binary="tailhub"} 1']),
        (
            {"stun_requests": {("success",): 9, ("limited",): 1}},
            [
                'stun_requests{disposition="limited"} 1',
                'stun_requests{disposition="not_stun"} 0',
                'stun_requests{disposition="read_error"} 0',
                'stun_requests{disposition="success"} 9',
                'stun_requests{disposition="write_error"} 0',
            ],
        ),
        ({"tls_connections": {('1"\\\n',): 1}}, ['derper_tls_active_version{version="1\\"\\\\\\n"} 1']),
        (
            {"start_unix_s": 5.5, "uptime_s": 2.9},
            ["process_start_time_seconds 5.5", "process_start_unix_time 5", "uptime_sec 2"],
        ),
        ({}, []),
        ({"something_else": 1}, []),
    ],
)
def test_values(values: MetricValues, expected: list[str]) -> None:
    """Numbers appear under the original's names, derived where the original divides them differently."""
    assert samples(values) == expected


def test_types_are_the_originals() -> None:
    """Gauges and counters are declared as the original does; what it leaves untyped stays so."""
    text = render_varz({"connections": 1, "accepts": 1, "start_unix_s": 5}).decode()
    assert "# TYPE derp_current_connections gauge\n" in text
    assert "# TYPE derp_accepts counter\n" in text
    assert "process_start_unix_time 5\n" in text
    assert "# TYPE process_start_unix_time" not in text
