"""Entries of a map for relays."""

from __future__ import annotations

from typing import Any

import pytest

from tailhub.exceptions import LocalError
from tailhub.tailcfg.region_id import region_id_for_key
from tailhub.tools.derpmap.fields import FIELDS, parse_fields
from tailhub.tools.derpmap.making import Entry, RelaySeen, free_region_id, make_entry, make_map

KEY = bytes(range(32))
PIN = "sha256-raw:" + 64 * "a"
SEEN = RelaySeen("203.0.113.7", 8443, KEY, PIN, 3479)


def keys(entry: Entry) -> list[str]:
    """Which remarks it has."""
    return [remark.key for remark in entry.remarks]


def test_a_relay_that_was_asked() -> None:
    """It has the ports where it answered and the pin that it showed, which is to be compared first."""
    entry = make_entry({}, SEEN)
    (node,) = entry.region.nodes
    assert (node.host_name, node.ipv4, node.derp_port, node.stun_port, node.cert_name) == (
        "203.0.113.7",
        "203.0.113.7",
        8443,
        3479,
        PIN,
    )
    assert entry.region.region_id == node.region_id == region_id_for_key(KEY)
    assert keys(entry) == ["map_pin_compare"]


def test_a_relay_with_a_certificate_of_a_ca() -> None:
    """At a name it needs nothing, at an address the name in its certificate."""
    (node,) = make_entry({}, RelaySeen("derp.example.com", 443, KEY, "", 3478)).region.nodes
    assert (node.host_name, node.cert_name, node.ipv4) == ("derp.example.com", "", "")
    (node,) = make_entry({}, RelaySeen("203.0.113.7", 443, KEY, "derp.example.com", 3478)).region.nodes
    assert node.cert_name == "derp.example.com"


def test_a_relay_whose_stun_is_silent() -> None:
    """Has the usual port in the map, and that is said."""
    entry = make_entry({}, RelaySeen("derp.example.com", 443, KEY))
    assert entry.region.nodes[0].stun_port == 3478
    assert keys(entry) == ["map_no_stun"]


def test_everything_can_be_said_by_flags() -> None:
    """What a person says counts more than what was seen."""
    texts = {
        "region_id": "950",
        "region_code": "home",
        "region_name": "家",
        "latitude": "31.2",
        "longitude": "121.5",
        "avoid": "true",
        "no_measure_no_home": "true",
        "score": "2",
        "host_name": "derp.example.com",
        "cert_name": PIN,
        "ipv4": "203.0.113.8",
        "ipv6": "none",
        "derp_port": "444",
        "stun_port": "-1",
        "insecure_for_tests": "true",
        "can_port_80": "true",
        "stun_test_ip": "203.0.113.9",
    }
    values = parse_fields(texts)
    entry = make_entry(values, SEEN)
    derp_map = make_map([entry])
    (region,) = derp_map.regions.values()
    assert region is not None
    found: dict[str, Any] = {}
    for one in (region, region.nodes[0]):
        found |= {name: getattr(one, name) for name in one.__struct_fields__}
    for field in FIELDS:
        if field.of != "home_params" and field.key in texts:
            assert found[field.key if field.key != "stun_test_ip" else "stun_test_ip"] == values[field.name], field
    assert derp_map.home_params is not None
    assert derp_map.home_params.region_score == {950: 2}
    assert keys(entry) == ["map_stun_off", "map_score_headscale", "map_avoid_stays"]


def test_a_relay_that_only_answers_stun() -> None:
    """Needs no certificate."""
    (node,) = make_entry({"STUNOnly": True, "IPv4": "203.0.113.7"}).region.nodes
    assert (node.stun_only, node.derp_port, node.stun_port) == (True, 0, 3478)


def test_the_number_stays_the_same_and_is_free() -> None:
    """For the same relay, or the same name; the next one where somebody has it."""
    first = make_entry({"HostName": "derp.example.com"}).region.region_id
    assert first == make_entry({"HostName": "derp.example.com", "DERPPort": 8443}).region.region_id
    taken = make_entry({"HostName": "derp.example.com"}, taken=[first]).region.region_id
    assert taken == (first + 1 if first < 999 else 900)
    with pytest.raises(LocalError, match="free region id"):
        free_region_id(KEY, range(900, 1000))
    with pytest.raises(LocalError, match="912"):
        make_entry({"HostName": "a.example", "RegionID": 912}, taken=[912])


def test_what_can_be_no_map_is_refused() -> None:
    """No host at all; an address without anything that says which certificate."""
    with pytest.raises(LocalError, match="host name or address"):
        make_entry({"DERPPort": 8443})
    with pytest.raises(LocalError, match="pin"):
        make_entry({"HostName": "203.0.113.7"})


def test_relays_of_one_region_are_its_nodes() -> None:
    """Named by letters; relays of several regions stay apart."""
    entries = [make_entry({"HostName": f"{name}.example", "RegionID": 900}) for name in "abc"]
    (region,) = make_map(entries).regions.values()
    assert region is not None
    assert [(node.name, node.host_name) for node in region.nodes] == [
        ("900a", "a.example"),
        ("900b", "b.example"),
        ("900c", "c.example"),
    ]
    apart = make_map([*entries[:1], make_entry({"HostName": "b.example", "RegionID": 901})])
    assert sorted(apart.regions) == [900, 901]
    assert apart.home_params is None
