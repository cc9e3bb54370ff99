from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.tailcfg.derpmap import (
    DERPHomeParams,
    DERPMap,
    DERPNode,
    DERPRegion,
    from_plain,
    parse_json,
    serialize_json,
)

# Written by the reference: json.Marshal of a tailcfg.DERPMap.
REFERENCE_JSON = (
    '{"HomeParams":{"RegionScore":{"900":1.5}},"Regions":{"1":null,"900":{"RegionID":900,"RegionCode":"home",'
    '"RegionName":"家里","Latitude":31.2,"Avoid":true,"NoMeasureNoHome":true,"Nodes":[{"Name":"900a","RegionID":900,'
    '"HostName":"derp.example.com","CertName":"sha256-raw:00","IPv4":"203.0.113.7","IPv6":"none","STUNPort":-1,'
    '"STUNOnly":true,"DERPPort":8443,"InsecureForTests":true,"STUNTestIP":"127.0.0.1","CanPort80":true}]}},'
    '"omitDefaultRegions":true}'
)
REFERENCE_MAP = DERPMap(
    home_params=DERPHomeParams(region_score={900: 1.5}),
    regions={
        1: None,
        900: DERPRegion(
            region_id=900,
            region_code="home",
            region_name="家里",
            latitude=31.2,
            avoid=True,
            no_measure_no_home=True,
            nodes=(
                DERPNode(
                    name="900a",
                    region_id=900,
                    host_name="derp.example.com",
                    cert_name="sha256-raw:00",
                    ipv4="203.0.113.7",
                    ipv6="none",
                    stun_port=-1,
                    stun_only=True,
                    derp_port=8443,
                    insecure_for_tests=True,
                    stun_test_ip="127.0.0.1",
                    can_port_80=True,
                ),
            ),
        ),
    },
    omit_default_regions=True,
)


def test_json_of_the_reference_both_ways() -> None:
    """A map with every field is read and written byte for byte as the reference does."""
    assert parse_json(REFERENCE_JSON) == REFERENCE_MAP
    assert serialize_json(REFERENCE_MAP).decode() == REFERENCE_JSON


def test_zero_fields_are_left_out_where_the_reference_leaves_them_out() -> None:
    """An empty node keeps its three always-written fields, an empty region its four, an empty map its regions."""
    node = DERPNode()
    derp_map = DERPMap(regions={900: DERPRegion(nodes=(node,))})
    assert serialize_json(derp_map).decode() == (
        '{"Regions":{"900":{"RegionID":0,"RegionCode":"","RegionName":"","Nodes":[{"Name":"","RegionID":0,"HostName":""}]}}}'
    )
    assert serialize_json(DERPMap()) == b'{"Regions":{}}'


def test_reading_is_as_lenient_as_go() -> None:
    """Names in any case, missing fields, null fields and unknown fields are read as Go reads them."""
    text = (
        '{"regions":{"900":{"regionid":900,"nodes":[{"NAME":"900a","ipv4":null,"Future":{"a":[1]}}]},'
        '"901":{"Nodes":null}},"OmitDefaultRegions":true}'
    )
    assert parse_json(text) == DERPMap(
        regions={900: DERPRegion(region_id=900, nodes=(DERPNode(name="900a"),)), 901: DERPRegion()},
        omit_default_regions=True,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        b"\xff",
        '{"Regions":[]}',
        '{"Regions":{"home":{}}}',
        '{"Regions":{"900":{"RegionID":"900"}}}',
        '{"Regions":{"900":{"Nodes":[{"DERPPort":"8443"}]}}}',
        '{"Regions":{"900":{"Nodes":[null]}}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_map_is_refused(text: str | bytes) -> None:
    """Anything that is not a DERP map raises `LocalError` and nothing else."""
    with pytest.raises(LocalError, match="expected a DERP map"):
        parse_json(text)


def test_refusal_says_where() -> None:
    """The message names the place in the map."""
    with pytest.raises(LocalError, match=r"Expected `int`, got `str`.*\.Nodes\[0\]\.DERPPort"):
        parse_json('{"Regions":{"900":{"Nodes":[{"DERPPort":"8443"}]}}}')


def test_plain_values_with_int_keys() -> None:
    """What a YAML reader gives, with numbers as keys, is read too."""
    assert from_plain({"regions": {900: {"regionid": 900}}}) == DERPMap(regions={900: DERPRegion(region_id=900)})


def test_what_is_no_text_is_taken_as_go_does() -> None:
    """Bytes that are not UTF-8, and halves of pairs, become U+FFFD; a field that is a number is passed over."""
    plain = {"Regions": {"900": {"RegionCode": "a\udcff", "RegionName": "\ud800"}}, "9": 1, "\udcff": 2}
    assert from_plain(plain).regions == {900: DERPRegion(region_code="a\ufffd", region_name="\ufffd")}
