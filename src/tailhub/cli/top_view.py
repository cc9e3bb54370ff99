"""What ``tailhub top`` knows of a relay (`Seen`), and what the person before it wants to see of that (`Wish`). Pure.

`verdict` says in sentences what is worth a look. Where the numbers come from: `top_feed`; how they look: `top_frame`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from tailhub.admin.api_types import (
    Certificate,
    Certificates,
    Clients,
    Event,
    Mesh,
    Overview,
    Pairs,
    Peer,
    Quotas,
    Verifier,
    Verifiers,
)

__all__ = [
    "Complaint",
    "Refusals",
    "Refused",
    "Sample",
    "Seen",
    "Wish",
    "link_word",
    "pressed",
    "resample",
    "urgency",
    "verdict",
    "within",
]

DAY_S: Final = 86400.0
WARN_DAYS: Final = 14.0
SOON_DAYS: Final = 3.0
QUEUE_REASONS: Final = ("queue_head", "queue_age", "queue_total", "write_error")
MANY_DROPS: Final = 0.02  # of the packets that came in
FEW_PACKETS_PER_S: Final = 5.0  # dropped: fewer say nothing
MANY_FDS: Final = 0.8

Table = Literal["clients", "pairs", "events", "mesh"]
Severity = Literal["bad", "warning"]

# Keys to what a table is sorted by, in the API's words, and whether the largest come first.
CLIENT_SORTS: Final[Mapping[str, tuple[str, bool]]] = {
    "r": ("rate", True),
    "b": ("bytes", True),
    "n": ("name", False),
    "s": ("since", True),
    "d": ("drops", True),
    "t": ("rtt", True),
}
PAIR_SORTS: Final[Mapping[str, tuple[str, bool]]] = {"r": ("rate", True), "b": ("bytes", True), "s": ("last", True)}


class Sample(NamedTuple):
    """One moment of the charts; rates are bytes a second."""

    at: float
    received_per_s: float
    sent_per_s: float


class Refused(Struct):
    """A key that was refused and is on no list, in the API's words; `id` is its number for `tailhub allow approve`."""

    id: int
    short: str
    address: str = ""
    node: str = ""
    is_held: bool = False


class Refusals(Struct):
    """All of them."""

    pending: list[Refused] = []


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was told last, `at` seconds since 1970. `trouble` is why no more is told, empty if all is well."""

    overview: Overview
    at: float
    samples: Sequence[Sample] = ()
    clients: Clients | None = None
    pairs: Pairs | None = None
    events: Sequence[Event] = ()
    certificates: Certificates = field(default_factory=lambda: Certificates(certificates=[]))
    verifiers: Verifiers = field(default_factory=lambda: Verifiers(verifiers=[]))
    quotas: Quotas = field(default_factory=Quotas)
    mesh: Mesh = field(default_factory=Mesh)
    drops_per_s: Mapping[str, float] = field(default_factory=dict)  # by reason
    stun_per_s: Mapping[str, float] = field(default_factory=dict)  # by what became of them
    refused: Sequence[Refused] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be shown: which table, how it is sorted, from which row on, and what is searched for."""

    table: Table = "clients"
    sort: str = "rate"
    is_descending: bool = True
    offset: int = 0
    search: str = ""
    is_typing: bool = False  # what is searched for
    is_over: bool = False

    @property
    def has_search(self) -> bool:
        """Can the table be searched?"""
        return self.table in ("clients", "pairs")

    @property
    def sorts(self) -> Mapping[str, tuple[str, bool]]:
        """The keys that sort the table."""
        return {"clients": CLIENT_SORTS, "pairs": PAIR_SORTS}.get(self.table, {})


def pressed(wish: Wish, key: str, rows: int) -> Wish:
    """What is wished after a key; `rows` is how many rows of the table there is room for."""
    if wish.is_typing:
        return _typed(wish, key)
    moves = {"up": -1, "down": 1, "page up": -rows, "page down": rows, "home": -wish.offset, "k": -1, "j": 1}
    if key in moves:
        return replace(wish, offset=max(0, wish.offset + moves[key]))
    if key in ("q", "interrupt"):
        return replace(wish, is_over=True)
    if key == "/" and wish.has_search:
        return replace(wish, is_typing=True)
    if key == "escape":
        return replace(wish, search="", offset=0)
    tables: Mapping[str, Table] = {"c": "clients", "p": "pairs", "e": "events", "m": "mesh"}
    if key in tables:
        table = tables[key] if wish.table != tables[key] else "clients"  # once more: back
        turned_to = Wish(table=table)
        return replace(turned_to, search=wish.search if turned_to.has_search else "")
    if key in wish.sorts:
        sort, is_descending = wish.sorts[key]
        turned = not wish.is_descending if sort == wish.sort else is_descending  # once more: the other way round
        return replace(wish, sort=sort, is_descending=turned, offset=0)
    return wish


def within(wish: Wish, seen: Seen, rows: int) -> Wish:
    """The wish, not beyond the end of its table."""
    found = seen.pairs if wish.table == "pairs" else seen.clients
    if wish.table in ("events", "mesh"):
        most = len(seen.events if wish.table == "events" else seen.mesh.peers)
    else:
        most = found.matching if found is not None else 0
    return replace(wish, offset=min(wish.offset, max(0, most - rows)))


def _typed(wish: Wish, key: str) -> Wish:
    if key in ("enter", "interrupt"):
        return replace(wish, is_typing=False)
    if key == "escape":
        return replace(wish, is_typing=False, search="", offset=0)
    if key == "backspace":
        return replace(wish, search=wish.search[:-1], offset=0)
    if len(key) == 1 and key.isprintable() and len(wish.search) < 100:
        return replace(wish, search=wish.search + key, offset=0)
    return wish


# --- the chart --------------------------------------------------------------------------------------------------------


def resample(
    times: Sequence[float], values: Sequence[float], until: float, window_s: float, count: int
) -> list[float | None]:
    """The mean of each of `count` equal parts of the window that ends at `until`; None where nothing was told.

    A part without a value of its own has the last one before it, unless that is long over.
    """
    part_s = window_s / count
    sums, numbers = [0.0] * count, [0] * count
    for at, value in zip(times, values, strict=True):
        index = int((at - (until - window_s)) // part_s)
        if 0 <= index < count:
            sums[index] += value
            numbers[index] += 1
    means: list[float | None] = []
    empty = count
    for total, number in zip(sums, numbers, strict=True):
        empty = 0 if number else empty + 1
        if number:
            means.append(total / number)
        else:
            means.append(means[-1] if means and empty * part_s <= 12.0 else None)
    return means


# --- what is worth a look ---------------------------------------------------------------------------------------------


class Complaint(NamedTuple):
    """Something to look at: the key of its text in `top_texts`, and the text's values."""

    severity: Severity
    text: str
    values: Mapping[str, str] = {}


def verdict(seen: Seen) -> list[Complaint]:
    """What is worth a look, the worst first; empty: all is well."""
    return sorted(_complaints(seen), key=lambda one: one.severity != "bad")


def _complaints(seen: Seen) -> Iterator[Complaint]:
    overview = seen.overview
    if seen.trouble:
        yield Complaint("bad", "trouble", {"reason": seen.trouble})
        return
    if overview.state == "lost":
        yield Complaint("bad", "lost")
    for fault in overview.faults:
        yield Complaint("bad", "fault", {"fault": fault})
    for certificate in seen.certificates.certificates:
        yield from _of_certificate(certificate, seen.at)
    for verifier in seen.verifiers.verifiers:
        yield from _of_verifier(verifier)
    process = overview.process
    if process.max_fds and process.open_fds > process.max_fds * MANY_FDS:
        yield Complaint("warning", "fds", {"open": str(process.open_fds), "most": str(process.max_fds)})
    dropped = sum(seen.drops_per_s.get(reason, 0.0) for reason in QUEUE_REASONS)
    if dropped > max(FEW_PACKETS_PER_S, overview.rates.packets_received_per_s * MANY_DROPS):
        share = dropped / max(overview.rates.packets_received_per_s, dropped)
        yield Complaint("warning", "many_drops", {"share": f"{share:.0%}"})
    over = [quota for quota in seen.quotas.quotas if quota.level == "over"]
    if over:
        name = over[0].name or over[0].tenant or over[0].key
        yield Complaint("warning", "over_quota", {"count": str(len(over)), "name": name})
    yield from _of_mesh(seen.mesh)
    if overview.pending:
        yield Complaint("warning", "pending", {"count": str(overview.pending)})


def urgency(certificate: Certificate, now: float) -> Severity | None:
    """How soon a certificate ends; of one that lasts only days, not before its last quarter or tenth."""
    days = (certificate.not_after - now) / DAY_S
    lasts_days = max(0.0, certificate.not_after - certificate.not_before) / DAY_S
    if days < min(SOON_DAYS, lasts_days / 10):
        return "bad"
    return "warning" if days < min(WARN_DAYS, lasts_days / 4) else None


def _of_certificate(certificate: Certificate, now: float) -> Iterator[Complaint]:
    if (severity := urgency(certificate, now)) is not None:
        days = max(0.0, certificate.not_after - now) / DAY_S
        yield Complaint(severity, "certificate", {"listener": certificate.listener, "days": f"{days:.0f}"})


def _of_mesh(mesh: Mesh) -> Iterator[Complaint]:
    """Each kind of trouble once: of a node that is away all others miss the link too."""
    told: set[tuple[str, str]] = set()
    for trouble in mesh.troubles:
        text = trouble.name.replace("-", "_")
        if trouble.severity != "note" and (text, trouble.peer) not in told:
            told.add((text, trouble.peer))
            yield Complaint("warning", text, {"name": trouble.peer})


def link_word(peer: Peer) -> tuple[str, Literal["good", "warning", "bad", "quiet"]]:
    """How the links with another relay are, as a key of the texts, and how good that is."""
    if peer.state in ("self", "same"):
        return peer.state, "quiet"
    if peer.state == "up":
        return ("up", "good") if peer.dials_since is not None else ("one_way", "warning")
    return peer.state, "warning" if peer.links_up or peer.state == "incoming" else "bad"


def _of_verifier(verifier: Verifier) -> Iterator[Complaint]:
    if verifier.state in ("unreachable", "error"):
        yield Complaint("warning", f"verifier_{verifier.state}", {"name": verifier.name})
