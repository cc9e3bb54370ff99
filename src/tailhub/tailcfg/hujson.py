"""HuJSON, in which Tailscale's policies are written: JSON with comments and trailing commas, read without loss.

A document keeps where each value and comma lies, so that a part can be changed while every other byte stays as it is.
It takes exactly what Tailscale's parser takes (JWCC: ``tailscale/hujson``), so nothing of JSON5: names need double
quotes, strings too, a ``//`` comment needs its line's end, even the last one. Duplicate names are allowed, the last one
counts. Bytes that are not UTF-8 are allowed in strings and kept.

Not here: what a policy means (`tailhub.tailcfg.derpmap`).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tailhub.exceptions import LocalError

__all__ = [
    "Array",
    "Document",
    "Element",
    "HuJSONError",
    "Member",
    "Object",
    "Scalar",
    "Trouble",
    "Value",
    "line_starts",
    "parse",
]

MAX_DEPTH: Final = 200  # of values in values; no policy has a tenth of it

Trouble: TypeAlias = Literal[
    "full_width",  # punctuation as Chinese keyboards write it
    "curly_quotes",
    "single_quotes",
    "odd_space",  # a no-break or full-width space, as web pages have
    "byte_order_mark",
    "missing_comma",
    "extra_comma",
    "missing_colon",
    "missing_quotes",  # around a name or a text
    "wrong_number",
    "wrong_word",
    "wrong_string",  # an escape that there is not, or a control character, perhaps a line's end
    "open_comment",
    "comment_without_line_end",
    "not_utf8",
    "unfinished",  # the text ends within a value
    "trailing_text",
    "too_deep",
    "unexpected",
]
"""What is wrong, as a word by which it can be told in any language."""


class HuJSONError(LocalError):
    """The text is no HuJSON. `line` and `column` count from 1, columns in characters; `found` is what stands there."""

    def __init__(self, trouble: Trouble, line: int, column: int, found: str, expected: str) -> None:
        super().__init__(f"line {line}, column {column}: expected {expected}, found {found or 'the end'}")
        self.trouble = trouble
        self.line = line
        self.column = column
        self.found = found
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number, truth value or null. `start` and `end` are offsets in the document's text."""

    start: int
    end: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Member:
    """A name and its value in an object. `comma` is the offset of the comma behind it, None if there is none."""

    name: Scalar
    value: Value
    comma: int | None


@dataclass(frozen=True, slots=True)
class Element:
    """A value in an array, and the comma behind it."""

    value: Value
    comma: int | None


@dataclass(frozen=True, slots=True)
class Object:
    """From its ``{`` at `start` to behind its ``}``, `end`."""

    start: int
    end: int
    members: tuple[Member, ...] = ()

    def member(self, name: str, *, any_case: bool = False) -> Member | None:
        """The member of this name, the last one if there are several. Go takes field names in `any_case`."""
        wanted = name.lower() if any_case else name
        for member in reversed(self.members):
            own = str(member.name.value)
            if (own.lower() if any_case else own) == wanted:
                return member
        return None


@dataclass(frozen=True, slots=True)
class Array:
    """From its ``[`` at `start` to behind its ``]``, `end`."""

    start: int
    end: int
    elements: tuple[Element, ...] = ()


Value: TypeAlias = Scalar | Object | Array


@dataclass(frozen=True, slots=True)
class Document:
    """A text and the one value in it."""

    text: str  # bytes that are not UTF-8 as lone surrogates
    root: Value
    _line_starts: list[int] = field(repr=False)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, counted from 1."""
        return _place(self._line_starts, offset)

    def serialize(self) -> bytes:
        """The very bytes that were read."""
        return self.text.encode("utf-8", "surrogateescape")

    def plain(self, value: Value | None = None) -> object:
        """A value, by default the whole, as dicts, lists and scalars."""
        return _plain(self.root if value is None else value)


def parse(data: bytes | str) -> Document:
    """Read a document. Raises `HuJSONError`, which says where it is wrong, what was expected and what was found."""
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    parser = _Parser(text)
    return Document(text, parser.document(), parser.line_starts)


def line_starts(text: str) -> list[int]:
    """The offset at which each line begins."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _plain(value: Value) -> object:
    match value:
        case Object():
            return {str(member.name.value): _plain(member.value) for member in value.members}
        case Array():
            return [_plain(element.value) for element in value.elements]
        case Scalar():
            return value.value


def _place(line_starts: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(line_starts, offset)
    return line, offset - line_starts[line - 1] + 1


# --- reading ----------------------------------------------------------------------------------------------------------

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_COMMENTS: Final[Mapping[str, tuple[str, Trouble, str]]] = {
    "//": ("\n", "comment_without_line_end", "a line's end behind the comment"),
    "/*": ("*/", "open_comment", "*/ that ends the comment"),
}
_WORD = re.compile(r"[-+.a-zA-Z0-9]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_RUN, _ESCAPE = r'[^"\\\x00-\x1f]*', r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})'
_GOOD = re.compile(f"{_RUN}(?:{_ESCAPE}{_RUN})*")  # what a string may consist of
_GOOD_STRING = re.compile(f'"{_GOOD.pattern}"')
_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None}
_FULL_WIDTH: Final = frozenset("，：；“”‘’｛｝［］（）、。＂＇【】「」")
_CURLY: Final = frozenset("“”„‟‘’‚‛«»")
_ODD_SPACES: Final = frozenset("\u00a0\u2002\u2003\u2009\u200b\u202f\u3000\u2028\u2029\x0b\x0c")
_LONE = re.compile("[\udc80-\udcff]")
_MOST_SHOWN: Final = 24  # characters of what was found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.line_starts = line_starts(text)

    def document(self) -> Value:
        self._skip()
        value = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise self._error("trailing_text", "nothing behind the value")
        return value

    def _value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise self._error("too_deep", f"values at most {MAX_DEPTH} deep")
        match self._peek():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                return self._string()
        return self._word()

    def _object(self, depth: int) -> Object:
        start, members = self._at, list[Member]()
        self._at += 1
        self._skip()
        while self._peek() != "}":
            if self._peek() != '"':
                raise self._no_name(has_members=bool(members))
            name = self._string()
            self._skip()
            if self._peek() != ":":
                raise self._error("missing_colon", "a colon behind the name")
            self._at += 1
            self._skip()
            value = self._value(depth + 1)
            members.append(Member(name, value, self._comma("}", value)))
        self._at += 1
        return Object(start, self._at, tuple(members))

    def _array(self, depth: int) -> Array:
        start, elements = self._at, list[Element]()
        self._at += 1
        self._skip()
        while self._peek() != "]":
            value = self._value(depth + 1)
            elements.append(Element(value, self._comma("]", value)))
        self._at += 1
        return Array(start, self._at, tuple(elements))

    def _comma(self, end: str, value: Value) -> int | None:
        """Read a comma, if there is one; None right before the `end`."""
        self._skip()
        at, here = self._at, self._peek()
        if here == ",":
            self._at += 1
            self._skip()
            return at
        if here == end:
            return None
        if here and (here in '"{[-' or here.isalnum()):
            self._at = value.end  # there it belongs, not where the next line begins
            raise self._error("missing_comma", f"a comma or {end} behind the value", found=self._shown(at))
        raise self._error("unexpected", f"a comma or {end} behind the value")

    def _string(self) -> Scalar:
        start = self._at
        if (match := _GOOD_STRING.match(self._text, start)) is not None:
            self._at = match.end()
            return Scalar(start, self._at, _unescaped(self._text[start + 1 : self._at - 1]))
        match = _STRING.match(self._text, start)
        if match is None:
            raise self._error("unfinished", 'a " that ends the text')
        good = _GOOD.match(self._text, start + 1, match.end() - 1)
        self._at = good.end() if good is not None else start + 1
        raise self._error("wrong_string", 'a character of the text, " or an escape of JSON')

    def _word(self) -> Scalar:
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise self._error("extra_comma" if self._peek() == "," else "unexpected", "a value")
        word = match[0]
        value: int | float | bool | None
        if word in _WORDS:
            value = _WORDS[word]
        elif _NUMBER.fullmatch(word):
            value = _number(word)
        elif word[0].isalpha():
            is_word = word.lower() in _WORDS or word in ("None", "NaN", "Infinity", "undefined")
            raise self._error("wrong_word" if is_word else "missing_quotes", "true, false, null or a text in quotes")
        else:
            raise self._error("wrong_number", "a number as JSON has it")
        start, self._at = self._at, match.end()
        return Scalar(start, self._at, value)

    def _skip(self) -> None:
        """Go past space and comments."""
        text = self._text
        while True:
            self._at = _SPACE.match(text, self._at).end()  # type: ignore[union-attr]  # it matches nothing too
            if text[self._at : self._at + 1] != "/":
                return
            kind = text[self._at : self._at + 2]
            if kind not in _COMMENTS:
                return
            close, trouble, expected = _COMMENTS[kind]
            end = text.find(close, self._at + 2)
            if end < 0:
                raise self._error(trouble, expected)
            if (lone := _LONE.search(text, self._at, end)) is not None:
                self._at = lone.start()
                raise self._error("not_utf8", "a comment in UTF-8")
            self._at = end + len(close)

    # --- faults -------------------------------------------------------------------------------------------------------

    def _no_name(self, *, has_members: bool) -> HuJSONError:
        here = self._peek()
        if here == ",":
            return self._error("extra_comma", "a name in double quotes, or }")
        if here.isalpha() or here in ("_", "$"):
            return self._error("missing_quotes", "a name in double quotes")
        return self._error("unexpected", "a name in double quotes" + ("" if has_members else ", or }"))

    def _error(self, trouble: Trouble, expected: str, found: str | None = None) -> HuJSONError:
        """The fault at this place; `found` is what stands there unless it is said."""
        here = self._peek()
        if not here and found is None:
            trouble = "unfinished"
        elif trouble in ("unexpected", "missing_colon", "trailing_text"):
            trouble = _pasted(here, trouble)
        line, column = _place(self.line_starts, self._at)
        return HuJSONError(trouble, line, column, self._shown(self._at) if found is None else found, expected)

    def _shown(self, at: int) -> str:
        """What stands there, as one can read it."""
        match = _WORD.match(self._text, at)
        piece = match[0][:_MOST_SHOWN] if match is not None else self._text[at : at + 1]
        return piece if piece.isprintable() and piece.strip() else piece.encode("unicode_escape", "replace").decode()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]


def _pasted(character: str, trouble: Trouble) -> Trouble:
    """What a character that does not belong here looks like."""
    if character in _CURLY:
        return "curly_quotes"
    if character in _FULL_WIDTH:
        return "full_width"
    if character == "'":
        return "single_quotes"
    if character == "\ufeff":
        return "byte_order_mark"
    return "odd_space" if character in _ODD_SPACES else trouble


def _number(word: str) -> int | float:
    return int(word) if word.lstrip("-").isdigit() and len(word) <= 30 else float(word)


def _unescaped(body: str) -> str:
    return str(json.loads(f'"{body}"')) if "\\" in body else body
