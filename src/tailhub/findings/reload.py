"""Findings about taking another configuration while the relay runs."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def reload_refused(count: int, first: str) -> Finding:
    """The configuration that was read again has so many errors, of which the `first` is told."""
    return Finding("TH355", {"count": count, "first": first})


def reload_failed(reason: str) -> Finding:
    """What could not be foreseen has failed on the way; all is as it was."""
    return Finding("TH356", {"reason": reason})
