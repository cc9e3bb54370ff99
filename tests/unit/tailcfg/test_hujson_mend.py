"""Faults of pasted HuJSON, all at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.tailcfg.hujson import HuJSONError, parse
from tailhub.tailcfg.hujson_mend import mend


def places(text: str) -> list[tuple[str, int, int]]:
    """Each fault as its word, line and column."""
    return [(fault.trouble, fault.line, fault.column) for fault in mend(text).faults]


def first_fault(text: str) -> list[tuple[str, int, int]]:
    """What the parser itself says, none if the text is sound."""
    try:
        parse(text)
    except HuJSONError as exc:
        return [(exc.trouble, exc.line, exc.column)]
    return []


def test_a_policy_from_a_chinese_page_is_told_all_its_faults() -> None:
    """Each once, where it is in the text as it was; what is left reads as it was meant."""
    text = '{\n  “derpMap”： {"a": 1\n\u00a0"b": \'x\'，\n "c": 3 "d": 4}}'
    assert places(text) == [
        ("curly_quotes", 2, 3),
        ("full_width", 2, 12),
        ("odd_space", 3, 1),
        ("missing_comma", 2, 21),
        ("single_quotes", 3, 7),
        ("full_width", 3, 10),
        ("missing_comma", 4, 8),
    ]
    document = mend(text).document
    assert document is not None
    assert document.plain() == {"derpMap": {"a": 1, "b": "x", "c": 3, "d": 4}}


def test_places_behind_a_comma_that_was_missing_stay_true() -> None:
    """Of what is found later in the mended text."""
    text = '{"a": 1\n "b": 2 "c": [3]}'
    mended = mend(text)
    assert mended.document is not None
    offset = mended.document.text.index("[3]")
    assert mended.place(offset) == (2, 14)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("{a: 1}", "missing_quotes"),
        ('{"a": 0x1}', "wrong_number"),
        ('{"a": 1,,}', "extra_comma"),
        ('{"a": /* 1}', "open_comment"),
        ('{"a": “x}', "curly_quotes"),
    ],
)
def test_the_first_other_fault_ends_it(text: str, trouble: str) -> None:
    """Nobody knows what was meant."""
    mended = mend(text)
    assert [fault.trouble for fault in mended.faults] == [trouble]
    assert mended.document is None


def test_a_byte_order_mark_is_a_fault() -> None:
    """Tailscale refuses it, and it cannot be seen."""
    assert places('\ufeff{"a": 1}') == [("byte_order_mark", 1, 1)]


@given(st.text(alphabet='{}[]:,"“”：，\u00a0\n a1', max_size=30))
def test_it_ends_for_any_text(text: str) -> None:
    """What is sound has no fault; else the first fault is the parser's own, and there is an end to them."""
    faults = places(text)
    assert faults[:1] == first_fault(text)


def test_odd_spaces_beside_each_other_are_one_fault() -> None:
    """A line that a web page has indented is told once."""
    mended = mend('{\n\u00a0\u00a0\u00a0"a": 1,\n\u00a0\u00a0"b": 2,\n}')
    assert [(fault.line, fault.column) for fault in mended.faults] == [(2, 1), (3, 1)]
    assert mended.document is not None
    assert mended.document.plain() == {"a": 1, "b": 2}
