"""A finding: something a person should know or mend, with its stable code and the values that fill its texts.

Not here: the texts (`texts`) and what finds it. The template language is small: ``{name}`` is a value,
``{name!q}`` the same quoted for a shell; ``{place:=text}`` is a setting with `text` as its value, in the form of the
place where its user wrote it; ``[[name?with it||without]]`` depends on whether the value `name` is there, and such
sections nest, within a line. A line that is empty in the end is left out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from tailhub.findings.catalogue import CATALOGUE, Severity
from tailhub.findings.language import Language
from tailhub.findings.place import Place, assigned
from tailhub.findings.text import Text

_TEXT = r"((?:(?!\[\[|\]\]|\|\|).)*)"
_INNERMOST_SECTION = re.compile(rf"\[\[(\w+)\?{_TEXT}(?:\|\|{_TEXT})?\]\]")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``str()`` gives it in English, what was found and what to do about it, in a sentence or two."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A short stable name, such as ``port-taken``."""
        return CATALOGUE[self.code].name

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CATALOGUE[self.code].severity

    def what(self, lang: Language = "en") -> str:
        """What was expected and what was found: a headline, and a line for each thing that was seen."""
        return fill(_texts(lang)[self.code].what, self.values, lang)

    def remedy(self, lang: Language = "en") -> str:
        """What to do: a command or a setting, one step a line. Commands stand in backticks."""
        return fill(_texts(lang)[self.code].remedy, self.values, lang)

    def means(self, lang: Language = "en") -> str:
        """How it comes to this; "" for what a command says in a sentence."""
        return fill(_texts(lang)[self.code].means, self.values, lang)

    def now(self, lang: Language = "en") -> str:
        """What it does to users now; "" for what a command says in a sentence."""
        return fill(_texts(lang)[self.code].now, self.values, lang)

    def render(self, lang: Language = "en") -> str:
        """`what` and `remedy` in one paragraph."""
        lines = [*self.what(lang).splitlines(), *self.remedy(lang).splitlines()]
        return (" " if lang == "en" else "").join(lines)

    def __str__(self) -> str:
        return self.render()


def _texts(lang: Language) -> Mapping[str, Text]:
    from tailhub.findings.texts import CHINESE, ENGLISH

    return CHINESE if lang == "zh" else ENGLISH


class _Formatter(Formatter):
    def __init__(self, lang: Language) -> None:
        self._lang = lang

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion == "q":
            return shlex.quote(printable(str(value)))
        return super().convert_field(value, conversion)

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("="):
            return printable(assigned(value if isinstance(value, str) else str(value), format_spec[1:]))
        return printable(value.text(self._lang) if isinstance(value, Place) else str(value))


def fill(template: str, values: Mapping[str, object], lang: Language) -> str:
    """A text of this template language with its values."""

    def choose(section: re.Match[str]) -> str:
        present = values.get(section[1]) not in (None, "", False)
        return section[2] if present else section[3] or ""

    left = 1
    while left:
        template, left = _INNERMOST_SECTION.subn(choose, template)
    filled = _Formatter(lang).vformat(template, (), values)
    return "\n".join(line for line in filled.split("\n") if line)


def printable(text: str) -> str:
    """Values come from files, flags and other programs: nothing of them may steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
