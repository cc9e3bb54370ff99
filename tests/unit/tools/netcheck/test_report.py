"""What a client would report of what was seen."""

from __future__ import annotations

import pytest

from support.netcheck_looks import MS, look, node
from tailhub.tools.netcheck.report import client_report, late_regions, stun_latency


@pytest.mark.parametrize(
    ("latencies_ms", "expected_ms"),
    [
        ([], None),
        ([None], None),
        ([20], 20),
        ([20, 5], 20),  # the second is not asked any more
        ([150, 5], 5),  # the first one's answer comes after the second was asked
        ([150, 80], 80),
        ([150, 120], 120),
        ([None, 30], 30),
        ([None, None, 30], 30),
        ([None, None, None, 1], None),  # nobody asks the fourth
        ([250, None, 240], 240),
    ],
)
def test_latency_of_a_region(latencies_ms: list[int | None], expected_ms: int | None) -> None:
    """A client asks one node after the other, 100 ms apart, until an answer is there, and three times at most."""
    latency = stun_latency([None if one is None else one * MS for one in latencies_ms])
    assert latency == (None if expected_ms is None else expected_ms * MS)


def test_the_lower_family_counts() -> None:
    """A region's latency is the lower one of IPv4's and IPv6's."""
    report = client_report(look(node("1a", 20, 15), node("2a", 30), node("3a", None, 9)))
    assert report.latency_ns == {1: 15 * MS, 2: 30 * MS, 3: 9 * MS}
    assert report.v4_latency_ns == {1: 20 * MS, 2: 30 * MS}
    assert report.v6_latency_ns == {1: 15 * MS, 3: 9 * MS}
    assert (report.udp, report.ipv4, report.ipv6) == (True, True, True)


def test_https_counts_only_without_udp() -> None:
    """HTTPS latencies are used where no STUN answer came at all, and a region that says Avoid is then left out."""
    seen = look(
        node("1a", https_ns=8 * MS), node("2a", https_ns=9 * MS), node("3a", https_ns=7 * MS), r3={"avoid": True}
    )
    report = client_report(seen)
    assert report.latency_ns == {1: 8 * MS, 2: 9 * MS}
    assert (report.udp, report.ipv4, report.ipv6, report.v4_latency_ns) == (False, True, False, {})
    assert client_report(look(node("1a", https_ns=8 * MS), node("2a", 30))).latency_ns == {2: 30 * MS}


def test_https_uses_the_first_node_that_can_be_had() -> None:
    """A client dials a region's nodes in their order, and measures the first that it reaches."""
    down = node("1a", tls_ns=None, https_ns=None)
    assert client_report(look(down, node("1b", https_ns=9 * MS))).latency_ns == {1: 9 * MS}
    mute = node("1a", tls_ns=5 * MS, https_ns=None)
    assert client_report(look(mute, node("1b", https_ns=9 * MS))).latency_ns == {}
    stun_only = node("1a", stun_only=True, https_ns=None, tls_ns=None)
    assert client_report(look(stun_only, node("1b", https_ns=9 * MS))).latency_ns == {1: 9 * MS}


def test_icmp_counts_only_without_udp() -> None:
    """Without UDP an ICMP echo of a region's first node counts where it is quicker than HTTPS, or alone."""
    nodes = [node("1a", https_ns=8 * MS, icmp_ns=3 * MS), node("2a", https_ns=9 * MS, icmp_ns=11 * MS)]
    nodes += [node("3a", https_ns=None, tls_ns=None, icmp_ns=4 * MS), node("3b", https_ns=None, icmp_ns=1 * MS)]
    report = client_report(look(*nodes))
    assert report.latency_ns == {1: 3 * MS, 2: 9 * MS, 3: 4 * MS}
    assert (report.icmp_v4, report.to_plain(1)["ICMPv4"], report.ipv4) == (True, True, True)
    assert client_report(look(node("1a", 20, icmp_ns=3 * MS))).latency_ns == {1: 20 * MS}
    assert client_report(look(node("1a", https_ns=8 * MS, icmp_ns=3 * MS), r1={"avoid": True})).latency_ns == {}


def test_regions_that_are_not_measured() -> None:
    """NoMeasureNoHome keeps clients from measuring a region; Avoid does not, at a first check."""
    seen = look(node("1a", 5), node("2a", 6), r1={"no_measure_no_home": True}, r2={"avoid": True})
    assert client_report(seen).latency_ns == {2: 6 * MS}


def test_json_has_the_shape_of_the_reference() -> None:
    """Keys, units and what stands for "nothing" are those of ``tailscale netcheck --format=json``."""
    plain = client_report(look(node("1a", 5, 6), node("2a", 7, mapped=("192.0.2.1", 42000)))).to_plain(1)
    assert plain == {
        "Now": "2030-03-17T17:46:40.250000Z",
        "UDP": True,
        "IPv6": True,
        "IPv4": True,
        "IPv6CanSend": True,
        "IPv4CanSend": True,
        "OSHasIPv6": True,
        "ICMPv4": False,
        "MappingVariesByDestIP": True,
        "UPnP": None,
        "PMP": None,
        "PCP": None,
        "PreferredDERP": 1,
        "RegionLatency": {"1": 5 * MS, "2": 7 * MS},
        "RegionV4Latency": {"1": 5 * MS, "2": 7 * MS},
        "RegionV6Latency": {"1": 6 * MS},
        "GlobalV4Counters": {"192.0.2.1:41000": 1, "192.0.2.1:42000": 1},
        "GlobalV6Counters": {"[2001:db8::1]:41000": 1},
        "GlobalV4": "192.0.2.1:41000",
        "GlobalV6": "[2001:db8::1]:41000",
        "CaptivePortal": None,
    }
    nothing = client_report(look()).to_plain(0)
    assert nothing["GlobalV4Counters"] is None
    assert nothing["GlobalV4"] == nothing["GlobalV6"] == ""
    assert nothing["MappingVariesByDestIP"] is None


@pytest.mark.parametrize(
    ("latencies_ms", "late"),
    [([1, 2, 3], set()), ([10, 10, 10, 30], set()), ([10, 10, 10, 31], {4}), ([10, 20, 200, 500], set())],
)
def test_late_regions(latencies_ms: list[int], late: set[int]) -> None:
    """When three have answered, a client waits for twice the longest of them, and no longer."""
    assert late_regions({number: one * MS for number, one in enumerate(latencies_ms, 1)}) == late
