"""What a client's own netcheck would report, in the words and the JSON of the reference. Pure.

Source: ``Report`` in ``net/netcheck/netcheck.go``; ``makeProbePlanInitial`` (which node is asked when),
``addNodeLatency``, ``GetReport`` (HTTPS and ICMP when no UDP came back). UPnP, NAT-PMP, PCP and captive portals are not
looked for: their fields are null, as the reference has them for "not checked".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from tailhub.tailcfg.derpmap import DERPRegion
from tailhub.tools.netcheck.seen import NodeSeen, Seen, StunSeen

__all__ = ["ClientReport", "client_report", "late_regions", "regions_seen", "stun_latency"]

TRIES = 3  # STUN requests to a region, one after the other of its nodes
RETRANSMIT_NS = 100_000_000  # defaultInitialRetransmitTime
ENOUGH_REGIONS = 3  # then a client waits only a little for the others


@dataclass(frozen=True, slots=True)
class ClientReport:
    """As the reference's ``Report``. Latencies in nanoseconds by region id; `counters` by ``(address, port)``."""

    ended_s: float
    udp: bool
    ipv4: bool
    ipv6: bool
    ipv4_can_send: bool
    ipv6_can_send: bool
    os_has_ipv6: bool
    icmp_v4: bool
    mapping_varies: bool | None
    latency_ns: Mapping[int, int]
    v4_latency_ns: Mapping[int, int]
    v6_latency_ns: Mapping[int, int]
    global_v4: tuple[str, int] | None
    global_v6: tuple[str, int] | None
    v4_counters: Mapping[tuple[str, int], int] = field(default_factory=dict)
    v6_counters: Mapping[tuple[str, int], int] = field(default_factory=dict)

    def to_plain(self, preferred: int) -> dict[str, Any]:
        """For JSON, in the shape of ``tailscale netcheck --format=json``; `preferred` is the region chosen, 0: none."""
        at = datetime.fromtimestamp(self.ended_s, UTC)
        return {
            "Now": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "UDP": self.udp,
            "IPv6": self.ipv6,
            "IPv4": self.ipv4,
            "IPv6CanSend": self.ipv6_can_send,
            "IPv4CanSend": self.ipv4_can_send,
            "OSHasIPv6": self.os_has_ipv6,
            "ICMPv4": self.icmp_v4,
            "MappingVariesByDestIP": self.mapping_varies,
            "UPnP": None,
            "PMP": None,
            "PCP": None,
            "PreferredDERP": preferred,
            "RegionLatency": _by_region(self.latency_ns),
            "RegionV4Latency": _by_region(self.v4_latency_ns),
            "RegionV6Latency": _by_region(self.v6_latency_ns),
            "GlobalV4Counters": _counted(self.v4_counters),
            "GlobalV6Counters": _counted(self.v6_counters),
            "GlobalV4": _address(self.global_v4),
            "GlobalV6": _address(self.global_v6),
            "CaptivePortal": None,
        }


def client_report(seen: Seen) -> ClientReport:
    """What a client's full report would have."""
    v4: dict[int, int] = {}
    v6: dict[int, int] = {}
    for _, nodes in _measured(seen):
        for latencies, family in ((v4, [node.v4 for node in nodes]), (v6, [node.v6 for node in nodes])):
            for owner, latency in _answers([node.node.region_id for node in nodes], family):
                latencies[owner] = min(latency, latencies.get(owner, latency))
    both = {region: min(filter(None, (v4.get(region), v6.get(region)))) for region in {**v4, **v6}}
    udp = bool(both)
    https: dict[int, tuple[int, str]] = {} if udp else _by_https(seen)
    icmp: dict[int, int] = {} if udp else _by_icmp(seen)
    elsewhere = {region: latency for region, (latency, _) in https.items()}
    for region_id, latency in icmp.items():
        elsewhere[region_id] = min(latency, elsewhere.get(region_id, latency))
    mapped4 = [node.v4.mapped for node in seen.nodes if node.v4.mapped]
    mapped6 = [node.v6.mapped for node in seen.nodes if node.v6.mapped]
    return ClientReport(
        ended_s=seen.ended_s,
        udp=udp,
        ipv4=bool(v4) or bool(icmp) or any(":" not in address for _, address in https.values()),
        ipv6=bool(v6) or any(":" in address for _, address in https.values()),
        ipv4_can_send=any(node.v4.was_sent for node in seen.nodes),
        ipv6_can_send=any(node.v6.was_sent for node in seen.nodes),
        os_has_ipv6=seen.os_has_ipv6,
        mapping_varies=len(set(mapped4)) > 1 if len(mapped4) > 1 else None,
        icmp_v4=bool(icmp),
        latency_ns=both if udp else elsewhere,
        v4_latency_ns=v4,
        v6_latency_ns=v6,
        global_v4=mapped4[0] if mapped4 else None,
        global_v6=mapped6[0] if mapped6 else None,
        v4_counters=Counter(mapped4),
        v6_counters=Counter(mapped6),
    )


def stun_latency(latencies: Sequence[int | None]) -> int | None:
    """The latency of a region over one family, by those of its nodes in the map's order, None where none answers.

    A client asks up to three of them, 100 ms apart, or one again, and stops when an answer is there.
    """
    return min((latency for _, latency in _sent_and_answered(latencies)), default=None)


def late_regions(latency_ns: Mapping[int, int]) -> frozenset[int]:
    """Regions that a client may not wait for.

    When three have answered it waits only twice the longest latency of these. It may still hear from the others while
    it looks for other things.
    """
    if len(latency_ns) <= ENOUGH_REGIONS:
        return frozenset()
    third = sorted(latency_ns.values())[ENOUGH_REGIONS - 1]
    return frozenset(region for region, latency in latency_ns.items() if latency > 3 * third)


def _sent_and_answered(latencies: Sequence[int | None]) -> list[tuple[int, int]]:
    """Position in the list and latency of each node that was asked and answered."""
    answered: list[tuple[int, int]] = []
    first_answer_at: int | None = None
    for attempt in range(TRIES if latencies else 0):
        sent_at = attempt * RETRANSMIT_NS
        if first_answer_at is not None and first_answer_at <= sent_at:
            break
        position = attempt % len(latencies)
        latency = latencies[position]
        if latency is not None:
            answered.append((position, latency))
            arrival = sent_at + latency
            first_answer_at = arrival if first_answer_at is None else min(arrival, first_answer_at)
    return answered


def _answers(owners: Sequence[int], family: Sequence[StunSeen]) -> list[tuple[int, int]]:
    """Region id and latency; an answer counts for the region that the *node* says it is of, as in the reference."""
    return [(owners[position], latency) for position, latency in _sent_and_answered([one.latency_ns for one in family])]


def regions_seen(seen: Seen) -> list[tuple[DERPRegion, list[NodeSeen]]]:
    """The regions that were looked at, with their nodes, in the map's order."""
    grouped = [list(nodes) for _, nodes in groupby(seen.nodes, key=lambda node: id(node.region))]
    return [(nodes[0].region, nodes) for nodes in grouped]


def _measured(seen: Seen) -> list[tuple[DERPRegion, list[NodeSeen]]]:
    """Those that a client measures too."""
    return [(region, nodes) for region, nodes in regions_seen(seen) if not region.no_measure_no_home]


def _by_https(seen: Seen) -> dict[int, tuple[int, str]]:
    """Latency and address by region where no UDP comes back: of the first node that can be had."""
    found: dict[int, tuple[int, str]] = {}
    for region, nodes in _measured_otherwise(seen):
        for node in nodes:
            if node.node.stun_only:
                continue
            if node.https_ns is not None:
                found[region.region_id] = (node.https_ns, node.tcp_address)
            if node.tls_ns is not None:
                break
    return found


def _by_icmp(seen: Seen) -> dict[int, int]:
    """Latency by region where no UDP comes back: of an ICMP echo of the first node."""
    first = [(region.region_id, nodes[0].icmp_ns) for region, nodes in _measured_otherwise(seen)]
    return {region: latency for region, latency in first if latency is not None}


def _measured_otherwise(seen: Seen) -> list[tuple[DERPRegion, list[NodeSeen]]]:
    """The regions that a client measures without STUN."""
    return [
        (region, nodes)
        for region, nodes in _measured(seen)
        if not region.avoid and not all(node.node.stun_only for node in nodes)
    ]


def _by_region(latency_ns: Mapping[int, int]) -> dict[str, int]:
    return {str(region): latency for region, latency in sorted(latency_ns.items())}


def _counted(counters: Mapping[tuple[str, int], int]) -> dict[str, int] | None:
    return {_address(mapped): count for mapped, count in counters.items()} or None


def _address(mapped: tuple[str, int] | None) -> str:
    if mapped is None:
        return ""
    return f"[{mapped[0]}]:{mapped[1]}" if ":" in mapped[0] else f"{mapped[0]}:{mapped[1]}"
