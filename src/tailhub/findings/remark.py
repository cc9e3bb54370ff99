"""A remark: what a check says where nothing is wrong, or why it was not made. In two languages, without a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailhub.findings.finding import fill
from tailhub.findings.language import Language

__all__ = ["Remark"]


@dataclass(frozen=True, slots=True)
class Remark:
    """A text by its key, which is stable too, with the values that fill it. ``str()`` gives it in English."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: Language = "en") -> str:
        """A clause: no capital at its start, no stop at its end."""
        from tailhub.findings.texts import REMARKS

        return fill(REMARKS[self.key][lang == "zh"], self.values, lang)

    def __str__(self) -> str:
        return self.text()
