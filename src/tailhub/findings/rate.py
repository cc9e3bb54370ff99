"""Findings about the rate limit of each client: the file that it may stand in, and its values."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def rate_config_malformed(path: str, line: int = 0, name: str = "", found: str = "") -> Finding:
    """The file of limits is not JSON (at `line`), or `name` in it is `found`, or (without `name`) all of it is."""
    return Finding("TH220", {"path": path, "line": line or "", "name": name, "found": found})


def rate_config_unknown(path: str, name: str) -> Finding:
    """The file of limits has a `name` that means nothing."""
    return Finding("TH222", {"path": path, "name": name})


def rate_burst_raised(place: str, found: str, taken: int) -> Finding:
    """The burst at `place` is too small, and was `taken` as the least that there may be."""
    return Finding("TH223", {"place": place, "found": found, "taken": taken})


def rate_burst_alone(place: str) -> Finding:
    """There is a burst at `place` and no rate."""
    return Finding("TH224", {"place": place})
