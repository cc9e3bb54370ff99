"""Findings about a mesh that is half up, as one of its relays sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tailhub.findings.finding import Finding
from tailhub.findings.language import Language
from tailhub.findings.remark import Remark
from tailhub.findings.said import Said


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a relay did that none should, by the words of `tailhub.relay.odd`, each with how often."""

    counts: tuple[tuple[str, int], ...]

    def text(self, lang: Language) -> str:
        """One after the other."""
        deeds = (Remark(f"odd_{what}", {"count": count}).text(lang) for what, count in self.counts)
        return ("; " if lang == "en" else "；").join(deeds)

    def __str__(self) -> str:
        return self.text("en")


def mesh_link_down(peer: str, place: str, since: str, why: Finding | None, down: int, workers: int) -> Finding:
    """There is no link to a relay: in `down` of so many `workers`, `why` as far as it is known.

    `place` is what is dialled, `since` a time.
    """
    some = down if down < workers else ""
    reason, todo = (Said(why), Said(why, "remedy")) if why is not None else ("", "")
    seen = {"peer": peer, "since": since, "some": some, "workers": workers}
    return Finding("TH550", {**seen, "place": place, "reason": reason, "todo": todo})


def mesh_link_refused(peer: str, why: Finding | None) -> Finding:
    """A relay answers, and does not take us for a mesh peer; `why` as far as it is known."""
    return Finding("TH551", {"peer": peer, "reason": Said(why) if why is not None else ""})


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


def mesh_peer_odd(peer: str, counts: Mapping[str, int]) -> Finding:
    """A relay does what none should: so often each, by the words of `tailhub.relay.odd`."""
    return Finding("TH557", {"peer": peer, "deeds": Deeds(tuple(sorted(counts.items())))})
