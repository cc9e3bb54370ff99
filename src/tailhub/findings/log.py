"""Findings about what is logged."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def bad_debug_choice(text: str) -> Finding:
    """No client can be chosen by `text`."""
    return Finding("TH350", {"text": text})


def too_many_debug_choices(found: int, most: int) -> Finding:
    """So many keys and addresses are to be looked at at a time, and at most so many may be."""
    return Finding("TH351", {"found": found, "most": most})
