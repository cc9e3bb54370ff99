"""Columns and line breaks for text that may be Chinese: a CJK character is two columns wide."""

from __future__ import annotations

import re
import unicodedata

_NARROW = r"[^\s\u2e80-\uffef]"
# What is never broken: a command in backticks (so that it can be copied), a word, one wide character; each with the
# punctuation around it.
_TOKEN = re.compile(rf"\s+|（*(?:[^\s`\u2e80-\uffef]*`[^`]*`{_NARROW}*|{_NARROW}+|.)[，。；：、）]*")


def display_width(text: str) -> int:
    """Columns that `text` takes in a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def pad(text: str, columns: int) -> str:
    """`text` with spaces up to `columns`."""
    return text + " " * (columns - display_width(text))


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`, but for what cannot be broken. At least one line."""
    lines, line = [], ""
    for token in _TOKEN.findall(text):
        if token.isspace():
            line += token
            continue
        if line.strip() and display_width(line + token) > columns:
            lines.append(line.rstrip())
            line = ""
        line += token
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return lines
