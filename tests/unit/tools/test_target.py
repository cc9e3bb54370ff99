"""What a tool looks at."""

from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tools.target import Target, host_target, map_targets


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("derp.example.com", "derp.example.com", 443, "derp.example.com:443"),
        ("derp.example.com:8443", "derp.example.com", 8443, "derp.example.com:8443"),
        ("203.0.113.7:8443", "203.0.113.7", 8443, "203.0.113.7:8443"),
        ("2001:db8::7", "2001:db8::7", 443, "[2001:db8::7]:443"),
        ("[2001:db8::7]:8443", "2001:db8::7", 8443, "[2001:db8::7]:8443"),
    ],
)
def test_a_host(text: str, host: str, port: int, shown: str) -> None:
    """A host is a name or an address, with a port or without."""
    target = host_target(text)
    assert (target.host, target.derp_port, str(target), target.is_from_map) == (host, port, shown, False)


@pytest.mark.parametrize("text", ["", "a b", "host:", "host:0", "host:65536", "https://host", "[::1", "a:b:c", "x/y"])
def test_what_is_no_host(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(LocalError):
        host_target(text)


def test_ports_and_addresses_as_clients_take_them() -> None:
    """Absent ports are the usual ones, -1 is no STUN, "none" and what cannot be read switch a family off."""
    target = Target(DERPNode(host_name="derp.example.com", ipv4="none", ipv6="2001:DB8::7"))
    assert (target.derp_port, target.stun_port) == (443, 3478)
    assert (target.fixed_address(4), target.fixed_address(6)) == ("", "2001:db8::7")
    assert Target(DERPNode(stun_port=-1)).stun_port is None
    assert Target(DERPNode(ipv4="nonsense")).fixed_address(4) == ""
    assert Target(DERPNode()).fixed_address(6) is None


def test_the_relays_of_a_map() -> None:
    """All of them in the order of their regions, or those of the region that was asked for by id, code or name."""
    regions = {
        number: DERPRegion(
            region_id=number,
            region_code=f"code-{number}",
            region_name=f"Name {number}",
            nodes=(DERPNode(name=f"{number}a"), DERPNode(name=f"{number}b")),
        )
        for number in (901, 900)
    }
    derp_map = DERPMap(regions={**regions, 1: None})
    assert [one.node.name for one in map_targets(derp_map, "x")] == ["900a", "900b", "901a", "901b"]
    for wanted in ("901", "code-901", "Name 901"):
        assert [one.node.name for one in map_targets(derp_map, "x", wanted)] == ["901a", "901b"]
    assert map_targets(derp_map, "x", "902") == []
