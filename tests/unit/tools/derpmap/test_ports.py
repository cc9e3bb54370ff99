"""Ports of a map judged by where relays were heard."""

from __future__ import annotations

import pytest

from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.derpmap.ports import PortFault, PortsSeen, judge_ports, ports_to_ask
from tailhub.tools.target import Target


def target(derp_port: int = 0, stun_port: int = 0, *, stun_only: bool = False) -> Target:
    """A node with these ports."""
    return Target(DERPNode(host_name="a", derp_port=derp_port, stun_port=stun_port, stun_only=stun_only))


@pytest.mark.parametrize(
    ("node", "seen", "faults"),
    [
        (target(), PortsSeen((443,), (3478,)), []),
        (target(8443, 3479), PortsSeen((8443,), (3479,)), []),
        (target(8443, -1), PortsSeen((8443,), ()), []),
        (target(8443, 3479), PortsSeen((8443,), ()), []),
        (target(), PortsSeen((8443, 4443), (3478,)), [PortFault("derp_port_absent", "DERPPort", 443, 8443)]),
        (target(443), PortsSeen((8443,), (3478,)), [PortFault("port_mapped", "DERPPort", 443, 8443)]),
        (target(8443), PortsSeen((8443,), (8443,)), [PortFault("stun_port_absent", "STUNPort", 3478, 8443)]),
        (target(8443), PortsSeen((8443,), ()), [PortFault("stun_port_absent", "STUNPort", 3478, None)]),
        (target(), PortsSeen((), ()), []),
        (target(stun_only=True), PortsSeen((8443,), (3478,)), []),
    ],
)
def test_what_is_wrong(node: Target, seen: PortsSeen, faults: list[PortFault]) -> None:
    """A port that is absent, or another one; a relay that is heard nowhere is no fault of the map."""
    assert judge_ports(node, seen) == faults


def test_the_ports_of_the_map_are_asked_before_others() -> None:
    """And not again among them; STUN is tried at the relay's own port first."""
    derp, stun = ports_to_ask(target(8443, 3478))
    assert 8443 not in derp
    assert derp[0] == 443
    assert stun[0] == 8443
    assert 3478 not in stun
