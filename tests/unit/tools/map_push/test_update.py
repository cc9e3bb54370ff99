"""What a relay changes of a map, and what it leaves to those who have changed it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tools.map_push.update import plan_update

PIN, OTHER_PIN = "sha256-raw:" + "a" * 64, "sha256-raw:" + "b" * 64


def region(name: str = "912a", **fields: Any) -> DERPRegion:
    node = DERPNode(
        name=name,
        region_id=912,
        **{"host_name": "203.0.113.7", "ipv4": "203.0.113.7", "derp_port": 8443, "cert_name": PIN, **fields},
    )
    return DERPRegion(region_id=912, region_code="my-relay", region_name="My relay", nodes=(node,))


def moved() -> DERPRegion:
    return region(host_name="203.0.113.99", ipv4="203.0.113.99")


def in_map(*regions: DERPRegion) -> DERPMap:
    return DERPMap(regions={one.region_id: one for one in regions})


def fields(changes: tuple[Any, ...]) -> list[str]:
    return [change.field for change in changes]


def test_a_region_that_was_never_there_is_added() -> None:
    """A map without the region gets it whole, and keeps the others."""
    update = plan_update(in_map(DERPRegion(region_id=1)), region())
    assert [(one.region, one.field, one.node) for one in update.changes] == [(912, "", "")]
    assert update.conflicts == ()


def test_a_region_that_somebody_took_out_stays_out() -> None:
    """What was pushed and is gone was taken out, as was a region that is null."""
    for derp_map, last in ((in_map(), region()), (DERPMap(regions={912: None}), None)):
        update = plan_update(derp_map, region(), last)
        assert update.conflicts == update.changes
        assert len(update.conflicts) == 1


def test_nothing_changes_where_all_is_as_it_should_be() -> None:
    """Names, scores and what else people say of a region are not ours to change."""
    theirs = msgspec.structs.replace(region("home-1", can_port_80=True), region_name="Home", avoid=True)
    assert plan_update(in_map(theirs), region()).changes == ()


def test_only_what_differs_changes() -> None:
    """A relay that has moved changes its addresses, under the name that its node has."""
    update = plan_update(in_map(region("home-1")), moved(), region())
    assert [(one.node, one.field, one.after) for one in update.changes] == [
        ("home-1", "HostName", "203.0.113.99"),
        ("home-1", "IPv4", "203.0.113.99"),
    ]
    assert update.conflicts == ()


def test_a_field_that_is_not_said_any_more_is_taken_out() -> None:
    """A pin that is no longer needed goes."""
    update = plan_update(in_map(region()), region(cert_name=""), region())
    assert [(one.field, one.after) for one in update.changes] == [("CertName", None)]


def test_a_field_that_somebody_changed_is_a_conflict() -> None:
    """A field that is neither what was pushed last nor what is to be pushed was changed by somebody else."""
    theirs = region(derp_port=443)
    update = plan_update(in_map(theirs), moved(), region())
    assert fields(update.changes) == ["HostName", "IPv4", "DERPPort"]
    assert fields(update.conflicts) == ["DERPPort"]


def test_what_somebody_changed_to_what_is_true_is_none() -> None:
    """Whoever has written the new address by hand was only quicker."""
    assert plan_update(in_map(moved()), moved(), region()).changes == ()


@pytest.mark.parametrize(
    ("theirs", "is_conflict"),
    [
        (region(host_name="192.0.2.1", ipv4="192.0.2.1"), False),  # the pin is ours: we have moved
        (region(cert_name=OTHER_PIN), False),  # the address is ours
        (region(host_name="192.0.2.1", ipv4="192.0.2.1", cert_name=OTHER_PIN), True),  # somebody else's relay
    ],
)
def test_without_memory_a_relay_is_known_by_what_it_is(theirs: DERPRegion, is_conflict: bool) -> None:
    """A region of our number that has nothing in common with us is another relay's."""
    update = plan_update(in_map(theirs), region())
    assert update.changes
    assert bool(update.conflicts) == is_conflict


def test_a_region_with_several_relays() -> None:
    """Of several nodes ours is the one of our name; without it nothing is added unasked."""
    both = msgspec.structs.replace(region(), nodes=(region("912b", ipv4="192.0.2.1").nodes[0], region().nodes[0]))
    update = plan_update(in_map(both), moved(), region())
    assert {one.node for one in update.changes} == {"912a"}
    others = msgspec.structs.replace(region(), nodes=tuple(region(name).nodes[0] for name in ("912b", "912c")))
    update = plan_update(in_map(others), region())
    assert [(one.node, one.field) for one in update.conflicts] == [("912a", "")]
