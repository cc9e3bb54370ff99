"""Where a person wrote a setting: on the command line, in a variable of the environment, in a line of a file.

A finding about a setting names it as its user wrote it, and writes what to do about it in the same form. A `Place` is
text, so whatever takes the name of a flag takes one. Not here: what settings there are (`tailhub.settings`).
"""

from __future__ import annotations

import json
import re
from typing import Literal, Self

from tailhub.findings.language import Language

__all__ = ["PREFIX", "Form", "Place", "assigned", "name_of", "sibling"]

PREFIX = "TAILHUB_"
"""What the names of our variables begin with."""

Form = Literal["flag", "variable", "key"]
_BARE = re.compile(r"-?[0-9]+|true|false")


class Place(str):
    """A setting at the place where it was written; as text it is in English.

    `name` is the setting's, with underscores; `line` is 0 where no file has it.
    """

    __slots__ = ("file", "form", "line", "name", "written")

    name: str
    written: str  # the flag, the variable or the key, alone
    form: Form
    line: int
    file: str

    @classmethod
    def _make(cls, name: str, written: str, form: Form, line: int = 0, file: str = "") -> Self:
        place = cls(f"{written}, line {line} of {file}" if line else written)
        place.name, place.written, place.form, place.line, place.file = name, written, form, line, file
        return place

    @classmethod
    def flag(cls, name: str) -> Self:
        """On the command line."""
        return cls._make(name, "--" + name.replace("_", "-"), "flag")

    @classmethod
    def variable(cls, name: str) -> Self:
        """In the environment."""
        return cls._make(name, PREFIX + name.upper(), "variable")

    @classmethod
    def key(cls, name: str, line: int = 0, file: str = "") -> Self:
        """In a configuration file."""
        return cls._make(name, name, "key", line, file)

    @classmethod
    def foreign(cls, name: str, written: str, form: Form) -> Self:
        """In a command line or environment that was made for another program, which calls it `written`."""
        return cls._make(name, written, form)

    def text(self, lang: Language) -> str:
        """The place in words of this language."""
        if not self.line or lang == "en":
            return str(self)
        return f"{self.file} 第 {self.line} 行的 {self.written}"

    def assigned(self, value: str) -> str:
        """The setting with another value, as it is written at this place."""
        if self.form == "variable":
            return f"{self.written}={value}"
        if self.form == "key":
            return f"{self.written} = {value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)}"
        return f"{self} {value}"


def assigned(place: str, value: str) -> str:
    """`value` given at `place`, which may be a flag as plain text: ``--listen :8443``, ``listen = ":8443"``."""
    return place.assigned(value) if isinstance(place, Place) else f"{place} {value}"


def name_of(place: str) -> str:
    """The name of the setting at `place`, with underscores."""
    return place.name if isinstance(place, Place) else place.lstrip("-").replace("-", "_")


def sibling(place: str, name: str) -> Place:
    """Another setting in the form of `place`."""
    if isinstance(place, Place) and place.form == "variable":
        return Place.variable(name)
    return Place.key(name) if isinstance(place, Place) and place.form == "key" else Place.flag(name)
