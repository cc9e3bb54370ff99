"""Findings about limits and quotas in the settings."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def bad_choice(place: str, found: str, words: Sequence[str]) -> Finding:
    """The setting at `place` takes one of these `words`."""
    return Finding("TH270", {"place": place, "found": found, "words": ", ".join(words)})


def bad_time_zone(place: str, found: str) -> Finding:
    """There is no such time zone on this machine."""
    return Finding("TH271", {"place": place, "found": found})


def burst_without_rate(place: str, rate: str) -> Finding:
    """There is a burst at `place`, and no `rate`."""
    return Finding("TH272", {"place": place, "rate": rate})


def quota_slow_nothing(place: str) -> Finding:
    """Who is over the quota could send nothing at all."""
    return Finding("TH273", {"place": place})


def quota_needs_store(place: str, store: str) -> Finding:
    """There is a quota at `place`, and usage is not kept."""
    return Finding("TH274", {"place": place, "store": store})
