"""The configuration file: its values, the line of each key, and every line that is no TOML.

`tomllib` reads it; as that knows no lines and stops at the first fault, the lines are found here, and after a fault the
rest is read without the line that has it. Source: the TOML 1.0 specification.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tailhub import findings
from tailhub.findings import Finding, Place
from tailhub.settings.table import SETTINGS

__all__ = ["TomlFile", "key_lines", "parse"]

KeyPath = tuple[str | int, ...]

_MAX_FAULTS = 20  # that are told of at a time
_SHOWN = 40  # characters of a line that is far too long
_FURTHER = 50  # lines that are looked at once more
_START = re.compile(r"""[ \t]*(?:\[|["'A-Za-z0-9_.-]+[ \t]*=)""")
_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_KEY_PART = re.compile(r"""[ \t]*("(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
# Of a value: strings in their four forms, a comment, a bracket, a line's end, anything else.
_VALUE_PART = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[\]{}]|\n|[^"'#\[\]{}\n]+|.""",
    re.DOTALL,
)
_ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_-]+)\s*[=:]\s*(.*?)\s*(?:#.*)?")
_QUOTES = "\"'`“”‘’„«»「」"
_SECRETS = tuple(setting.name for setting in SETTINGS if setting.secret)
_LISTEN_KEY = re.compile(r"""\s*["']?listen["']?\s*=""")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What was read. `faults` are the lines that could not be."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int]
    faults: list[Finding] = field(default_factory=list)

    def place(self, name: str, *above: str | int) -> Place:
        """Where the key `name` is; in an inline table only the line where that begins is known."""
        path: KeyPath = (*above, name)
        while path and path not in self.lines:
            path = path[:-1]
        return Place.key(name, self.lines.get(path, 1), str(self.path))


def parse(data: bytes, path: Path) -> TomlFile:
    """Read the content of the file at `path`. Raises nothing: what cannot be read is among the faults."""
    try:
        text = data.decode("utf-8-sig")  # with the mark that editors on Windows put in front
    except UnicodeDecodeError as exc:
        return TomlFile(path, {}, {}, [findings.not_utf8(str(path), data.count(b"\n", 0, exc.start) + 1)])
    lines = text.replace("\r\n", "\n").split("\n")
    faults: list[Finding] = []
    while len(faults) < _MAX_FAULTS:
        try:
            values = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as exc:
            number, fault = _fault(str(exc), lines, path)
            faults.append(fault)
            _leave_out(lines, number, is_unclosed="at end of document" in str(exc))
        except (ValueError, RecursionError) as exc:  # what Python cannot hold, and `tomllib` says nothing about
            reason = "it is nested too deeply" if isinstance(exc, RecursionError) else "a number of too many digits"
            number = _first_with(lines, type(exc))
            faults.append(findings.not_toml(str(path), number, reason, f"# {lines[number - 1].strip()[:_SHOWN]}"))
            _leave_out(lines, number, is_unclosed=False)
        else:
            return TomlFile(path, values, key_lines("\n".join(lines)), faults)
    return TomlFile(path, {}, {}, faults)


def _leave_out(lines: list[str], number: int, *, is_unclosed: bool) -> None:
    """Empty a faulty line, and what belongs to it: below a table's name its keys, behind an open bracket everything."""
    end = number
    if is_unclosed:
        end = len(lines)
    elif lines[number - 1].lstrip().startswith("["):
        while end < len(lines) and not lines[end].lstrip().startswith("["):
            end += 1
    lines[number - 1 : end] = [""] * (end - number + 1)


def _fault(message: str, lines: Sequence[str], path: Path) -> tuple[int, Finding]:
    """The line that is at fault, from 1, and what is wrong with it."""
    where = _WHERE.search(message)
    number = int(where[1]) if where and where[1] else _unclosed(lines)
    line = lines[number - 1]
    if line.replace(" ", "").startswith("[[listen]]"):
        for index, other in enumerate(lines[:number], start=1):
            if _LISTEN_KEY.match(other):
                return index, findings.misplaced_setting(Place.key("listen", index, str(path)), relay=False)
    reason = _WHERE.sub("", message)
    # What is there twice can only be taken out.
    meant = f"# {line.strip()}" if "overwrite" in reason else _meant(line)
    if any(name in line for name in _SECRETS):  # not a word of it
        meant = ""
    return number, findings.not_toml(str(path), number, reason[:1].lower() + reason[1:], meant)


def _unclosed(lines: Sequence[str]) -> int:
    """The line, from 1, with the value that never ends: what is above it can be read.

    Looked for by halves, for a long file would take minutes: only lines that look like the start of a key or table.
    """

    def is_sound(number: int) -> bool:
        try:
            tomllib.loads("\n".join(lines[: number - 1]))
        except (ValueError, RecursionError):
            return False
        return True

    starts = [number for number, line in enumerate(lines, start=1) if _START.match(line)]
    found = bisect_left(starts, True, key=lambda number: not is_sound(number)) - 1
    # What looks like a key in the middle of a text has led astray: a sound one may follow.
    for index in range(found + 1, min(len(starts), found + 1 + _FURTHER)):
        if is_sound(starts[index]):
            found = index
    return starts[found] if found >= 0 else 1


def _first_with(lines: Sequence[str], error: type[Exception]) -> int:
    """The line, from 1, up to which the text raises this error, whatever is below it."""

    def fails(number: int) -> bool:
        try:
            tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            return False  # cut in the middle of a value
        except error:
            return True
        return False

    return bisect_left(range(1, len(lines) + 1), True, key=fails) + 1


def _meant(line: str) -> str:
    """What the author of a faulty line probably meant: the value in quotes; "" if that is no TOML either."""
    match = _ASSIGNMENT.fullmatch(unicodedata.normalize("NFKC", line))
    if match is None:
        return ""
    bare = match[2].strip(_QUOTES)
    value = bare.lower() if bare.lower() in ("true", "false") else json.dumps(bare, ensure_ascii=False)
    meant = f"{match[1]} = {bare if re.fullmatch('[1-9][0-9]*', bare) else value}"
    return meant if meant != line.strip() and not set(bare) & set("[]{}=") else ""


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of each key and table of a sound TOML text; tables in an array have their number."""
    lines: dict[KeyPath, int] = {}
    number, counted = 1, 0  # the line at `counted`
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    position = _end(_BLANK.match(text, 0))
    while position < len(text):
        number += text.count("\n", counted, position)
        counted = position
        if text[position] == "[":
            is_array = text.startswith("[[", position)
            table, position = _key(text, position + (2 if is_array else 1))
            if is_array:
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, counts[table])
            lines[table] = number
        else:
            key, position = _key(text, position)
            lines[(*table, *key)] = number
        position = _end(_BLANK.match(text, _after_value(text, position)))
    return lines


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _key(text: str, position: int) -> tuple[tuple[str, ...], int]:
    """A key, dotted or not, and where it ends."""
    parts = []
    while match := _KEY_PART.match(text, position):
        part = match[1]
        # In quotes there may be escapes, which are TOML's own.
        parts.append(next(iter(tomllib.loads(f"{part} = 0"))) if part[0] in "\"'" else part)
        position = match.end()
        if not match[2]:
            break
    return tuple(parts), position


def _after_value(text: str, position: int) -> int:
    """Where the line ends on which the value after `position` does."""
    depth = 0
    while match := _VALUE_PART.match(text, position):
        part, position = match[0], match.end()
        if part in ("[", "{"):
            depth += 1
        elif part in ("]", "}"):
            depth -= 1
        elif part == "\n" and depth <= 0:
            break
    return position
