"""Changing a part of a YAML document, as `tailhub.tailcfg.hujson_edit` does in HuJSON: every other byte stays.

Blocks (a value a line) are changed by whole lines; a value in a line is put in the place of the old one. What cannot be
done so safely is refused: anchors, tags, and changes within ``{…}`` and ``[…]``. What comes out is read again, and must
mean what was wanted.
"""

from __future__ import annotations

from typing import Final

from tailhub.exceptions import LocalError
from tailhub.tailcfg.hujson import Array, Document, Element, Member, Object, Scalar, Value
from tailhub.tailcfg.yaml_tree import YAMLError, has_anchors, parse_yaml

__all__ = ["YAMLEditError", "insert_element", "insert_member", "remove", "rename", "replace"]

_BLANK: Final = " \t"
_WIDTH: Final = 100_000  # columns: a value is never folded


class YAMLEditError(LocalError):
    """It cannot be changed safely. `line` is where, counted from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


def replace(document: Document, value: Value, new: object) -> str:
    """Put `new` (dicts, lists, scalars) in the place of a value."""
    text = document.text
    if isinstance(value, Scalar) and not isinstance(new, dict | list):
        # Behind `name:` there may be nothing at all, and null is what that means.
        space = " " if value.start == value.end and text[value.start - 1 : value.start] not in tuple(_BLANK) else ""
        return _checked(document, text[: value.start] + space + _line(new) + text[value.end :], value, new)
    if isinstance(value, Scalar) or text[value.start : value.end] in ("{}", "[]"):
        line = text.rfind("\n", 0, value.start) + 1
        head = text[: value.start].rstrip(_BLANK)
        if value.end < len(text) and text[value.end :].split("\n", 1)[0].strip(" \t\r"):
            raise _refused(document, value.start, "a comment behind a value that becomes a block")
        indent = len(text[line:]) - len(text[line:].lstrip(_BLANK + "-"))
        block = _block(document, new, " " * (indent + _step(text)))
        return _checked(document, f"{head}{_newline(text)}{block}{text[value.end :]}", value, new)
    raise _refused(document, value.start, "a block that would be put in the place of another")


def insert_member(document: Document, parent: Object, name: str, new: object) -> str:
    """Add a member behind the last one."""
    return _inserted(document, parent, {name: new})


def insert_element(document: Document, parent: Array, new: object) -> str:
    """Add an element behind the last one."""
    return _inserted(document, parent, [new])


def remove(document: Document, parent: Object | Array, item: Member | Element) -> str:
    """Take a member or an element out, with its lines."""
    text, items = document.text, parent.members if isinstance(parent, Object) else parent.elements
    number = next(index for index, one in enumerate(items) if one is item)
    _check_block(document, parent)
    start, end = _start(item), item.value.end
    line, line_end = text.rfind("\n", 0, start) + 1, _line_end(text, end)
    before = text[line:start]
    own = "-" if isinstance(parent, Array) else ""
    if before.strip(_BLANK) == own:
        head = text[:line]
        if line_end == len(text) and not text.endswith("\n"):  # as before, the last line has no end
            head = head.removesuffix(_newline(text))
        changed = head + text[line_end:]
    elif number + 1 < len(items) and not text[line_end : _start(items[number + 1])].strip(_BLANK):
        # The first member stands on the line of something else, which the next one then takes.
        changed = text[:start] + text[_start(items[number + 1]) :]
    else:
        raise _refused(document, start, "a value on the line of another")
    left = document.plain(parent)
    if isinstance(left, dict) and isinstance(item, Member):
        del left[str(item.name.value)]
    elif isinstance(left, list):
        del left[number]
    # A name without anything behind it is null; a file without anything in it is an empty map.
    return _checked(document, changed, parent, left or ({} if parent is document.root else None))


def rename(document: Document, parent: Object, item: Member, name: str) -> str:
    """Give a member another name."""
    text = document.text
    changed = text[: item.name.start] + _line(_key(name)) + text[item.name.end :]
    plain = {name if one is item else str(one.name.value): document.plain(one.value) for one in parent.members}
    return _checked(document, changed, parent, plain)


# --- writing ----------------------------------------------------------------------------------------------------------


def _inserted(document: Document, parent: Object | Array, new: dict[str, object] | list[object]) -> str:
    text = document.text
    items = parent.members if isinstance(parent, Object) else parent.elements
    old = document.plain(parent)
    expected: object = old | new if isinstance(old, dict) and isinstance(new, dict) else new
    if isinstance(old, list) and isinstance(new, list):
        expected = old + new
    if not items:
        if parent is document.root and not text[parent.start : parent.end]:  # an empty file, or comments only
            lines = text if not text or text.endswith("\n") else text + _newline(text)
            return _checked(document, lines + _block(document, new, ""), parent, expected)
        return replace(document, parent, new)
    _check_block(document, parent)
    first = _start(items[0])
    indent = first - text.rfind("\n", 0, first) - 1
    if isinstance(parent, Array):  # of the dash
        indent = text.rfind("-", 0, first) - text.rfind("\n", 0, first) - 1
    end = _line_end(text, items[-1].value.end)
    head = text[:end] if end == 0 or text[end - 1] == "\n" else text[:end] + _newline(text)
    block = _block(document, new, " " * indent) + (_newline(text) if end < len(text) or text.endswith("\n") else "")
    return _checked(document, head + block + text[end:], parent, expected)


def _block(document: Document, new: object, indent: str) -> str:
    """A value as a block, its last line not ended."""
    import yaml

    written: str = yaml.safe_dump(
        _keyed(new), sort_keys=False, allow_unicode=True, default_flow_style=False, width=_WIDTH
    )
    return _newline(document.text).join(indent + line if line else line for line in written.splitlines())


def _line(new: object) -> str:
    """A scalar as it stands in a line."""
    import yaml

    written: str = yaml.safe_dump(new, allow_unicode=True, width=_WIDTH)
    return written.removesuffix("\n").removesuffix("\n...")


def _keyed(value: object) -> object:
    """With a region's number as one: it is written without quotes then, as Headscale wants it."""
    if isinstance(value, dict):
        return {_key(str(name)): _keyed(item) for name, item in value.items()}
    return [_keyed(item) for item in value] if isinstance(value, list) else value


def _key(name: str) -> object:
    return int(name) if name.isascii() and name.isdecimal() else name


def _check_block(document: Document, parent: Object | Array) -> None:
    if document.text[parent.start : parent.start + 1] in ("{", "["):
        raise _refused(document, parent.start, "a value in braces or brackets, which is not changed in place")


def _refused(document: Document, offset: int, problem: str) -> YAMLEditError:
    return YAMLEditError(document.place(offset)[0], problem)


def _checked(document: Document, text: str, changed: Value, expected: object) -> str:
    """The new text, if it means what the old one did but for `changed`, which then is `expected`."""
    if has_anchors(document.text):
        raise YAMLEditError(1, "anchors, aliases or tags in the file: a change may reach further than it seems")
    try:
        found = parse_yaml(text).plain()
    except YAMLError as exc:
        raise YAMLEditError(exc.line, exc.problem) from exc
    if _texts(found) != _texts(_with(document.root, changed, expected)):
        raise _refused(document, changed.start, "the change would mean something else here")
    return text


def _with(value: Value, changed: Value, expected: object) -> object:
    """The plain value, with `expected` for `changed`."""
    if value is changed:
        return expected
    match value:
        case Object():
            return {str(one.name.value): _with(one.value, changed, expected) for one in value.members}
        case Array():
            return [_with(one.value, changed, expected) for one in value.elements]
        case Scalar():
            return value.value


def _texts(value: object) -> object:
    """With the names of all members as texts: 900 is written without quotes, and read so."""
    if isinstance(value, dict):
        return {str(name): _texts(item) for name, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list) else (type(value), value)


def _step(text: str) -> int:
    """Columns of one level of indentation: those of the first line that is indented."""
    for line in text.splitlines():
        if (rest := line.lstrip(" ")) and rest != line and not rest.startswith(("#", "-")):
            return len(line) - len(rest)
    return 2


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1


def _start(item: Member | Element) -> int:
    return item.name.start if isinstance(item, Member) else item.value.start
