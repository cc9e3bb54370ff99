"""Findings about a command line or an environment that was made for the original, Tailscale's ``derper``."""

from __future__ import annotations

from tailhub.findings.finding import Finding

_EXAMPLES = {"bool": "true", "number": "100", "duration": "10s"}


def value_repaired(place: str, found: str, taken: str) -> Finding:
    """The value at `place` was `found`, cannot be used so, and was `taken` for what it plainly means."""
    return Finding("TH191", {"place": place, "found": found, "taken": taken})


def original_value_bad(place: str, kind: str, found: str, usual: str = "") -> Finding:
    """The value at `place` is none of its `kind` ("bool", "int", "number", "duration"); `usual` is one that is."""
    words = {word: word == kind for word in ("bool", "duration")}
    return Finding("TH192", {"place": place, **words, "found": found, "example": _EXAMPLES.get(kind) or usual or "100"})


def original_refused(place: str, value: str) -> Finding:
    """What `place` asks for with `value` is not done by this version."""
    return Finding("TH193", {"place": place, "value": value})


def original_without_tls(place: str, address: str) -> Finding:
    """On this `address` the original speaks no TLS, so we do not either."""
    return Finding("TH194", {"place": place, "address": address})


def original_certmode(place: str, mode: str) -> Finding:
    """Certificates of this `mode` cannot be had here."""
    return Finding("TH195", {"place": place, "mode": mode})
