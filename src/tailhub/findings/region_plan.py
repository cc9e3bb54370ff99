"""Findings about the description of a region, and the plan that is made of it."""

from __future__ import annotations

from tailhub.findings.finding import Finding
from tailhub.findings.said import Said


def region_key_unknown(place: str, near: str = "") -> Finding:
    """The description has a key that means nothing; `near` is the one that looks most like it."""
    return Finding("TH580", {"place": place, "near": near})


def region_key_missing(place: str, table: str, example: str) -> Finding:
    """Something that must be said is not; `example` is a line that says it, or a table's name."""
    return Finding("TH581", {"place": place, "table": table, "example": example})


def region_value_wrong(place: str, expected: str, found: str) -> Finding:
    """A value that it cannot be."""
    return Finding("TH582", {"place": place, "expected": expected, "found": found})


def described_twice(place: str, what: str, line: int) -> Finding:
    """Two nodes with one name, or at one host and port; `line` has the first."""
    return Finding("TH583", {"place": place, "what": what, "line": line})


def region_node_refused(place: str, node: str, reason: Finding) -> Finding:
    """A relay would say this of the configuration that the plan would write."""
    return Finding("TH584", {"place": place, "node": node, "reason": Said(reason)})


def region_setting_planned(place: str, node: str, key: str) -> Finding:
    """A setting is given that the plan makes itself, by the node's `key` or (empty) by who else there is."""
    return Finding("TH585", {"place": place, "node": node, "key": key})


def derper_knows_no_pins(place: str, derper: str, node: str) -> Finding:
    """A derper is to dial a node whose certificate nobody but the map's readers could check."""
    return Finding("TH586", {"place": place, "derper": derper, "node": node})


def region_key_of_other_kind(place: str, kind: str) -> Finding:
    """A key that only the other `kind` of node has."""
    return Finding("TH587", {"place": place, "kind": kind})


def region_file_in_the_way(path: str) -> Finding:
    """A file that would be overwritten was not written by a plan, or has been changed since."""
    return Finding("TH588", {"path": path})


def region_keys_changing(option: str, other: str) -> Finding:
    """The mesh key is to be changed while it is (`option` is --new-key), or to be done with where it is not."""
    return Finding("TH589", {"option": option, "other": other, "new": option == "--new-key"})


def no_plan_directory(path: str) -> Finding:
    """Where the plan, or one node's part of it, is to be is something else than a directory."""
    return Finding("TH590", {"path": path})
