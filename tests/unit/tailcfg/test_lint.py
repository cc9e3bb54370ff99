"""Faults of a DERP map, each with its word and its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tailhub.tailcfg.hujson import parse
from tailhub.tailcfg.lint import MapFault, MapTrouble, lint_map

PIN = "sha256-raw:" + 64 * "a"


def node(**fields: Any) -> dict[str, Any]:
    """A node without faults but for these fields; None leaves one out."""
    whole = {"Name": "912a", "RegionID": 912, "HostName": "derp.example.com", "DERPPort": 8443, "STUNPort": 3478}
    return {name: value for name, value in {**whole, **fields}.items() if value is not None}


def region(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A region without faults but for these."""
    whole = {"RegionID": 912, "RegionCode": "home", "RegionName": "Home", "Nodes": list(nodes or (node(),))}
    return {name: value for name, value in {**whole, **fields}.items() if value is not None}


def faults(one: dict[str, Any] | None, key: str = "912", **fields: Any) -> list[MapFault]:
    """What is found in a map with this region."""
    return lint_map(parse(json.dumps({"Regions": {key: one}, **fields})))


def test_nothing_is_wrong() -> None:
    """With a whole map; a region that is null takes a default one away."""
    assert faults(region()) == []
    assert faults(None, "1") == []
    assert faults(region(node(IPv4="203.0.113.7", IPv6="none"))) == []


def test_a_map_in_a_policy_is_found() -> None:
    """Beside all else that a policy has, and with names in any case."""
    policy = {"acls": [], "DERPMap": {"regions": {"912": {"regionid": 912, "nodes": [node(HostName="")]}}}}
    document = parse(json.dumps(policy, indent=2))
    (fault,) = lint_map(document)
    assert (fault.trouble, fault.region, fault.node, fault.field) == (
        MapTrouble.HOST_NAME_EMPTY,
        "912",
        "912a",
        "HostName",
    )
    line, column = document.place(fault.offset)
    assert document.text.splitlines()[line - 1][column - 1 :].startswith('""')


@pytest.mark.parametrize("text", ["[]", "1", '{"acls": []}', '{"derpMap": null}'])
def test_there_may_be_no_map(text: str) -> None:
    """In what is none."""
    assert [fault.trouble for fault in lint_map(parse(text))] == [MapTrouble.NO_MAP]


@pytest.mark.parametrize(
    ("one", "trouble"),
    [
        (region(RegionID=None), MapTrouble.REGION_ID_MISSING),
        (region(node(RegionID=913), RegionID=913), MapTrouble.REGION_ID_DIFFERS),
        (region(node(RegionID=None)), MapTrouble.NODE_REGION_ID_MISSING),
        (region(node(RegionID=900)), MapTrouble.NODE_REGION_ID_DIFFERS),
        (region(Nodes=[]), MapTrouble.NO_NODES),
        (region(node(Name="")), MapTrouble.NODE_NAME_EMPTY),
        (region(node(), node()), MapTrouble.NODE_NAME_TWICE),
        (region(node(HostName="")), MapTrouble.HOST_NAME_EMPTY),
        (region(node(HostName=None)), MapTrouble.HOST_NAME_EMPTY),
        (region(node(HostName="https://derp.example.com")), MapTrouble.HOST_NAME_SCHEME),
        (region(node(HostName="derp.example.com:8443")), MapTrouble.HOST_NAME_PORT),
        (region(node(HostName="203.0.113.7:8443")), MapTrouble.HOST_NAME_PORT),
        (region(node(HostName="[2001:db8::1]:8443")), MapTrouble.HOST_NAME_PORT),
        (region(node(HostName="203.0.113.7")), MapTrouble.IP_WITHOUT_PIN),
        (region(node(HostName="2001:db8::1")), MapTrouble.IP_WITHOUT_PIN),
        (region(node(IPv4="2001:db8::1")), MapTrouble.BAD_ADDRESS),
        (region(node(IPv6="derp.example.com")), MapTrouble.BAD_ADDRESS),
        (region(node(DERPPort=84430)), MapTrouble.BAD_PORT),
        (region(node(STUNPort=-2)), MapTrouble.BAD_PORT),
        (region(node(STUNPort=-1)), MapTrouble.STUN_OFF),
        (region(node(STUNOnly=True)), MapTrouble.STUN_ONLY_ALONE),
        (region(node(InsecureForTests=True)), MapTrouble.INSECURE),
        (region(node(CertName="derp.example.org")), MapTrouble.CERT_NAME_IS_NAME),
        (region(node(CertName=PIN[11:])), MapTrouble.PIN_MALFORMED),
        (region(node(CertName=PIN.upper())), MapTrouble.PIN_MALFORMED),
        (region(node(CertName=PIN[:-1])), MapTrouble.PIN_MALFORMED),
        (region(node(CertName=PIN)), MapTrouble.PIN_NEEDS_1_84),
        (region(node(DERPPort="8443")), MapTrouble.WRONG_TYPE),
        (region(node(STUNOnly="false")), MapTrouble.WRONG_TYPE),
        (region(Nodes={}), MapTrouble.NO_NODES),
        (region(node(Hostname="a.example", HostNmae="x")), MapTrouble.UNKNOWN_FIELD),
    ],
)
def test_a_fault_has_its_word(one: dict[str, Any], trouble: MapTrouble) -> None:
    """Each thing that can be wrong in a region is found."""
    assert trouble in {fault.trouble for fault in faults(one)}


def test_a_pin_and_no_check_at_all() -> None:
    """Together they are told as one thing."""
    found = {fault.trouble for fault in faults(region(node(CertName=PIN, InsecureForTests=True)))}
    assert found == {MapTrouble.PIN_AND_INSECURE, MapTrouble.PIN_NEEDS_1_84}


@pytest.mark.parametrize(
    ("number", "trouble"), [(1, MapTrouble.REGION_ID_OFFICIAL), (850, MapTrouble.REGION_ID_OUTSIDE)]
)
def test_a_number_that_is_not_the_users(number: int, trouble: MapTrouble) -> None:
    """Is doubtful while Tailscale's own regions are there too."""
    one = region(node(RegionID=number), RegionID=number)
    assert [fault.trouble for fault in faults(one, str(number))] == [trouble]
    assert trouble not in {fault.trouble for fault in faults(one, str(number), OmitDefaultRegions=True)}


def test_one_region_alone() -> None:
    """Leaves nothing to fall back on, and is one that is meant as a home."""
    assert [fault.trouble for fault in faults(region(), omitDefaultRegions=True)] == [MapTrouble.NO_FALLBACK]
    found = {fault.trouble for fault in faults(region(NoMeasureNoHome=True), omitDefaultRegions=True)}
    assert found == {MapTrouble.NO_FALLBACK, MapTrouble.ALL_AVOIDED, MapTrouble.AVOID_MOVES_NOBODY}


@pytest.mark.parametrize(
    ("flags", "found"),
    [({"Avoid": True}, "Avoid"), ({"NoMeasureNoHome": True}, "NoMeasureNoHome")],
    ids=["Avoid", "NoMeasureNoHome"],
)
def test_no_region_that_is_meant_as_a_home(flags: dict[str, bool], found: str) -> None:
    """Is doubtful, not broken; whether clients measure any of them is told apart."""
    (fault,) = [
        one
        for one in faults(region(**flags), omitDefaultRegions=True)
        if one.trouble not in (MapTrouble.NO_FALLBACK, MapTrouble.AVOID_MOVES_NOBODY)
    ]
    assert (fault.trouble, fault.severity, fault.found) == (MapTrouble.ALL_AVOIDED, "warning", found)


def test_a_region_that_calls_itself_otherwise_is_one_fault() -> None:
    """Its nodes may say either number; a third one is a fault of theirs."""
    for number in (912, 913):
        found = faults(region(node(RegionID=number), RegionID=913), "912")
        assert [fault.trouble for fault in found] == [MapTrouble.REGION_ID_DIFFERS]
    found = faults(region(node(RegionID=914), RegionID=913), "912")
    assert [fault.trouble for fault in found] == [MapTrouble.REGION_ID_DIFFERS, MapTrouble.NODE_REGION_ID_DIFFERS]


def test_there_is_no_region_0() -> None:
    """To clients it is none."""
    assert [one.trouble for one in faults(region(node(RegionID=0), RegionID=0), "0")] == [MapTrouble.REGION_KEY]


def test_a_misspelled_field_is_told_with_what_it_may_be() -> None:
    """Clients would pass it over without a word."""
    (fault,) = faults(region(node(DERPPrt=8443)))
    assert (fault.trouble, fault.field, fault.expected) == (MapTrouble.UNKNOWN_FIELD, "DERPPrt", "DERPPort")


def test_how_bad_it_is() -> None:
    """What cannot work is an error, what may is a warning, the rest is a hint."""
    severities = {fault.trouble: fault.severity for fault in faults(region(node(CertName=PIN, STUNPort=-1, Name="")))}
    assert severities == {
        MapTrouble.PIN_NEEDS_1_84: "hint",
        MapTrouble.STUN_OFF: "warning",
        MapTrouble.NODE_NAME_EMPTY: "error",
    }
