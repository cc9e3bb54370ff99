"""Policies as Tailscale's parser reads them, and where they are wrong."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tailcfg.hujson import MAX_DEPTH, Array, Document, HuJSONError, Object, Scalar, Value, parse

POLICY = """// A tailnet policy.
{
\t"acls": [
\t\t{"action": "accept", "src": ["*"], "dst": ["*:*"]}, // everyone
\t],
\t/* 自建中继 */
\t"derpMap": {"Regions": {"912": {"RegionID": 912, "Nodes": [{"Name": "912a"},],},},},
\t"ssh": [],
}
"""

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def trouble(text: str | bytes) -> tuple[str, int, int]:
    """The fault of a text: what, and where."""
    with pytest.raises(HuJSONError) as caught:
        parse(text)
    return caught.value.trouble, caught.value.line, caught.value.column


def test_a_policy_is_read() -> None:
    """Comments, tabs and trailing commas are no matter."""
    document = parse(POLICY.encode())
    assert document.plain() == {
        "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
        "derpMap": {"Regions": {"912": {"RegionID": 912, "Nodes": [{"Name": "912a"}]}}},
        "ssh": [],
    }


def test_the_bytes_stay() -> None:
    """What was read is written byte for byte, also what is not UTF-8 in a string."""
    data = POLICY.encode().replace(b"accept", b"acc\xffept").replace(b"\n", b"\r\n")
    assert parse(data).serialize() == data


@given(ANY_JSON, st.sampled_from([None, 2]), st.booleans())
def test_json_is_hujson(value: object, indent: int | None, ascii_only: bool) -> None:
    """Whatever JSON can say means the same here."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse(text).plain() == json.loads(text)


def test_every_value_knows_where_it_lies() -> None:
    """From `start` to `end` a value's text is that value, and a comma lies where it says."""

    def look(document: Document, value: Value) -> None:
        part = document.text[value.start : value.end]
        match value:
            case Object(members=members):
                assert (part[0], part[-1]) == ("{", "}")
                for member in members:
                    assert document.text[member.name.start : member.name.end] == json.dumps(member.name.value)
                    assert member.comma is None or document.text[member.comma] == ","
                    look(document, member.value)
            case Array(elements=elements):
                assert (part[0], part[-1]) == ("[", "]")
                for element in elements:
                    assert element.comma is None or document.text[element.comma] == ","
                    look(document, element.value)
            case Scalar():
                assert json.loads(part) == value.value

    document = parse(POLICY)
    look(document, document.root)
    assert isinstance(document.root, Object)
    assert document.place(document.root.members[-1].name.start) == (8, 2)
    assert document.root.members[-1].comma is not None


def test_the_last_of_equal_names_counts() -> None:
    """As for Go; field names of types are found in any case."""
    root = parse('{"a": 1, "A": 2, "a": 3}').root
    assert isinstance(root, Object)
    assert root.member("a") is root.members[2]
    assert root.member("A") is root.members[1]
    assert root.member("A", any_case=True) is root.members[2]
    assert root.member("b") is None


@pytest.mark.parametrize(
    "text", ["{}", "[]", "{/**/}", "[//\n]", " 1 ", '"a"', "/*a*/null//\n", "[1,]", '{"a":-0.5e+3,}']
)
def test_what_is_allowed(text: str) -> None:
    """Trailing commas behind something, comments anywhere between."""
    parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("unfinished", 1, 1)),
        ("{", ("unfinished", 1, 2)),
        ('{"a"', ("unfinished", 1, 5)),
        ('{"a": "b', ("unfinished", 1, 7)),
        ("{,}", ("extra_comma", 1, 2)),
        ("[,]", ("extra_comma", 1, 2)),
        ("[1,,]", ("extra_comma", 1, 4)),
        ('{"a": 1,, }', ("extra_comma", 1, 9)),
        ('{"a": 1\n "b": 2}', ("missing_comma", 1, 8)),
        ('[1 // one\n {"a": 2}]', ("missing_comma", 1, 3)),
        ('{"a" 1}', ("missing_colon", 1, 6)),
        ("{a: 1}", ("missing_quotes", 1, 2)),
        ('{"a": b}', ("missing_quotes", 1, 7)),
        ('{"a": True}', ("wrong_word", 1, 7)),
        ('{"a": NaN}', ("wrong_word", 1, 7)),
        ("{'a': 1}", ("single_quotes", 1, 2)),
        ("[0x10]", ("wrong_number", 1, 2)),
        ("[+1]", ("wrong_number", 1, 2)),
        ("[.5]", ("wrong_number", 1, 2)),
        ("[01]", ("wrong_number", 1, 2)),
        ("[1.]", ("wrong_number", 1, 2)),
        ('["\n"]', ("wrong_string", 1, 3)),
        ('["\\x41"]', ("wrong_string", 1, 3)),
        ('["\\u12"]', ("wrong_string", 1, 3)),
        ("{} // the end", ("comment_without_line_end", 1, 4)),
        ("{ /* never", ("open_comment", 1, 3)),
        (b"{} // \xff\n", ("not_utf8", 1, 7)),
        ("{} {}", ("trailing_text", 1, 4)),
        ('\ufeff{"a": 1}', ("byte_order_mark", 1, 1)),
        ('{\u00a0"a": 1}', ("odd_space", 1, 2)),
        ('{"a"：1}', ("full_width", 1, 5)),
        ('{"a": 1，\n"b": 2}', ("full_width", 1, 8)),
        ("{“a”: 1}", ("curly_quotes", 1, 2)),
        ('{"a": “b”}', ("curly_quotes", 1, 7)),
        ("[" * (MAX_DEPTH + 2), ("too_deep", 1, MAX_DEPTH + 2)),
    ],
)
def test_what_is_not(text: str | bytes, expected: tuple[str, int, int]) -> None:
    """Each fault has its name and its place; nothing that only JSON5 knows is taken."""
    assert trouble(text) == expected


def test_a_fault_says_what_was_expected_and_found() -> None:
    """In one sentence, with the place."""
    with pytest.raises(HuJSONError, match=re.escape("line 2, column 9: expected a comma or } behind the value, found")):
        parse('{\n  "a": 1\n  "b": 2}')


@given(st.text(alphabet='{}[]",:/*\n \\truefalsn01e-“，'))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other error comes out, and a place lies within the text."""
    try:
        parse(text)
        place = (1, 1)
    except HuJSONError as exc:
        place = (exc.line, exc.column)
    assert 1 <= place[0] <= text.count("\n") + 1
    assert 1 <= place[1] <= len(text) + 1
