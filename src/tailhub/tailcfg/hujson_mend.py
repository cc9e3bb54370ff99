"""Reading on past what was pasted wrongly into a HuJSON document, so that all faults are told at once.

What is mended in memory: curly and single quotes, full-width punctuation, odd spaces, missing commas. The first fault
of any other kind ends it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from tailhub.tailcfg.hujson import Document, HuJSONError, Trouble, line_starts, parse

__all__ = ["Mended", "mend"]

MOST_FAULTS: Final = 100
_DOUBLE: Final = '"“”„‟«»＂'
_SINGLE: Final = "'‘’‚‛＇"
_PLAIN: Final = {
    "，": ",",
    "、": ",",
    "；": ",",
    "：": ":",
    "｛": "{",
    "｝": "}",
    "［": "[",
    "］": "]",
    "【": "[",
    "】": "]",
}
_SPACE: Final[frozenset[Trouble]] = frozenset({"odd_space", "byte_order_mark"})
_QUOTED: Final = {
    **{quote: re.compile(rf"[{_DOUBLE}]([^{_DOUBLE}\n]*)[{_DOUBLE}]") for quote in _DOUBLE[1:]},
    **{quote: re.compile(rf"[{_SINGLE}]([^{_SINGLE}\n]*)[{_SINGLE}]") for quote in _SINGLE},
}


@dataclass(frozen=True, slots=True)
class Mended:
    """`document`: what it would be without its faults, None if that cannot be told. `faults` have their true places."""

    document: Document | None
    faults: tuple[HuJSONError, ...]
    _original: Document
    _inserted: tuple[int, ...]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column in the text as it was, of an offset in `document`."""
        return self._original.place(offset - bisect_left(self._inserted, offset))


def mend(text: str) -> Mended:
    """Read a document and all its faults that can be read past."""
    original_starts = line_starts(text)
    faults: list[HuJSONError] = []
    inserted: list[int] = []  # offsets of commas that were put in, in the mended text
    mended, document = text, None
    while document is None:
        try:
            document = parse(mended)
        except HuJSONError as exc:
            offset = line_starts(mended)[exc.line - 1] + exc.column - 1
            line, column = _place(original_starts, offset - bisect_left(inserted, offset))
            faults.append(HuJSONError(exc.trouble, line, column, exc.found, exc.expected))
            better = _better(mended, offset, exc.trouble)
            if better is None or len(faults) == MOST_FAULTS:
                break
            if len(better) > len(mended):
                inserted = sorted([*(at + (at >= offset) for at in inserted), offset])
            mended = better
    original = Document(text, parse("null").root, original_starts)
    return Mended(document, tuple(faults), original, tuple(inserted))


def _better(text: str, offset: int, trouble: Trouble) -> str | None:
    """The text with this fault mended, None if nobody knows how."""
    here = text[offset : offset + 1]
    if trouble == "missing_comma":
        return f"{text[:offset]},{text[offset:]}"
    if (quoted := _QUOTED.get(here)) is not None and (match := quoted.match(text, offset)) is not None:
        inner = match[1].replace('"', "'")  # of the same length
        return f'{text[:offset]}"{inner}"{text[match.end() :]}'
    if here in _PLAIN:
        return text[:offset] + _PLAIN[here] + text[offset + 1 :]
    if trouble not in _SPACE:
        return None
    rest = text[offset:].lstrip(here)  # a line that is indented with them has one fault
    return text[:offset] + " " * (len(text) - offset - len(rest)) + rest


def _place(starts: list[int], offset: int) -> tuple[int, int]:
    line = max(1, bisect_left(starts, offset + 1))
    return line, offset - starts[line - 1] + 1
