"""Findings about what a check was asked to look at."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def bad_target(text: str) -> Finding:
    """It is neither a host nor a file."""
    return Finding("TH525", {"text": text})


def not_with_a_map(option: str, origin: str) -> Finding:
    """A map says itself what the option would."""
    return Finding("TH526", {"option": option, "origin": origin})


def no_such_region(region: str, origin: str, regions: Sequence[str]) -> Finding:
    """The map has no relay in it, or none in this region; `regions` are the ids that it has."""
    return Finding("TH527", {"region": region, "origin": origin, "regions": ", ".join(regions)})


def too_many_targets(origin: str, count: int, most: int) -> Finding:
    """All relays of a large map were asked for."""
    return Finding("TH528", {"origin": origin, "count": count, "most": most})


def not_a_private_key(path: str) -> Finding:
    """The file that was named as the key to log in with has none."""
    return Finding("TH529", {"path": path})


def nothing_named(reason: object) -> Finding:
    """Nothing was named to look at, and the tailnet of this machine cannot be asked."""
    return Finding("TH530", {"reason": reason})


def no_region_of_several(origin: str, region: str) -> Finding:
    """Nothing that was named is a region of two nodes or more."""
    return Finding("TH571", {"origin": origin, "region": region})
