"""Findings about a mesh that is half up, as one of its relays sees it."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def mesh_link_down(peer: str, place: str, since: str, reason: str, down: int, workers: int) -> Finding:
    """There is no link to a relay: in `down` of so many `workers`. `place` is what is dialled, `since` a time."""
    some = down if down < workers else ""
    return Finding(
        "TH550",
        {"peer": peer, "place": place, "since": since, "reason": reason.rstrip("."), "some": some, "workers": workers},
    )


def mesh_link_refused(peer: str, reason: str) -> Finding:
    """A relay answers, and does not take us for a mesh peer."""
    return Finding("TH551", {"peer": peer, "reason": reason.rstrip(".")})


def mesh_not_dialled_back(peer: str, since: str) -> Finding:
    """We reach a relay, and it has no link to us."""
    return Finding("TH552", {"peer": peer, "since": since})


def mesh_peer_not_named(address: str, key: str) -> Finding:
    """A relay has a link to us, and is not named among those that we dial."""
    return Finding("TH553", {"address": address, "key": key})


def mesh_node_unseen(there: str, missing: str) -> Finding:
    """Two other relays: the one called `missing` has no link to the other one."""
    return Finding("TH554", {"there": there, "missing": missing})


def mesh_versions_differ(peer: str, theirs: str, ours: str) -> Finding:
    """They run two versions of tailhub."""
    return Finding("TH555", {"peer": peer, "theirs": theirs, "ours": ours})


def mesh_only_self(peers: str) -> Finding:
    """All who are named are this relay."""
    return Finding("TH556", {"peers": peers})
