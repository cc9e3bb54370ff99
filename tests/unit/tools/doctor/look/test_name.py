from __future__ import annotations

import asyncio

import pytest

from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tools.doctor.judge.name import LookUp
from tailhub.tools.doctor.look.name import look
from tailhub.tools.doctor.look.resolving import resolve
from tailhub.tools.doctor.seen import Options, Seen
from tailhub.tools.target import Target

V4, V6 = "203.0.113.7", "2001:db8::7"


@pytest.mark.parametrize(
    ("host", "ipv4", "ipv6", "dialled"),
    [
        (V4, "", "", (V4,)),
        (f"[{V6}]", "", "", (V6,)),
        (V4, "", "none", (V4,)),
        (V4, "203.0.113.8", "", ("203.0.113.8",)),
        (V4, "203.0.113.8", V6, ("203.0.113.8", V6)),
        (V4, "none", "", ()),
        (V4, "no address", "", ()),
        (V4, V6, "", ()),  # an IPv6 address as IPv4
    ],
)
def test_what_clients_dial(host: str, ipv4: str, ipv6: str, dialled: tuple[str, ...]) -> None:
    """The map's address of an IP version goes before the host's; what is none there switches the version off."""
    node = DERPNode(host_name=host, ipv4=ipv4, ipv6=ipv6)
    seen = asyncio.run(look(Seen(Target(node, DERPRegion(nodes=(node,)))), Options()))
    assert (seen.addresses, seen.look_up) == (dialled, "not_asked")


@pytest.mark.parametrize(
    ("name", "look_up", "first"),
    [("localhost", "found", "127.0.0.1"), ("a..b", "not_found", ""), ("x" * 64 + ".test", "not_found", "")],
)
def test_resolve(name: str, look_up: LookUp, first: str) -> None:
    """A name is looked up as the system does, IPv4 first; one that DNS cannot carry does not exist."""
    found = asyncio.run(resolve(name, 20.0))
    assert found.look_up == look_up
    assert next(iter(found.addresses), "") == first
