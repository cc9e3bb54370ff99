"""Findings about asking another relay's operator's pages."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def operator_unreachable(place: str, reason: object) -> Finding:
    """Nobody answers at the URL `place`; `reason` is the error."""
    words = (reason.strerror or str(reason)) if isinstance(reason, OSError) else str(reason)
    return Finding("TH340", {"place": place, "reason": words or type(reason).__name__})


def operator_refuses(place: str) -> Finding:
    """It wants a token, or another one."""
    return Finding("TH341", {"place": place})


def bad_operator_url(url: str) -> Finding:
    """What was given is not where a relay's operator's pages can be."""
    return Finding("TH342", {"url": url})


def operator_unusable(place: str, reason: str) -> Finding:
    """Somebody answers, but not as the operator's pages of this version do."""
    return Finding("TH343", {"place": place, "reason": reason})
