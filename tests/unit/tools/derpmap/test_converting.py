"""Maps from one form into another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.made_maps import POLICY, policies, regions
from tailhub.tailcfg.derpmap import DERPHomeParams, DERPMap, DERPRegion
from tailhub.tailcfg.map_diff import fields_of
from tailhub.tailcfg.map_edit import HUJSON, YAML, map_in
from tailhub.tools.derpmap.converting import FORMS, MapFormName, losses, merged, written
from tailhub.tools.map_source import MapText, form_of


def text_of(text: str, name: str = "policy.hujson") -> MapText:
    """A text as it is read from a file."""
    return MapText(text, form_of(text, name), name)


@given(st.lists(regions(), max_size=3), st.sampled_from(FORMS[1:]))
def test_each_form_gives_the_map_back(some: list[DERPRegion], form: MapFormName) -> None:
    """A snippet too, in a policy."""
    derp_map = DERPMap(regions={one.region_id: one for one in some})
    text = written(derp_map, form)
    assert text.endswith("\n")
    assert map_in(YAML if form == "yaml" else HUJSON, text) == derp_map
    assert map_in(HUJSON, "{" + written(derp_map, "snippet") + "}") == derp_map


def test_what_gets_lost_is_said() -> None:
    """The rest of a policy, comments, fields that nobody knows, and what Headscale does not have."""
    odd = POLICY.replace('"Regions": {', '"HomeParams": {"RegionScore": {"912": 2}}, "Regions": {')
    odd = odd.replace('"Regions": {', '"omitDefaultRegions": true, "Regions": {').replace("STUNPort", "StunPrt")
    keys = {form: [one.key for one in losses(text_of(odd), form)] for form in ("json", "yaml")}  # type: ignore[arg-type]
    assert keys["json"] == ["map_lost_policy", "map_lost_fields", "map_lost_comments"]
    assert keys["yaml"] == [*keys["json"], "map_lost_headscale"]
    by_key = {one.key: one.values["names"] for one in losses(text_of(odd), "yaml") if one.values}
    assert by_key == {
        "map_lost_policy": "acls, ssh",
        "map_lost_fields": "StunPrt",
        "map_lost_headscale": "RegionScore, omitDefaultRegions",
    }


@pytest.mark.parametrize("text", ['{"Regions": {}}', '{"a//b": 1, "Regions": {"900": {"RegionCode": "x/*y*/"}}}'])
def test_a_text_without_comments_loses_none(text: str) -> None:
    """Slashes in a text are no comment."""
    assert "map_lost_comments" not in [one.key for one in losses(text_of(text), "json")]


def test_comments_of_yaml_are_found() -> None:
    """Behind a value or on a line of their own; a # in a text is none."""
    assert [one.key for one in losses(text_of("regions:\n  900: # x\n    regionid: 900\n", "m.yaml"), "json")] == [
        "map_lost_comments"
    ]
    assert losses(text_of("regions:\n  900:\n    regioncode: 'a # b'\n", "m.yaml"), "json") == ()


def test_headscale_gets_no_scores() -> None:
    """It would drop them."""
    derp_map = DERPMap(omit_default_regions=True, home_params=DERPHomeParams(region_score={900: 2}))
    assert written(derp_map, "yaml") == "regions: {}\n"


@pytest.mark.parametrize("form", ["policy", "json", "yaml"])
def test_the_policy_of_the_specification_there_and_back(form: MapFormName) -> None:
    """Its map in another form and back into it changes no byte of it."""
    text = written(map_in(HUJSON, POLICY), form)
    back = map_in(YAML if form == "yaml" else HUJSON, text)
    assert merged(HUJSON, POLICY, back) == POLICY


@given(st.data())
def test_any_policy_there_and_back(data: st.DataObject) -> None:
    """Through every form; with another map only that changes, and back again nothing has."""
    some = {number: data.draw(regions(number)) for number in (900, 912)}
    policy = data.draw(policies({str(number): fields_of(one) for number, one in some.items()}))
    old = map_in(HUJSON, policy)
    for form in ("json", "yaml"):
        again = map_in(YAML if form == "yaml" else HUJSON, written(old, form))  # type: ignore[arg-type]
        assert merged(HUJSON, policy, again) == policy
    new = DERPMap(regions={900: some[900], 950: data.draw(regions(950))})
    changed = merged(HUJSON, policy, new)
    assert map_in(HUJSON, changed) == new
    assert map_in(HUJSON, merged(HUJSON, changed, old)) == old
