"""Findings about DERP maps and the policy files that they stand in."""

from __future__ import annotations

from dataclasses import dataclass

from tailhub.findings.finding import Finding
from tailhub.findings.language import Language


def map_unreadable(origin: str, reason: object) -> Finding:
    """What should be a map cannot be had or is none."""
    return Finding("TH460", {"origin": origin, "reason": reason})


def not_hujson(origin: str, line: int, column: int, found: str, expected: str) -> Finding:
    """A policy or JSON file that no Tailscale program can read."""
    return Finding("TH461", _hujson(origin, line, column, found, expected))


def no_map_in_it(origin: str) -> Finding:
    """It can be read, but has no DERP map."""
    return Finding("TH462", {"origin": origin})


def no_tailnet_here(reason: object) -> Finding:
    """The map of this machine's tailnet was asked for."""
    return Finding("TH463", {"reason": reason})


def wrong_quotes(origin: str, line: int, column: int, found: str, expected: str) -> Finding:
    """Curly or single quotes, or none."""
    return Finding("TH464", _hujson(origin, line, column, found, expected))


def missing_comma(origin: str, line: int, column: int, found: str) -> Finding:
    """No comma behind a value; `found` is what comes next."""
    return Finding("TH465", {"origin": origin, "line": line, "column": column, "found": found})


def odd_space(origin: str, line: int, column: int, found: str) -> Finding:
    """A no-break space, a full-width one, a byte order mark."""
    return Finding("TH466", {"origin": origin, "line": line, "column": column, "found": found})


def full_width_punctuation(origin: str, line: int, column: int, found: str, expected: str) -> Finding:
    """Punctuation of a Chinese keyboard."""
    return Finding("TH467", _hujson(origin, line, column, found, expected))


def relay_not_asked(host: str, reason: object) -> Finding:
    """A relay whose map entry should be made cannot be looked at."""
    return Finding("TH468", {"host": host, "reason": reason})


def map_not_changed(origin: str, reason: object) -> Finding:
    """What should be changed is not there, or cannot be changed in place."""
    return Finding("TH497", {"origin": origin, "reason": reason})


def map_changed_meanwhile(origin: str) -> Finding:
    """Somebody else wrote the file while we did."""
    return Finding("TH498", {"origin": origin})


def _hujson(origin: str, line: int, column: int, found: str, expected: str) -> dict[str, object]:
    return {"origin": origin, "line": line, "column": column, "found": found, "expected": _Expected(expected)}


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the reader of a policy says that it expects, in either language."""

    english: str

    def text(self, lang: Language) -> str:
        from tailhub.findings.texts.derp_map import EXPECTED_IN_CHINESE

        return EXPECTED_IN_CHINESE.get(self.english, self.english) if lang == "zh" else self.english

    def __str__(self) -> str:
        return self.english
