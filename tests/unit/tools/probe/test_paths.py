"""Which ways are measured, and between which homes."""

from __future__ import annotations

from functools import partial

from support.refusals import finding_of
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tools.probe.measurement import Measurement
from tailhub.tools.probe.paths import MOST_PATHS, paths_to
from tailhub.tools.target import host_target, map_targets


def node(name: str, region: int, *, stun_only: bool = False) -> DERPNode:
    return DERPNode(name=name, region_id=region, host_name=f"{name}.example", stun_only=stun_only)


def derp_map(*regions: tuple[DERPNode, ...]) -> DERPMap:
    made = {
        number: DERPRegion(region_id=number, region_code=f"r{number}", region_name=f"R {number}", nodes=nodes)
        for number, nodes in enumerate(regions, 1)
    }
    return DERPMap(regions=made)


TWO = derp_map((node("1x", 1, stun_only=True), node("1a", 1), node("1b", 1)), (node("2a", 2),))


def test_one_for_each_region() -> None:
    """Of each region the first node that relays is measured, under the region's code; and each two homes."""
    paths = paths_to(map_targets(TWO, "map"))
    assert [(path.name, path.sender.name, path.receiver.name) for path in paths] == [
        ("r1", "1a", "1a"),
        ("r2", "2a", "2a"),
    ]
    assert sorted(Measurement(paths, 0.0, 1.0, 5.0).pairs) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_within_a_region() -> None:
    """Within a region each node is measured, and each two of them, of which the receiver is at one only."""
    paths = paths_to(map_targets(TWO, "map", "r1"), within_region=True)
    assert [(path.name, path.node_number) for path in paths] == [("1a", 0), ("1a>1b", 1), ("1b>1a", 0), ("1b", 1)]
    assert [path.is_through_one for path in paths] == [True, False, False, True]


def test_one_relay() -> None:
    """Of one relay there is one way and no table; its certificate is not checked, as nobody has said what it is."""
    (path,) = paths_to([host_target("192.0.2.7:8443")])
    assert (path.name, path.sender.insecure_for_tests) == ("192.0.2.7:8443", True)
    assert not Measurement([path], 0.0, 1.0, 5.0).pairs


def test_a_pin_is_kept() -> None:
    """Where a map or somebody says what the certificate is, it is checked."""
    (path,) = paths_to([host_target("192.0.2.7", cert_name="sha256-raw:" + "1" * 64)])
    assert not path.sender.insecure_for_tests
    assert not any(path.sender.insecure_for_tests for path in paths_to(map_targets(TWO, "map")))


def test_too_many_and_none() -> None:
    """More than can be measured at a time, or nothing, is an error that says so."""
    many = derp_map(*((node(f"{number}a", number),) for number in range(1, MOST_PATHS + 2)))
    for targets, code in ((map_targets(many, "map"), "TH517"), ([], "TH516")):
        assert finding_of(partial(paths_to, targets)).code == code
