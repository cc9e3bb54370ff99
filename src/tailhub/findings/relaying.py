"""Findings about logging in and relaying packets, as a check from outside sees them."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def own_key_unusable(path: str, reason: str) -> Finding:
    """The file with the tools' own node key, or one that was named instead. `reason` must not carry the key."""
    return Finding("TH408", {"path": path, "reason": reason})
