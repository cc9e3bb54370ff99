from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tailhub.cli.text_layout import display_width, pad, wrap


def test_wide_characters_count_twice() -> None:
    """Chinese characters and full-width signs take two columns, combining marks none."""
    assert display_width("ab") == 2
    assert display_width("中继，") == 6
    assert display_width("e\u0301") == 1


def test_pad_counts_columns() -> None:
    """Padding fills columns, not characters, and never cuts."""
    assert pad("中继", 6) + "|" == "中继  |"
    assert pad("too long", 3) == "too long"


def test_commands_are_never_broken() -> None:
    """What stands in backticks stays on one line with the punctuation after it, however narrow the lines."""
    assert wrap("Run `tailhub relay --address IP`, then wait.", 12) == [
        "Run",
        "`tailhub relay --address IP`,",
        "then wait.",
    ]
    assert wrap("运行（`tailhub relay`）。然后等待", 8) == ["运行", "（`tailhub relay`）。", "然后等待"]


def test_chinese_breaks_between_characters_but_not_before_punctuation() -> None:
    """A line of Chinese does not begin with a comma."""
    assert wrap("一二三四，五六", 8) == ["一二三", "四，五六"]


def test_wrap_gives_a_line_for_nothing() -> None:
    """Empty text is one empty line."""
    assert wrap("", 10) == [""]


@given(st.text(alphabet="ab `中（，。\U0001f511", max_size=60), st.integers(1, 30))
def test_wrap_loses_nothing(text: str, columns: int) -> None:
    """Whatever the text, all of it but white space comes out in order, and only unbreakable pieces are too long."""
    lines = wrap(text, columns)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    for line in lines:
        assert display_width(line) <= columns or len(wrap(line, columns)) == 1
