"""Changing a policy in place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tailcfg.hujson import Array, Document, Member, Object, parse
from tailhub.tailcfg.hujson_edit import insert_element, insert_member, remove, replace

POLICY = """{
\t"acls": [], // none

\t/* 自建中继 */
\t"derpMap": {
\t\t"Regions": {
\t\t\t"912": { // ours
\t\t\t\t"RegionID":   912,
\t\t\t\t"RegionCode": "home", // code
\t\t\t\t"Nodes": [
\t\t\t\t\t{"Name": "912a"},
\t\t\t\t],
\t\t\t},
\t\t},
\t},
}
"""
LITTLE = st.dictionaries(
    st.sampled_from("abcdef"), st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2), max_size=3
)


def regions(document: Document) -> Object:
    """The object of all regions."""
    value = document.root
    for name in ("derpMap", "Regions"):
        assert isinstance(value, Object)
        member = value.member(name)
        assert member is not None
        value = member.value
    assert isinstance(value, Object)
    return value


def member(parent: Object, name: str) -> Member:
    """The member of this name, which is there."""
    found = parent.member(name)
    assert found is not None
    return found


def test_a_region_is_added_as_its_neighbour_is_written() -> None:
    """With its indentation, its trailing commas and on lines of its own; nothing else changes."""
    document = parse(POLICY)
    text = insert_member(document, regions(document), "913", {"RegionID": 913, "Nodes": [{"Name": "913a"}]})
    new = """\t\t\t"913": {
\t\t\t\t"RegionID": 913,
\t\t\t\t"Nodes": [
\t\t\t\t\t{
\t\t\t\t\t\t"Name": "913a",
\t\t\t\t\t},
\t\t\t\t],
\t\t\t},
"""
    at = POLICY.index("\t\t},\n\t},\n}")
    assert text == POLICY[:at] + new + POLICY[at:]


def test_what_was_added_can_be_taken_out_again() -> None:
    """Then the document is what it was, byte for byte."""
    document = parse(POLICY)
    changed = parse(insert_member(document, regions(document), "913", {"RegionID": 913}))
    assert remove(changed, regions(changed), member(regions(changed), "913")) == POLICY


def test_a_value_is_replaced_alone() -> None:
    """Comments beside it stay."""
    document = parse(POLICY)
    ours = member(regions(document), "912").value
    assert isinstance(ours, Object)
    text = replace(document, member(ours, "RegionCode").value, "自家")
    assert text == POLICY.replace('"home"', '"自家"')


def test_a_new_field_stands_in_the_column_of_its_neighbours() -> None:
    """Where values are aligned."""
    document = parse('{\n  "RegionID":   912,\n  "RegionCode": "home"\n}\n')
    assert isinstance(document.root, Object)
    text = insert_member(document, document.root, "Avoid", True)
    assert text == '{\n  "RegionID":   912,\n  "RegionCode": "home",\n  "Avoid":      true\n}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{"n": [1]}'),
        ('{"a": 1}', '{"a": 1, "n": [1]}'),
        ('{ "a": 1, }', '{ "a": 1, "n": [1], }'),
        ('{"a": 1 /* one */}', '{"a": 1, "n": [1] /* one */}'),
        ('{\n  "a": 1 // one\n}', '{\n  "a": 1, // one\n  "n": [\n    1\n  ]\n}'),
        ('{\r\n  "a": [],\r\n}', '{\r\n  "a": [],\r\n  "n": [1],\r\n}'),
        ('{\n\t"a": 1}', '{\n\t"a": 1,\n\t"n": [\n\t\t1\n\t]}'),
        ("{\n  // nothing\n}", '{\n  // nothing\n  "n": [\n    1\n  ]\n}'),
    ],
)
def test_a_member_is_added(before: str, after: str) -> None:
    """On one line or on its own, with a comma where its neighbour has one, behind the neighbour's comment."""
    document = parse(before)
    assert isinstance(document.root, Object)
    assert insert_member(document, document.root, "n", [1]) == after


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ('{"a": 1, "b": 2}', "a", '{"b": 2}'),
        ('{"a": 1, "b": 2}', "b", '{"a": 1}'),
        ('{"a": 1}', "a", "{}"),
        ('{\n  "a": 1, // one\n  "b": 2 // two\n}', "a", '{\n  "b": 2 // two\n}'),
        ('{\n  "a": 1, // one\n  "b": 2 // two\n}', "b", '{\n  "a": 1 // one\n}'),
        ('{\n  // above\n  "a": {\n    "x": 1\n  },\n  "b": 2,\n}', "a", '{\n  // above\n  "b": 2,\n}'),
    ],
)
def test_a_member_is_taken_out(before: str, name: str, after: str) -> None:
    """With its comma and the comment on its line; comments on other lines stay."""
    document = parse(before)
    assert isinstance(document.root, Object)
    assert remove(document, document.root, member(document.root, name)) == after


def test_an_element_is_added_and_taken_out() -> None:
    """As members are."""
    document = parse('[\n  {"a": 1}, // one\n]\n')
    assert isinstance(document.root, Array)
    text = insert_element(document, document.root, {"b": 2})
    assert text == '[\n  {"a": 1}, // one\n  {"b": 2},\n]\n'
    again = parse(text)
    assert isinstance(again.root, Array)
    assert remove(again, again.root, again.root.elements[-1]) == document.text


@given(LITTLE, st.sampled_from([None, 2, "\t"]), st.booleans(), LITTLE)
def test_any_object_keeps_what_it_had(
    old: dict[str, object], indent: int | str | None, trailing: bool, new: object
) -> None:
    """What is added is there, all else is as before, and taking it out gives the text back."""
    text = json.dumps(old, indent=indent)
    if trailing and old and indent is not None:
        text = text[:-2] + ",\n}"
    document = parse(text)
    assert isinstance(document.root, Object)
    changed = parse(insert_member(document, document.root, "new", new))
    assert changed.plain() == {**old, "new": new}
    assert isinstance(changed.root, Object)
    back = remove(changed, changed.root, member(changed.root, "new"))
    assert back == text or (not old and parse(back).plain() == {})
    for name in old:
        without = parse(remove(document, document.root, member(document.root, name)))
        assert without.plain() == {other: value for other, value in old.items() if other != name}


def test_the_indentation_is_that_of_the_neighbours() -> None:
    """Not that of a comment's text, nor of another part of the file that is indented otherwise."""
    text = '/*\n     Of our tailnet.\n*/\n{\n  "acls": [\n    "a",\n  ],\n\t"derpMap": {\n\t\t"Regions": {},\n\t},\n}\n'
    document = parse(text)
    derp_map = document.root.members[1].value
    changed = insert_member(document, derp_map, "HomeParams", {"RegionScore": {"912": 2}})
    assert '\n\t\t"HomeParams": {\n\t\t\t"RegionScore": {\n\t\t\t\t"912": 2,\n' in changed
    plain = parse('/*\n     Of our tailnet.\n*/\n{\n\t"derpMap": {},\n}\n')
    assert insert_member(plain, plain.root, "ssh", {"a": [1]}).endswith(
        '\t"ssh": {\n\t\t"a": [\n\t\t\t1,\n\t\t],\n\t},\n}\n'
    )
