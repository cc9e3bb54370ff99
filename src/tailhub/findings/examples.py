"""What a code says when nothing in particular was found: its texts with words in capitals in the place of values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tailhub.findings.finding import Finding
from tailhub.findings.language import Language
from tailhub.findings.texts import ENGLISH

__all__ = ["alternatives", "examples", "forms"]


def forms(code: str, part: str, lang: Language) -> list[str]:
    """All forms of a part (``what``, ``remedy``, ``means``, ``now``) of a code's text; none if it has no such part."""
    texts = dict.fromkeys(getattr(finding, part)(lang) for finding in examples(code))
    return [text for text in texts if text]


def examples(code: str) -> Iterator[Finding]:
    """The finding with every value, then without each value whose absence is put in other words."""
    template = " ".join(ENGLISH[code])
    names = re.findall(r"\{(\w+)", template) + re.findall(r"\[\[(\w+)\?", template)
    values = {name: name.upper() for name in names}
    yield Finding(code, values)
    for name in alternatives(template):
        yield Finding(code, {**values, name: ""})


def alternatives(template: str) -> Iterator[str]:
    """The values that choose between two texts: ``[[name?with||without]]``, however deep."""
    open_sections: list[str] = []
    for token in re.finditer(r"\[\[(\w+)\?|\|\||\]\]", template):
        if token[1]:
            open_sections.append(token[1])
        elif token[0] == "||":
            yield open_sections[-1]
        else:
            open_sections.pop()
