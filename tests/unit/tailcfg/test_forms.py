from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tailhub.tailcfg.build import relay_map, relay_region
from tailhub.tailcfg.derpmap import DERPHomeParams, DERPMap, DERPNode, DERPRegion, parse_json
from tailhub.tailcfg.forms import SNIPPET_COLUMNS, headscale_yaml, policy_snippet, to_json
from tailhub.tailcfg.map_edit import YAML, map_in

PIN = "sha256-raw:" + "5c" * 32
RELAY = relay_map(
    relay_region(
        region_id=947,
        code="my-relay",
        name="My relay",
        ipv4="203.0.113.7",
        cert_name=PIN,
        derp_port=8443,
        stun_port=3478,
    )
)

words = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
nodes = st.builds(
    DERPNode,
    name=words,
    region_id=st.integers(0, 999),
    host_name=words | st.sampled_from(["1e3", "0x10", "yes", "null", "~", "- a", "a: b", "#", "1:30", "2026-11-22"]),
    cert_name=st.sampled_from(["", PIN]),
    ipv4=st.sampled_from(["", "none", "203.0.113.7"]),
    ipv6=st.sampled_from(["", "none", "2001:db8::7"]),
    stun_port=st.integers(-1, 65535),
    derp_port=st.integers(0, 65535),
    stun_only=st.booleans(),
)
regions = st.builds(
    DERPRegion,
    region_id=st.integers(0, 999),
    region_code=words,
    region_name=words,
    latitude=st.sampled_from([0.0, 31.25]),
    nodes=st.lists(nodes, max_size=3).map(tuple),
)
maps = st.builds(
    DERPMap,
    home_params=st.none() | st.builds(DERPHomeParams, region_score=st.just({900: 1.5})),
    regions=st.dictionaries(st.integers(1, 999), st.none() | regions, max_size=3),
    omit_default_regions=st.booleans(),
)


def from_snippet(snippet: str) -> DERPMap:
    """What a policy file with `snippet` as its last member has as its map."""
    assert snippet.endswith(",")
    policy = json.loads("{" + snippet.removesuffix(",") + "}")
    assert list(policy) == ["derpMap"]
    return parse_json(json.dumps(policy["derpMap"]))


def test_snippet_of_a_relay() -> None:
    """The snippet is a few full lines, the pin whole on its own."""
    assert policy_snippet(RELAY) == (
        '"derpMap": {"Regions": {"947": {"RegionID": 947, "RegionCode": "my-relay", "RegionName": "My relay",\n'
        '  "Nodes": [{"Name": "947a", "RegionID": 947, "HostName": "203.0.113.7",\n'
        f'  "CertName": "{PIN}",\n'
        '  "IPv4": "203.0.113.7", "STUNPort": 3478, "DERPPort": 8443}]}}},'
    )


def test_snippet_starts_a_line_for_each_region_and_node() -> None:
    """A map with several regions and nodes stays readable."""
    region = DERPRegion(region_id=900, nodes=(DERPNode(name="900a"), DERPNode(name="900b")))
    lines = policy_snippet(DERPMap(regions={900: region, 901: None, 902: region})).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == [
        '"derpMap"',
        '"Nodes"',
        '{"Name"',
        '"901"',
        '"902"',
        '"Nodes"',
        '{"Name"',
    ]


@given(maps)
def test_snippet_is_a_member_of_a_policy_file(derp_map: DERPMap) -> None:
    """Whatever the map, the snippet with a brace around it is the map again, in lines that fit if they can."""
    snippet = policy_snippet(derp_map)
    assert from_snippet(snippet) == derp_map
    for line in snippet.split("\n"):
        assert len(line) <= SNIPPET_COLUMNS + 1 or ", " not in line.strip().rstrip(",") or line.startswith('"derpMap"')


@given(maps)
def test_json_and_yaml_give_the_map_back(derp_map: DERPMap) -> None:
    """JSON and Headscale's YAML are read back to the same map."""
    assert parse_json(to_json(derp_map)) == derp_map
    assert map_in(YAML, headscale_yaml(derp_map)) == derp_map


def test_json_is_indented_or_on_one_line() -> None:
    """`indent` is the number of spaces, and 0 is one line."""
    assert to_json(RELAY).startswith('{\n  "Regions": {\n    "947": {\n')
    assert "\n" not in to_json(RELAY, indent=0)


def test_yaml_of_a_relay() -> None:
    """Headscale's YAML has the field names in lower case, the region id as a number, the pin on one line."""
    assert headscale_yaml(RELAY) == (
        "regions:\n"
        "  947:\n"
        "    regionid: 947\n"
        "    regioncode: my-relay\n"
        "    regionname: My relay\n"
        "    nodes:\n"
        "    - name: 947a\n"
        "      regionid: 947\n"
        "      hostname: 203.0.113.7\n"
        f"      certname: {PIN}\n"
        "      ipv4: 203.0.113.7\n"
        "      stunport: 3478\n"
        "      derpport: 8443\n"
    )


def test_yaml_of_headscale_is_read() -> None:
    """A file as in Headscale's own example, with a default region taken away, is read."""
    text = """
regions:
  1: null # Disable DERP region with ID 1
  900:
    regionid: 900
    nodes:
      - name: 900a
        regionid: 900
        hostname: myderp.example.com
        stunonly: false
        derpport: 0
"""
    node = DERPNode(name="900a", region_id=900, host_name="myderp.example.com")
    assert map_in(YAML, text) == DERPMap(regions={1: None, 900: DERPRegion(region_id=900, nodes=(node,))})
