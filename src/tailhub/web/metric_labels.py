"""How many values each label of the metrics may have, and so how many time series a relay has at most.

Nothing a peer says can make more: what it may choose words of is counted under a fixed number of them, then ``other``.
The rest are fixed words, or names from the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from math import prod
from types import MappingProxyType
from typing import Final

from tailhub.web.metrics import METRICS, Metric

__all__ = ["BOUNDS", "LABELS", "Label", "Per", "most_series"]


class Per(Enum):
    """Of what there are as many as the configuration says."""

    RELAY = "relay"
    TENANT = "tenant"
    VERIFIER = "verifier"
    LISTENER = "listener"
    WORKER = "worker"
    MESH_PEER = "mesh peer"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the metrics with these keys: it has at most `most` values for each `per`."""

    name: str
    metrics: tuple[str, ...]
    most: int
    per: Per
    values: str  # for the reference


_TENANTS = ("connections", "packets_received", "bytes_received", "packets_sent", "bytes_sent", "packets_dropped")

LABELS: Final = (
    Label("reason", ("packets_dropped", "bytes_dropped", "tenant_packets_dropped"), 9, Per.RELAY, "DROP_REASONS"),
    Label("kind", ("packets_dropped", "bytes_dropped"), 2, Per.RELAY, "`disco` (path discovery), `other`"),
    Label("reason", ("refused", "closed"), 65, Per.WORKER, "the first words of the log line; 64, then `other`"),
    Label("outcome", ("held",), 11, Per.RELAY, "`admitted`, `became a guest`, `steered away`, `no room` …"),
    Label("disposition", ("stun_requests",), 7, Per.RELAY, "DISPOSITIONS"),
    Label("family", ("stun_families",), 2, Per.RELAY, "`ipv4`, `ipv6`"),
    Label("version", ("tls_connections", "tls_handshakes"), 2, Per.RELAY, "`TLSv1.2`, `TLSv1.3`"),
    Label("version", ("info",), 1, Per.RELAY, "tailhub's"),
    Label("result", ("passthrough",), 2, Per.RELAY, "`passed on`, `backend unreachable`"),
    Label("status", ("http_requests",), 20, Per.RELAY, "`200`, `426` …: those that tailhub's pages have"),
    Label("level", ("quota_reached",), 3, Per.RELAY, "`80 %`, `95 %`, `100 %`"),
    Label("answer", ("verdicts",), 4, Per.RELAY, "`admitted`, `refused`, `unreachable`, `unusable`"),
    Label(
        "verifier",
        ("verdicts", "verifier_reachable", "credential_expires_unix_s"),
        1,
        Per.VERIFIER,
        "what the log calls it; `relay`, one more, where so many logins wait that nobody was asked",
    ),
    Label(
        "tenant",
        (*(f"tenant_{name}" for name in _TENANTS), "tenant_quota_bytes", "tenant_quota_used_bytes"),
        1,
        Per.TENANT,
        "as the configuration calls it; `default` is that of the relay's own settings",
    ),
    Label(
        "listener",
        ("certificate_starts_unix_s", "certificate_expires_unix_s"),
        1,
        Per.LISTENER,
        "its address as the configuration has it",
    ),
    Label(
        "peer",
        (
            *("mesh_links", "mesh_link_up", "mesh_remote_keys", "mesh_rtt_s"),
            *("mesh_connects", "mesh_forwarded_packets", "mesh_forwarded_bytes", "mesh_dropped_packets", "mesh_odd"),
        ),
        1,
        Per.MESH_PEER,
        "as `mesh_with` has it without `?…`, with its address where a name has several",
    ),
    Label("what", ("mesh_odd",), 8, Per.RELAY, "`too_many_keys`, `unknown_gone`, `our_key` …"),
    Label("phase", ("mesh_links",), 6, Per.RELAY, "`connecting`, `up`, `waiting`, `refused`, `self`, `same`"),
)

BOUNDS: Final[Mapping[tuple[str, str], Label]] = MappingProxyType(
    {(key, label.name): label for label in LABELS for key in label.metrics}
)
"""Each label by metric's key and label's name."""


def most_series(counts: Mapping[Per, int]) -> int:
    """How many time series a relay has at most that has so many tenants (with the nameless one), verifiers …"""
    return sum(prod(label.most * counts.get(label.per, 1) for label in _labels(metric)) for metric in METRICS)


def _labels(metric: Metric) -> Iterator[Label]:
    return (BOUNDS[metric.key, name] for name in metric.labels)
