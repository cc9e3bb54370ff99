"""Changing the map in a policy, in JSON and in YAML: by changes, and nothing but what they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.made_maps import POLICY, policies, regions
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.forms import headscale_yaml, to_json
from tailhub.tailcfg.map_diff import Change, diff_maps, fields_of
from tailhub.tailcfg.map_edit import (
    HUJSON,
    YAML,
    EditError,
    Syntax,
    add_region,
    apply_changes,
    find_region,
    map_in,
    node_names,
    put_region,
    remove_region,
    set_region_id,
)
from tailhub.tailcfg.map_words import OMIT, SCORE

NODE = DERPNode(name="913a", region_id=913, host_name="b.example", derp_port=8443)
REGION = DERPRegion(region_id=913, region_code="b", region_name="B", nodes=(NODE,))
YAML_MAP = headscale_yaml(DERPMap(regions={912: DERPRegion(region_id=912, region_code="a", nodes=(NODE,))}))


def parts(before: str, after: str) -> tuple[str, str]:
    """What differs: the middle of each, between what they begin and end with alike."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


def test_a_region_is_added_to_the_policy_of_the_specification_and_taken_out() -> None:
    """As its neighbour is indented, with trailing commas; then the file is what it was, byte for byte."""
    text = add_region(HUJSON, POLICY, REGION)
    gone, new = parts(POLICY, text)
    assert gone == ""
    assert '\t\t\t"913": {\n\t\t\t\t"RegionID": 913,\n' in text
    assert new.count("\n") == text.count("\n") - POLICY.count("\n")
    assert map_in(HUJSON, text).regions[913] == REGION
    assert remove_region(HUJSON, text, "B") == POLICY


def test_a_field_of_the_policy_is_set_and_set_back() -> None:
    """Comment and spacing around it stay."""
    text = apply_changes(HUJSON, POLICY, [Change(912, "912a", "DERPPort", 8443, 443)])
    assert text == POLICY.replace("8443,", "443,")
    assert apply_changes(HUJSON, text, [Change(912, "912a", "DERPPort", 443, 8443)]) == POLICY


def test_a_new_field_goes_behind_the_others_and_out_again() -> None:
    """In the column of its neighbours' values."""
    text = apply_changes(HUJSON, POLICY, [Change(912, "912a", "IPv4", None, "203.0.113.7")])
    assert parts(POLICY, text)[0] == ""
    assert '\t"IPv4":             "203.0.113.7",\n' in text
    assert apply_changes(HUJSON, text, [Change(912, "912a", "IPv4", "203.0.113.7", None)]) == POLICY


def test_a_map_is_begun_where_there_is_none() -> None:
    """In a policy as its member, in YAML as the file itself."""
    policy = '// mine\n{\n\t"acls": [],\n}\n'
    assert map_in(HUJSON, policy) == DERPMap()
    text = add_region(HUJSON, policy, REGION)
    assert text.startswith('// mine\n{\n\t"acls": [],\n\t"derpMap": {\n\t\t"Regions": {\n')
    assert map_in(HUJSON, text) == DERPMap(regions={913: REGION})
    assert map_in(YAML, add_region(YAML, "# mine\n", REGION)) == DERPMap(regions={913: REGION})
    assert map_in(HUJSON, add_region(HUJSON, '{"derpMap": null}', REGION)) == DERPMap(regions={913: REGION})


def test_a_score_is_set_and_taken_out() -> None:
    """It stands apart from its region, in HomeParams."""
    text = apply_changes(HUJSON, POLICY, [Change(912, "", SCORE, None, 1000)])
    params = map_in(HUJSON, text).home_params
    assert params is not None
    assert params.region_score == {912: 1000}
    gone = apply_changes(HUJSON, text, [Change(912, "", SCORE, 1000, None)])
    assert not (map_in(HUJSON, gone).home_params or map_in(HUJSON, text).home_params).region_score  # type: ignore[union-attr]
    assert apply_changes(HUJSON, POLICY, [Change(912, "", SCORE, 1, None)]) == POLICY


def test_a_field_of_the_map_is_set() -> None:
    """Region 0 is the map itself."""
    text = apply_changes(HUJSON, POLICY, [Change(0, "", OMIT, None, True)])
    assert map_in(HUJSON, text).omit_default_regions


def test_a_default_region_is_taken_away() -> None:
    """By null, and it comes back when that goes."""
    text = apply_changes(HUJSON, POLICY, [Change(1, "", "", None, False)])
    assert map_in(HUJSON, text).regions[1] is None
    assert apply_changes(HUJSON, text, [Change(1, "", "", False, None)]) == POLICY


def test_nodes_come_and_go() -> None:
    """The others of their region stay as they are."""
    text = apply_changes(HUJSON, POLICY, [Change(912, "913a", "", None, fields_of(NODE))])
    assert node_names(HUJSON, text, 912) == ["912a", "913a"]
    assert apply_changes(HUJSON, text, [Change(912, "913a", "", fields_of(NODE), None)]) == POLICY


@pytest.mark.parametrize(("syntax", "text"), [(HUJSON, POLICY), (YAML, YAML_MAP)])
def test_a_region_gets_another_number_everywhere(syntax: Syntax, text: str) -> None:
    """In Regions, in its own RegionID and in its nodes'; back again nothing has changed but what was wrong."""
    changed = set_region_id(syntax, text, 912, 950)
    region = map_in(syntax, changed).regions[950]
    assert region is not None
    assert {region.region_id, *(node.region_id for node in region.nodes)} == {950}
    assert set_region_id(syntax, changed, 950, 912) == text.replace("regionid: 913", "regionid: 912")
    both = add_region(syntax, text, REGION)
    with pytest.raises(EditError, match="region_there: 913"):
        set_region_id(syntax, both, 912, 913)


def test_a_region_is_meant_by_number_code_or_name() -> None:
    """In this order, each whole."""
    for wanted in ("912", "home_relay", "Home Relay"):
        assert find_region(HUJSON, POLICY, wanted) == 912
    odd = POLICY.replace('"home_relay"', '"913"')
    assert find_region(HUJSON, add_region(HUJSON, odd, REGION), "913") == 913
    with pytest.raises(EditError, match=r"no_region: Home \(there are 912\)"):
        find_region(HUJSON, POLICY, "Home")


@pytest.mark.parametrize(
    ("text", "change", "trouble"),
    [
        (POLICY, Change(913, "", "Avoid", None, True), "no_region"),
        (POLICY, Change(912, "912b", "DERPPort", None, 1), "no_node"),
        (POLICY, Change(912, "912b", "", {}, None), "no_node"),
        ('{"Regions": []}', Change(912, "", "", None, {}), "odd_shape"),
        ("[]", Change(912, "", "", None, {}), "odd_shape"),
        ('{"Regions": {"912": null}}', Change(912, "", "Avoid", None, True), "odd_shape"),
    ],
)
def test_what_is_not_there_cannot_be_changed(text: str, change: Change, trouble: str) -> None:
    """It says what there is instead."""
    with pytest.raises(EditError) as caught:
        apply_changes(HUJSON, text, [change])
    assert caught.value.trouble == trouble


def test_a_region_that_is_there_is_not_added() -> None:
    """One that is null neither: it says something."""
    with pytest.raises(EditError, match="region_there"):
        add_region(HUJSON, POLICY, DERPRegion(region_id=912))
    with pytest.raises(EditError, match="region_there"):
        add_region(HUJSON, '{"Regions": {"912": null}}', DERPRegion(region_id=912))


# --- any policy -------------------------------------------------------------------------------------------------------


@st.composite
def written(draw: st.DrawFn) -> tuple[Syntax, str, DERPMap]:
    """A file of any kind with a map of a few regions."""
    all_regions: dict[int, DERPRegion | None] = {
        number: draw(regions(number)) for number in draw(st.sets(st.sampled_from([900, 912, 950]), max_size=3))
    }
    derp_map = DERPMap(regions=all_regions)
    kind = draw(st.sampled_from(["policy", "json", "yaml"]))
    if kind == "yaml":
        return YAML, "# 中继\n" + headscale_yaml(derp_map), derp_map
    if kind == "json":
        return HUJSON, to_json(derp_map, draw(st.sampled_from([0, 2]))), derp_map
    plain: dict[str, Any] = {str(number): fields_of(one) for number, one in all_regions.items() if one}
    return HUJSON, draw(policies(plain)), derp_map


@given(written(), regions(999))
def test_what_is_added_to_any_file_can_be_taken_out(made: tuple[Syntax, str, DERPMap], region: DERPRegion) -> None:
    """The map is then the old one with the region; the file without it is the old file, if it had regions before."""
    syntax, text, derp_map = made
    changed = add_region(syntax, text, region)
    assert map_in(syntax, changed) == DERPMap(regions={**derp_map.regions, 999: region})
    back = remove_region(syntax, changed, "999")
    assert map_in(syntax, back) == derp_map
    assert back == text or not derp_map.regions


@given(written(), st.data())
def test_any_region_can_be_made_another(made: tuple[Syntax, str, DERPMap], data: st.DataObject) -> None:
    """Nothing before and behind it changes, and what is the same already is not written again."""
    syntax, text, derp_map = made
    if not derp_map.regions:
        return
    number = data.draw(st.sampled_from(sorted(derp_map.regions)))
    region = data.draw(regions(number))
    changed = put_region(syntax, text, region)
    assert map_in(syntax, changed).regions == {**derp_map.regions, number: region}
    assert put_region(syntax, changed, region) == changed
    old = derp_map.regions[number]
    assert old is not None
    assert diff_maps(map_in(syntax, put_region(syntax, changed, old)), derp_map) == []
    others = [one for one in sorted(derp_map.regions) if one != number]
    if others:
        without = [remove_region(syntax, one, str(number)) for one in (text, changed)]
        assert without[0] == without[1]


def test_what_stands_twice_is_taken_out_whole() -> None:
    """Otherwise the one before it would count."""
    text = '{"Regions": {"912": {}, "912": {"RegionID": 912, "Nodes": [{"Name": "a", "DERPPort": 1, "derpport": 2}]}}}'
    unset = apply_changes(HUJSON, text, [Change(912, "a", "DERPPort", 2, None)])
    assert unset == text.replace(', "DERPPort": 1, "derpport": 2', "")
    assert remove_region(HUJSON, text, "912") == '{"Regions": {}}'
