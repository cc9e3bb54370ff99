"""Findings about the other relays of the region as they are named, and about the key that they share."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def bad_mesh_peer(place: str, text: str, reason: object) -> Finding:
    """What should name another relay names none; `reason` is a remark."""
    return Finding("TH540", {"place": place, "text": text, "reason": reason})


def mesh_without_key(place: str, key_place: str) -> Finding:
    """Other relays are named at `place`, and no mesh key; `key_place` is where one would be."""
    return Finding("TH541", {"place": place, "key_place": key_place})


def mesh_peer_twice(place: str, first: str, second: str) -> Finding:
    """Two entries lead to one place."""
    return Finding("TH542", {"place": place, "first": first, "second": second})


def too_many_mesh_peers(place: str, count: int, most: int) -> Finding:
    """More relays are named than a relay keeps links to."""
    return Finding("TH543", {"place": place, "count": count, "most": most})


def mesh_key_unknown(key: str, address: str, *, has_key: bool = True) -> Finding:
    """Who connected from `address` with the node key `key` shows a mesh key that is not ours.

    Not `has_key`: we have none. `address` is as it may stand in the log.
    """
    return Finding("TH544", {"key": key, "address": address, "has_key": has_key})


def mesh_name_unresolved(text: str, reason: str, known: int) -> Finding:
    """The name of an entry cannot be looked up; `known` relays were found there before, to which links are kept."""
    return Finding("TH545", {"text": text, "reason": reason, "known": known})


def mesh_names_give_too_many(count: int, most: int) -> Finding:
    """The names of `mesh_with` lead to more relays than a relay keeps links to."""
    return Finding("TH546", {"count": count, "most": most})


def map_pushed_by_one_node(place: str, mesh_place: str) -> Finding:
    """A relay is to keep its region of the map up to date (`place`), and the region has others (`mesh_place`)."""
    return Finding("TH548", {"place": place, "mesh_place": mesh_place})


def too_many_mesh_keys(path: str, count: int) -> Finding:
    """A mesh key file has more keys than an old one and a new one."""
    return Finding("TH547", {"path": path, "count": count})
