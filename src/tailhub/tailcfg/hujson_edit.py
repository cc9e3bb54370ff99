"""Changing a part of a HuJSON document: every byte outside that part stays, and what is new looks like its neighbours.

Each function gives the new text; the document's offsets are then old, so it is to be parsed again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from tailhub.tailcfg.hujson import Array, Document, Element, Member, Object, Scalar, Value

__all__ = ["insert_element", "insert_member", "remove", "rename", "replace"]

_BLANK: Final = " \t"


def replace(document: Document, value: Value, new: object) -> str:
    """Put `new` (dicts, lists, scalars) in the place of a value."""
    style = _Style.at(document, value.start, "\n" in _text(document, value))
    return _spliced(document.text, value.start, value.end, style.written(new))


def insert_member(document: Document, parent: Object, name: str, new: object) -> str:
    """Add a member behind the last one. A member of this name that is there already stays, and counts no more."""
    neighbour = parent.members[-1].value if parent.members else None
    style = _Style.inside(document, parent, neighbour, new)
    written = json.dumps(name, ensure_ascii=False)
    return _inserted(document, parent, written + _colon(document, parent, written) + style.written(new), style)


def insert_element(document: Document, parent: Array, new: object) -> str:
    """Add an element behind the last one."""
    style = _Style.inside(document, parent, parent.elements[-1].value if parent.elements else None, new)
    return _inserted(document, parent, style.written(new), style)


def remove(document: Document, parent: Object | Array, item: Member | Element) -> str:
    """Take a member or an element out, with its comma and the comment behind it on its line.

    Where it was the last one and had no comma, the one before it has none then.
    """
    text, items = document.text, _items(parent)
    number = items.index(item)
    start, value_end = _start(item), item.value.end
    end = item.comma + 1 if item.comma is not None else value_end
    before = items[number - 1] if number else None
    line = text.rfind("\n", 0, start) + 1
    is_alone = line > (before.value.end if before is not None else parent.start) and not text[line:start].strip(_BLANK)
    line_end = _line_end(text, end, parent.end - 1)
    if is_alone and line_end is not None:
        start, end = line, line_end
    elif before is not None and number == len(items) - 1:
        start = (before.comma or before.value.end) + 1  # the space behind that comma
    else:
        while text[end : end + 1] in tuple(_BLANK):
            end += 1
    if item.comma is None and before is not None and before.comma is not None:
        text, start, end = _spliced(text, before.comma, before.comma + 1, ""), start - 1, end - 1
    return _spliced(text, start, end, "")


def rename(document: Document, _parent: Object, item: Member, name: str) -> str:
    """Give a member another name."""
    return _spliced(document.text, item.name.start, item.name.end, json.dumps(name, ensure_ascii=False))


# --- how neighbours look ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Style:
    """How a value is written whose line begins with `indent`; on one line unless it `is_spread`."""

    indent: str
    step: str  # one level of indentation
    newline: str
    trailing_comma: bool
    is_spread: bool
    is_parent_spread: bool = True

    @classmethod
    def at(cls, document: Document, offset: int, is_spread: bool) -> _Style:
        """That of a value at this offset."""
        text = document.text
        newline = "\r\n" if "\r\n" in text else "\n"
        indent = _indent(text, offset)
        return cls(indent, _step(document), newline, _has_trailing_commas(document), is_spread)

    @classmethod
    def inside(cls, document: Document, parent: Object | Array, neighbour: Value | None, new: object) -> _Style:
        """That of the value `new` in `parent`, behind its last one, `neighbour`."""
        text, items = document.text, _items(parent)
        if not items or neighbour is None:
            is_spread = "\n" in text
            style = cls.at(document, parent.start, is_spread)
            return cls(style.indent + style.step, style.step, style.newline, style.trailing_comma, is_spread, is_spread)
        start = _start(items[-1])
        style = cls.at(document, start, "\n" in _text(document, neighbour))
        is_parent_spread = "\n" in text[(items[-2].value.end if len(items) > 1 else parent.start) : start]
        has_comma = items[-1].comma is not None
        indent = style.indent if is_parent_spread else _indent(text, parent.start)
        # A neighbour without values in it shows nothing: what has some, which have some too, then gets its own lines.
        says_nothing = isinstance(neighbour, Scalar) or (_is_nested(new) and not _items(neighbour))
        is_spread = style.is_spread or (is_parent_spread and says_nothing)
        return cls(indent, _step(document, parent), style.newline, has_comma, is_spread, is_parent_spread)

    def written(self, new: object) -> str:
        """A value as text, its first line without indentation."""
        if not self.is_spread:
            return json.dumps(new, ensure_ascii=False)
        return self._spread(new, self.indent)

    def _spread(self, new: object, indent: str) -> str:
        if not isinstance(new, dict | list) or not new:
            return json.dumps(new, ensure_ascii=False)
        deeper = indent + self.step
        if isinstance(new, dict):
            opening, closing = "{", "}"
            parts = [f"{json.dumps(name, ensure_ascii=False)}: {self._spread(new[name], deeper)}" for name in new]
        else:
            opening, closing = "[", "]"
            parts = [self._spread(item, deeper) for item in new]
        between = f",{self.newline}{deeper}"
        last = "," if self.trailing_comma else ""
        return f"{opening}{self.newline}{deeper}{between.join(parts)}{last}{self.newline}{indent}{closing}"


def _inserted(document: Document, parent: Object | Array, written: str, style: _Style) -> str:
    text, items = document.text, _items(parent)
    if not items:
        if not style.is_parent_spread:
            return _spliced(text, parent.start + 1, parent.start + 1, written)
        outer = style.indent[: len(style.indent) - len(style.step)]
        last = "," if style.trailing_comma else ""
        inner = text[parent.start + 1 : parent.end - 1].rstrip(" \t\r\n")  # comments stay
        new = f"{inner}{style.newline}{style.indent}{written}{last}{style.newline}{outer}"
        return _spliced(text, parent.start + 1, parent.end - 1, new)
    last_item = items[-1]
    end = last_item.comma + 1 if last_item.comma is not None else last_item.value.end
    comma = "" if last_item.comma is not None else ","
    after = "," if last_item.comma is not None else ""
    if not style.is_parent_spread:
        return _spliced(text, end, end, f"{comma} {written}{after}")
    line_end = _line_end(text, end, parent.end - 1)
    if line_end is None:  # the parent ends on the same line
        return _spliced(text, end, end, f"{comma}{style.newline}{style.indent}{written}{after}")
    head = text[:end] + comma + text[end:line_end]
    return f"{head}{style.indent}{written}{after}{style.newline}{text[line_end:]}"


def _colon(document: Document, parent: Object, name: str) -> str:
    """What stands between a new name and its value: as wide as its neighbours' where those are in a column."""
    text, columns = document.text, set[int]()
    for member in parent.members:
        line = text.rfind("\n", 0, member.name.start) + 1
        if text[line : member.name.start].strip(_BLANK) or "\n" in text[member.name.end : member.value.start]:
            return ": "
        columns.add(member.value.start - member.name.start)
    lengths = {member.name.end - member.name.start for member in parent.members}
    if len(columns) == 1 and len(lengths) > 1:
        return ":" + " " * max(1, next(iter(columns)) - len(name) - 1)
    return ": "


def _has_trailing_commas(document: Document) -> bool:
    """Do most values that end on a line of their own have a comma behind their last part?"""
    with_comma = without = 0
    waiting: list[Value] = [document.root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Scalar):
            continue
        items = _items(value)
        waiting += [item.value for item in items]
        if items and "\n" in document.text[items[-1].value.end : value.end]:
            if items[-1].comma is not None:
                with_comma += 1
            else:
                without += 1
    return with_comma > without


def _step(document: Document, near: Object | Array | None = None) -> str:
    """One level of indentation: that in `near`, else that of the first value whose parts are indented."""
    text = document.text
    waiting: list[Value] = [document.root] if near is None else [document.root, near]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Scalar) or not (items := _items(value)):
            continue
        start, outer = _start(items[0]), _indent(text, value.start)
        inner = text[text.rfind("\n", 0, start) + 1 : start]
        if not inner.strip(_BLANK) and inner != outer and inner.startswith(outer):
            return inner[len(outer) :]
        waiting += [item.value for item in reversed(items)]
    return "  "


def _indent(text: str, offset: int) -> str:
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    return line[: len(line) - len(line.lstrip(_BLANK))]


def _line_end(text: str, offset: int, limit: int) -> int | None:
    """Behind the line's end, if from `offset` on there is only space and a comment on it; None else."""
    end = text.find("\n", offset, limit)
    if end < 0:
        return None
    rest = text[offset:end].strip(" \t\r")
    is_comment = rest.startswith("//") or (rest.startswith("/*") and rest.endswith("*/") and "*/" not in rest[2:-2])
    return end + 1 if not rest or is_comment else None


def _is_nested(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(item, dict | list) and item for item in inner)


def _items(parent: Object | Array) -> tuple[Member | Element, ...]:
    return parent.members if isinstance(parent, Object) else parent.elements


def _start(item: Member | Element) -> int:
    return item.name.start if isinstance(item, Member) else item.value.start


def _text(document: Document, value: Value) -> str:
    return document.text[value.start : value.end]


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
