"""How maps differ."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.made_maps import regions
from tailhub.tailcfg.derpmap import DERPHomeParams, DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.map_diff import Change, diff_maps
from tailhub.tailcfg.map_edit import HUJSON, apply_changes, map_in
from tailhub.tailcfg.map_words import OMIT, SCORE

NODE = DERPNode(name="900a", region_id=900, host_name="a.example")
REGION = DERPRegion(region_id=900, region_code="a", nodes=(NODE,))


def test_fields_of_regions_and_nodes() -> None:
    """Each by its name; what is zero counts as not there."""
    other = DERPRegion(
        region_id=900,
        region_code="b",
        avoid=True,
        nodes=(DERPNode(name="900a", region_id=900, host_name="a.example", derp_port=8443),),
    )
    assert diff_maps(DERPMap(regions={900: REGION}), DERPMap(regions={900: other})) == [
        Change(900, "", "RegionCode", "a", "b"),
        Change(900, "", "Avoid", None, True),
        Change(900, "900a", "DERPPort", None, 8443),
    ]


def test_whole_regions_and_nodes() -> None:
    """One that comes or goes is one change; null is a value of its own."""
    found = diff_maps(DERPMap(regions={900: REGION, 1: None}), DERPMap(regions={1: REGION}))
    assert [(one.region, one.node, one.field, bool(one.before), bool(one.after)) for one in found] == [
        (1, "", "", False, True),
        (900, "", "", True, False),
    ]
    assert found[0].before is False
    assert found[1].after is None
    empty = DERPRegion(region_id=900, region_code="a")
    (node,) = diff_maps(DERPMap(regions={900: REGION}), DERPMap(regions={900: empty}))
    assert (node.region, node.node, node.field, node.after) == (900, "900a", "", None)
    assert node.before["HostName"] == "a.example"


def test_what_the_map_says_itself() -> None:
    """Scores by region, and whether the default regions are left out."""
    after = DERPMap(omit_default_regions=True, home_params=DERPHomeParams(region_score={900: 2.0}))
    assert diff_maps(DERPMap(), after) == [Change(0, "", OMIT, None, True), Change(900, "", SCORE, None, 2.0)]
    assert diff_maps(after, after) == []


@given(st.lists(regions(), max_size=3), st.lists(regions(), max_size=3))
def test_the_changes_make_one_map_of_the_other(before: list[DERPRegion], after: list[DERPRegion]) -> None:
    """Applied to a text they leave no difference."""
    old, new = (DERPMap(regions={one.region_id: one for one in some}) for some in (before, after))
    text = apply_changes(HUJSON, "{}", diff_maps(DERPMap(), old))
    assert map_in(HUJSON, text) == old
    assert map_in(HUJSON, apply_changes(HUJSON, text, diff_maps(old, new))) == new
