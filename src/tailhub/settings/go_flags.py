"""A command line as Go's ``flag`` package reads it: ``-name=value``, ``--name value``, switches as ``-name`` or
``-name=false``, durations as ``2s`` or ``1m30s``. Pure. Source: the package's documentation.

Not here: which flags there are and what they mean (`tailhub.settings.original`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["BOOLS", "Flags", "GoKind", "read_duration", "split_flags"]

GoKind = Literal["text", "bool", "int", "number", "duration"]

BOOLS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PIECE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"[-+]?(?:{_PIECE.pattern})+")


@dataclass(slots=True)
class Flags:
    """What a command line says: `values` by name without dashes, of two the last; `unknown`, `lacking` (a value) and
    `rest` (words that are no flags) are faults.
    """

    values: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)


def split_flags(words: Sequence[str], kinds: Mapping[str, GoKind]) -> Flags:
    """Read `words`; `kinds` has every flag by its name without dashes. Reading ends at the first fault, as in Go."""
    found = Flags()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if len(word) < 2 or not word.startswith("-"):
            found.rest = [word, *words[at:]]
            break
        if word == "--":
            found.rest = list(words[at:])
            break
        name, has_value, value = word.removeprefix("-").removeprefix("-").partition("=")
        if name not in kinds:
            found.unknown.append(word.partition("=")[0])
            break
        if not has_value:
            if kinds[name] == "bool":
                value = "true"
            elif at < len(words):
                value = words[at]
                at += 1
            else:
                found.lacking.append(name)
                break
        found.values[name] = value
    return found


def read_duration(text: str) -> float | None:
    """Seconds; None for what is no duration."""
    if text.lstrip("+-") == "0":
        return 0.0
    if _DURATION.fullmatch(text) is None:
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(text))
    return -seconds if text.startswith("-") else seconds
