"""Findings about moving clients to another region."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def steer_needs_stun(place: str, stun: str) -> Finding:
    """Clients are to be steered by a relay that does not answer STUN; `stun` is where it would be switched on."""
    return Finding("TH300", {"place": place, "stun": stun})


def bad_duration(place: str, text: str, hours: int) -> Finding:
    """`text` is no time of at most so many hours."""
    return Finding("TH301", {"place": place, "text": text, "hours": hours})
