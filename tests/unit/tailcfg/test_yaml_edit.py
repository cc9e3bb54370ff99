"""Changing Headscale's YAML in place, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tailcfg.hujson import Array, Document, Object, Scalar
from tailhub.tailcfg.yaml_edit import YAMLEditError, insert_element, insert_member, remove, rename, replace
from tailhub.tailcfg.yaml_tree import parse_yaml

MAP = """\
# 自建中继
regions:
  900: # ours
    regionid: 900
    nodes:
      - name: 900a
        hostname: derp.example.com # 域名
      - name: 900b

# the end
"""


def regions(document: Document) -> Object:
    """The object of all regions."""
    assert isinstance(document.root, Object)
    member = document.root.member("regions")
    assert member is not None
    assert isinstance(member.value, Object)
    return member.value


def nodes(document: Document) -> Array:
    """The nodes of region 900."""
    region = regions(document).members[0].value
    assert isinstance(region, Object)
    member = region.member("nodes")
    assert member is not None
    assert isinstance(member.value, Array)
    return member.value


def test_a_region_is_added_behind_the_last_line_of_its_neighbour() -> None:
    """With its indentation; what stands behind stays there."""
    document = parse_yaml(MAP)
    text = insert_member(document, regions(document), "901", {"regionid": 901, "nodes": [{"name": "901a"}]})
    new = "  901:\n    regionid: 901\n    nodes:\n    - name: 901a\n"
    at = MAP.index("\n# the end")
    assert text == MAP[:at] + new + MAP[at:]


def test_what_was_added_can_be_taken_out_again() -> None:
    """Then the file is what it was, byte for byte."""
    document = parse_yaml(MAP)
    changed = parse_yaml(insert_member(document, regions(document), "901", {"regionid": 901}))
    member = regions(changed).member("901")
    assert member is not None
    assert remove(changed, regions(changed), member) == MAP


def test_a_value_is_replaced_alone() -> None:
    """The comment beside it stays."""
    document = parse_yaml(MAP)
    node = nodes(document).elements[0].value
    assert isinstance(node, Object)
    assert replace(document, node.members[1].value, "other.example") == MAP.replace("derp.example.com", "other.example")


def test_a_node_is_added_and_taken_out() -> None:
    """An element stands in the column of the one before it."""
    document = parse_yaml(MAP)
    text = insert_element(document, nodes(document), {"name": "900c", "derpport": 8443})
    new = "      - name: 900c\n        derpport: 8443\n"
    at = MAP.index("\n# the end")
    assert text == MAP[:at] + new + MAP[at:]
    changed = parse_yaml(text)
    assert remove(changed, nodes(changed), nodes(changed).elements[2]) == MAP


def test_the_first_member_of_an_element_is_taken_out() -> None:
    """The next one takes its place behind the dash."""
    document = parse_yaml(MAP)
    node = nodes(document).elements[0].value
    assert isinstance(node, Object)
    text = remove(document, node, node.members[0])
    assert text == MAP.replace("- name: 900a\n        hostname", "- hostname")


def test_the_last_region_leaves_null_and_one_can_be_added_again() -> None:
    """Headscale takes a name without anything behind it for an empty map."""
    document = parse_yaml(MAP)
    text = remove(document, regions(document), regions(document).members[0])
    assert text == "# 自建中继\nregions:\n\n# the end\n"
    empty = parse_yaml(text)
    assert isinstance(empty.root, Object)
    again = replace(empty, empty.root.members[0].value, {"901": {"regionid": 901}})
    assert again == "# 自建中继\nregions:\n  901:\n    regionid: 901\n\n# the end\n"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "# no line's end"])
def test_a_file_without_values_is_begun(text: str) -> None:
    """Its comments stay."""
    document = parse_yaml(text)
    assert isinstance(document.root, Object)
    new = insert_member(document, document.root, "regions", {"900": {"regionid": 900}})
    assert new.startswith(text)
    assert parse_yaml(new).plain() == {"regions": {"900": {"regionid": 900}}}


def test_a_region_gets_another_number() -> None:
    """Written as a number, for Headscale takes no other."""
    document = parse_yaml(MAP)
    assert rename(document, regions(document), regions(document).members[0], "905") == MAP.replace("900: #", "905: #")


def test_a_last_line_without_an_end_keeps_none() -> None:
    """Neither what is added has one, nor what is left when it goes."""
    text = "regions:\n  900:\n    regionid: 900"
    document = parse_yaml(text)
    changed = parse_yaml(insert_member(document, regions(document), "901", {"regionid": 901}))
    assert changed.text == f"{text}\n  901:\n    regionid: 901"
    assert remove(changed, regions(changed), regions(changed).members[1]) == text


def test_lines_end_as_they_did() -> None:
    """Also what is new, in a file of Windows."""
    document = parse_yaml(MAP.replace("\n", "\r\n"))
    text = insert_member(document, regions(document), "901", {"regionid": 901})
    assert text.count("\n") == text.count("\r\n") == MAP.count("\n") + 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("regions: {900: {regionid: 900}}\n", "braces"),
        ("a: &x 1\nregions:\n  900:\n    regionid: 900\n", "anchors"),
        ("regions: !!map\n  900:\n    regionid: 900\n", "tags"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text: str, why: str) -> None:
    """Flow forms, anchors and tags; it says where and why."""
    document = parse_yaml(text)
    with pytest.raises(YAMLEditError, match=why):
        insert_member(document, regions(document), "901", {"regionid": 901})


def test_a_block_is_not_put_into_a_line() -> None:
    """Where a comment stands behind the old value."""
    document = parse_yaml("regions: {} # none\n")
    with pytest.raises(YAMLEditError, match="comment"):
        replace(document, regions(document), {"900": {"regionid": 900}})


LITTLE = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.integers(0, 9) | st.sampled_from(["x", "yes", "1.5", "# no", "a: b", "", "中继"]) | st.booleans() | st.none(),
    min_size=1,
    max_size=4,
)


@given(st.dictionaries(st.sampled_from(["900", "901", "902"]), LITTLE, min_size=1), LITTLE, st.booleans())
def test_any_map_keeps_what_it_had(old: dict[str, dict[str, object]], new: dict[str, object], spaced: bool) -> None:
    """What is added is there, all else is as before, and taking it out gives the text back."""
    text = "regions:\n" if not spaced else "\n# c\nregions: # all\n"
    for name, region in old.items():
        document = parse_yaml(text)
        assert isinstance(document.root, Object)
        value = document.root.members[0].value
        if isinstance(value, Scalar):
            text += f"  {name}:\n" + "".join(f"    {key}: 1 # {key}\n" for key in region)
        else:
            assert isinstance(value, Object)
            text = insert_member(document, value, name, region)
    document = parse_yaml(text)
    changed = parse_yaml(insert_member(document, regions(document), "999", new))
    before, after = document.plain(), changed.plain()
    assert isinstance(before, dict)
    assert after == {"regions": {**before["regions"], "999": new}}
    member = regions(changed).member("999")
    assert member is not None
    assert remove(changed, regions(changed), member) == text
