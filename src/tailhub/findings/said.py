"""A part of a finding, as a value of another one: a reason within it, in the language in which that is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailhub.findings.finding import Finding
from tailhub.findings.language import Language

__all__ = ["Said"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a finding says was found, all of it or the first line with the code behind it; or what to do."""

    finding: Finding
    part: Literal["what", "headline", "remedy"] = "what"

    def text(self, lang: Language = "en") -> str:
        """A clause in one line: without the stop at its end."""
        said = self.finding.remedy(lang) if self.part == "remedy" else self.finding.what(lang)
        lines = said.splitlines()
        if self.part == "headline":
            return f"{lines[0].rstrip('.。')} [{self.finding.code}]"
        return (" " if lang == "en" else "").join(lines).rstrip(".。")

    def __str__(self) -> str:
        return self.text()
