from __future__ import annotations

from typing import Any

import pytest

from tailhub.exceptions import LocalError
from tailhub.tailcfg.build import relay_map, relay_region
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion

PIN = "sha256-raw:" + "5c" * 32
IPV4, IPV6 = "203.0.113.7", "2001:db8::7"


def node(**changes: Any) -> DERPNode:
    facts = {"region_id": 947, "code": "my-relay", "name": "My relay", "derp_port": 8443, "stun_port": 3478}
    return relay_region(**{**facts, **changes}).nodes[0]


def hosts(**changes: Any) -> tuple[str, str, str]:
    made = node(**changes)
    return made.host_name, made.ipv4, made.ipv6


def test_region_of_a_relay() -> None:
    """A region has one node, named after it, with the ports and the pin."""
    region = relay_region(
        region_id=947, code="my-relay", name="My relay", ipv4=IPV4, cert_name=PIN, derp_port=8443, stun_port=3478
    )
    assert region == DERPRegion(
        region_id=947,
        region_code="my-relay",
        region_name="My relay",
        nodes=(
            DERPNode(
                name="947a",
                region_id=947,
                host_name=IPV4,
                cert_name=PIN,
                ipv4=IPV4,
                stun_port=3478,
                derp_port=8443,
            ),
        ),
    )
    assert relay_map(region) == DERPMap(regions={947: region})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"ipv4": IPV4}, (IPV4, IPV4, "")),
        ({"ipv4": IPV4, "ipv6": IPV6}, (IPV4, IPV4, IPV6)),
        ({"ipv6": IPV6}, (IPV6, "none", IPV6)),
        ({"ipv4": "none", "ipv6": IPV6}, (IPV6, "none", IPV6)),
        ({"ipv4": "", "ipv6": "2001:DB8:0:0::7"}, (IPV6, "none", IPV6)),
        ({"ipv4": IPV4, "ipv6": "none"}, (IPV4, IPV4, "none")),
        ({"host_name": IPV4}, (IPV4, IPV4, "")),
        ({"host_name": f"[{IPV6}]"}, (IPV6, "none", IPV6)),
        ({"host_name": "127.0.0.1", "ipv4": "127.0.0.1", "ipv6": "::1"}, ("127.0.0.1", "127.0.0.1", "::1")),
    ],
)
def test_without_a_name_the_address_is_the_host_name(facts: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """HostName is the IPv4 address if there is one, else the IPv6 address with IPv4 switched off."""
    assert hosts(cert_name=PIN, **facts) == expected


def test_ipv6_host_name_is_in_brackets_on_port_443_only() -> None:
    """Clients put HostName into their URL, and add brackets themselves unless the port is 443."""
    assert hosts(ipv6=IPV6, cert_name=PIN, derp_port=443) == (f"[{IPV6}]", "none", IPV6)
    assert hosts(ipv6=IPV6, cert_name=PIN, derp_port=8443) == (IPV6, "none", IPV6)


def test_with_a_name_the_addresses_are_as_given() -> None:
    """Addresses beside a name are taken over, and left out where clients are to ask DNS."""
    name = "derp.example.com"
    assert hosts(host_name=name, ipv4=IPV4, ipv6=IPV6) == (name, IPV4, IPV6)
    assert hosts(host_name=name) == (name, "", "")
    assert hosts(host_name=name, ipv4="none", ipv6=IPV6) == (name, "none", IPV6)


def test_changing_addresses_stay_out_of_the_map() -> None:
    """With dynamic DNS only the name is in the map."""
    assert hosts(host_name="home.example.com", ipv4=IPV4, ipv6=IPV6, dynamic=True) == ("home.example.com", "", "")


@pytest.mark.parametrize("off", [None, -1])
def test_no_stun_is_minus_one(off: int | None) -> None:
    """A relay without STUN says so, instead of leaving the default port."""
    assert node(ipv4=IPV4, cert_name=PIN, stun_port=off).stun_port == -1


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"ipv4": IPV4}, "expected a pin"),
        ({"host_name": IPV4}, "expected a pin"),
        ({"cert_name": PIN}, "expected a host name or an address"),
        ({"cert_name": PIN, "ipv4": "none", "ipv6": "none"}, "expected a host name or an address"),
        ({"host_name": "a.example.com", "ipv4": "none", "ipv6": "none"}, "both switched off"),
        ({"cert_name": PIN, "ipv4": IPV4, "dynamic": True}, "expected a host name"),
        ({"cert_name": PIN, "ipv4": IPV6}, "expected an IPv4 address"),
        ({"cert_name": PIN, "ipv6": IPV4}, "expected an IPv6 address"),
        ({"cert_name": PIN, "ipv6": "fe80::1%eth0"}, "expected an IPv6 address"),
        ({"cert_name": PIN, "ipv4": "203.0.113"}, "expected an IPv4 address"),
        ({"cert_name": PIN.upper(), "ipv4": IPV4, "derp_port": 0}, "expected a DERP port"),
        ({"cert_name": PIN, "ipv4": IPV4, "stun_port": 65536}, "expected a STUN port"),
        ({"cert_name": "sha256-raw:" + "5C" * 32, "ipv4": IPV4}, "64 lower-case hexadecimal digits"),
        ({"cert_name": PIN[:-1], "ipv4": IPV4}, "64 lower-case hexadecimal digits"),
    ],
)
def test_facts_that_make_no_usable_map(facts: dict[str, Any], message: str) -> None:
    """What clients could not use is refused."""
    with pytest.raises(LocalError, match=message):
        node(**facts)


def test_a_stun_server_needs_no_pin_and_has_no_derp_port() -> None:
    """Without a DERP port the node is STUNOnly, and nothing is pinned that nobody serves."""
    region = relay_region(
        region_id=912, code="c", name="n", ipv4="203.0.113.7", derp_port=None, stun_port=3478, cert_name=PIN
    )
    (node,) = region.nodes
    assert (node.stun_only, node.derp_port, node.cert_name, node.host_name) == (True, 0, "", "203.0.113.7")
