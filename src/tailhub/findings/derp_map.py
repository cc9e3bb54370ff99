"""Findings about DERP maps and the policy files that they stand in."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def map_unreadable(origin: str, reason: object) -> Finding:
    """What should be a map cannot be had or is none."""
    return Finding("TH460", {"origin": origin, "reason": reason})


def not_hujson(origin: str, line: int, column: int, found: str, expected: str) -> Finding:
    """A policy or JSON file that no Tailscale program can read."""
    values = {"origin": origin, "line": line, "column": column, "found": found, "expected": expected}
    return Finding("TH461", values)


def no_map_in_it(origin: str) -> Finding:
    """It can be read, but has no DERP map."""
    return Finding("TH462", {"origin": origin})


def no_tailnet_here(reason: object) -> Finding:
    """The map of this machine's tailnet was asked for."""
    return Finding("TH463", {"reason": reason})
