"""How the mesh of a region does, as one of its relays sees it: who links to whom, and what of that is half up.

Between two relays there is a link each way, for each opens its own. What we know: our links, those that others have to
us, and from each relay that we reach which ones have a link to it. No clock: `now` is seconds since 1970.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Protocol

from tailhub.derp.handshake import OWN_APP
from tailhub.findings import Finding
from tailhub.findings import mesh_health as said
from tailhub.keys import short_key

__all__ = ["Link", "LinkPhase", "MeshHealth", "MeshPeer", "Node", "Trouble", "nodes_of"]

DOWN_S: Final = 10.0  # without a link: a relay that is restarted is back by then
SETTLE_S: Final = 30.0  # that both directions and all relays may take to find each other
SKEW_S: Final = 120.0
ODD_S: Final = 60.0  # without anything odd: it is over
MOST_INCOMING: Final = 256  # relays that only dial us: whoever has the mesh key may come with thousands of keys

PARTLY, INCOMING = "partly", "incoming"  # what only all links of a relay together can be


class LinkPhase(StrEnum):
    """What a link is doing."""

    CONNECTING = "connecting"  # for the first time
    UP = "up"
    WAITING = "waiting"  # it failed, and is tried again and again
    REFUSED = "refused"  # that relay does not take us for a mesh peer; it is tried again and again
    SELF = "self"  # that relay is this one
    SAME = "same"  # another link leads to that relay; this one may when that breaks


UP, SELF, SAME, REFUSED = LinkPhase.UP, LinkPhase.SELF, LinkPhase.SAME, LinkPhase.REFUSED
_WORST: Final = (REFUSED, LinkPhase.WAITING, LinkPhase.CONNECTING)


class Link(Protocol):
    """A link of one process (`tailhub.server.mesh.link_state.LinkState` says more)."""

    @property
    def peer(self) -> str: ...  # noqa: D102
    @property
    def phase(self) -> str: ...  # noqa: D102
    @property
    def since(self) -> float: ...  # noqa: D102
    @property
    def finding(self) -> Finding | None: ...  # noqa: D102
    @property
    def server_key(self) -> bytes: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def keys(self) -> int: ...  # noqa: D102
    @property
    def peers(self) -> Sequence[bytes]: ...  # noqa: D102
    @property
    def odd(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def rtt_s(self) -> float | None: ...  # noqa: D102
    @property
    def connects(self) -> int: ...  # noqa: D102
    @property
    def forwarded_packets(self) -> int: ...  # noqa: D102
    @property
    def forwarded_bytes(self) -> int: ...  # noqa: D102
    @property
    def dropped_packets(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class MeshPeer:
    """A connection that another relay has opened to us. Pickled where it is a worker's."""

    key: bytes  # 32 bytes: that relay's
    address: str
    app: str  # what it says that it is
    watches: bool  # a monitor may show the mesh key too, and not watch who is here
    since: float  # seconds since 1970
    odd: Mapping[str, int] = field(default_factory=dict)  # what it did that none should (`tailhub.relay.odd`)


@dataclass(slots=True)
class Node:
    """Another relay, as all processes of this one see it together."""

    name: str  # as in the setting `mesh_with`, without options; the address of one that is not named there
    state: str  # a link's phase; "partly": up in some processes; "incoming": it has a link to us and we none to it
    key: bytes = b""  # empty: not known yet
    since: float = 0.0  # when that state began
    why: Finding | None = None  # it is not up
    version: str = ""  # of tailhub; empty for others
    app: str = ""  # what it says that it is when it dials us
    address: str = ""  # from where it dials us
    dials_since: float | None = None  # its link to us is up since then; None: it has none
    peers: frozenset[bytes] | None = None  # who has a link to it; None: not known
    keys: int = 0  # clients there
    rtt_s: float | None = None
    workers: int = 0  # processes of ours that are to have a link
    workers_up: int = 0  # and have one
    connects: int = 0
    forwarded_packets: int = 0
    forwarded_bytes: int = 0
    dropped_packets: int = 0
    odd: Counter[str] = field(default_factory=Counter)  # what it did that none should, on all links that are open


def nodes_of(own_key: bytes, links: Iterable[Sequence[Link]], peers: Iterable[MeshPeer]) -> list[Node]:
    """All other relays: from the links of each process, and from what is connected to any of them."""
    by_name: dict[str, list[Link]] = {}
    for of_one in links:
        for link in of_one:
            by_name.setdefault(link.peer, []).append(link)
    nodes = [_node(name, same) for name, same in by_name.items()]
    coming: dict[bytes, list[MeshPeer]] = {}
    for peer in peers:
        if (peer.watches or peer.odd) and peer.key != own_key:
            coming.setdefault(peer.key, []).append(peer)
    known = {node.key for node in nodes}
    for key in sorted(coming.keys() - known, key=lambda key: coming[key][0].address)[:MOST_INCOMING]:
        since = min(peer.since for peer in coming[key])
        nodes.append(Node(coming[key][0].address, INCOMING, key, since))
    for node in nodes:
        if node.key in coming and node.state != SELF:
            _dialled(node, coming[node.key])
    return nodes


def _node(name: str, links: Sequence[Link]) -> Node:
    up = [link for link in links if link.phase == UP]
    phases = {link.phase for link in links}
    node = Node(name, _state(phases, is_up=bool(up)))
    told = [link for link in links if link.phase == node.state] or [link for link in links if link.phase != UP]
    node.since = max(link.since for link in up) if node.state == UP else min(link.since for link in told)
    node.why = next((link.finding for link in told if link.finding is not None), None)
    for link in up or links:
        node.key = node.key or link.server_key
        node.version = node.version or link.version
    if up:
        # Each has been told the same, some a moment later than others.
        node.peers = frozenset().union(*(link.peers for link in up))
        node.keys = max(link.keys for link in up)
        node.rtt_s = min((link.rtt_s for link in up if link.rtt_s is not None), default=None)
    for link in links:
        node.odd.update(link.odd)
    node.workers, node.workers_up = len(links), len(up)
    node.connects = sum(link.connects for link in links)
    node.forwarded_packets = sum(link.forwarded_packets for link in links)
    node.forwarded_bytes = sum(link.forwarded_bytes for link in links)
    node.dropped_packets = sum(link.dropped_packets for link in links)
    return node


def _state(phases: set[str], *, is_up: bool) -> str:
    if is_up and phases <= {UP, SAME}:
        return UP
    if is_up:
        return PARTLY
    return next((phase for phase in _WORST if phase in phases), min(phases))


def _dialled(node: Node, peers: Sequence[MeshPeer]) -> None:
    node.address, node.app = peers[0].address, peers[0].app
    node.dials_since = min(peer.since for peer in peers)
    for peer in peers:
        node.odd.update(peer.odd)
    if not node.version and node.app.startswith(OWN_APP):
        node.version = node.app.removeprefix(OWN_APP)


# --- what is half up --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that has held since then (seconds since 1970), for longer than it takes to settle by itself.

    `subject` tells it apart from others; `name` is the relay that it is about.
    """

    subject: tuple[str, ...]
    name: str
    finding: Finding
    since: float


@dataclass(frozen=True, slots=True)
class _Seen:
    code: str
    node: Node
    after_s: float
    began_at: float | None = None  # where that is known better than by when it was seen first
    other: Node | None = None

    @property
    def subject(self) -> tuple[str, ...]:
        named = (_told_apart(node) for node in (self.node, self.other) if node is not None)
        return (self.code, *named)


class MeshHealth:
    """Told every few seconds how all relays do (`look`); one a relay, whose version of tailhub this is."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._since: dict[tuple[str, ...], float] = {}  # by subject: since when it holds
        self._odd: dict[str, tuple[int, float]] = {}  # by relay: how much of it there was, and when it grew last

    def look(self, nodes: Sequence[Node], now: float) -> list[Trouble]:
        """What is half up `now`, and has been for a while."""
        before, self._since = self._since, {}
        found: list[Trouble] = []
        self._look_at_odd(nodes, now)
        for seen in self._seen(nodes, now):
            began_at = min(now, seen.began_at if seen.began_at is not None else now)
            since = self._since[seen.subject] = before.get(seen.subject, began_at)
            if now - since >= seen.after_s:
                found.append(Trouble(seen.subject, seen.node.name, self._finding(seen, since), since))
        return found

    def _look_at_odd(self, nodes: Sequence[Node], now: float) -> None:
        before, self._odd = self._odd, {}
        for node in nodes:
            total, (known, grew_at) = node.odd.total(), before.get(_told_apart(node), (0, -ODD_S))
            self._odd[_told_apart(node)] = total, now if total > known else grew_at

    def _seen(self, nodes: Sequence[Node], now: float) -> Iterator[_Seen]:
        for node in nodes:
            if node.odd and now - self._odd[_told_apart(node)][1] < ODD_S:
                yield _Seen("TH557", node, 0.0)
        named = [node for node in nodes if node.state != INCOMING]
        if named and all(node.state == SELF for node in named):
            yield _Seen("TH556", replace(named[0], name=", ".join(node.name for node in named)), SETTLE_S)
        for node in named:
            if node.state in (SELF, SAME):
                continue
            if node.state == REFUSED:
                yield _Seen("TH551", node, 0.0, node.since)
            elif node.state != UP:
                yield _Seen("TH550", node, DOWN_S, node.since)
            if node.workers_up and node.dials_since is None:
                yield _Seen("TH552", node, SETTLE_S)
            if node.version and node.version != self._version:
                yield _Seen("TH555", node, SKEW_S)
        # Whom a link leads to that has never been up is not known: perhaps to that one.
        if all(node.key for node in named):
            for node in nodes:
                if node.state == INCOMING:
                    yield _Seen("TH553", node, SETTLE_S)
        yield from self._unseen(nodes)

    def _unseen(self, nodes: Sequence[Node]) -> Iterator[_Seen]:
        """Pairs of which one has no link to the other, by what that one says."""
        there = {node.key: node for node in nodes if node.workers_up or (node.workers and node.dials_since is not None)}
        for node in there.values():
            for other in there.values():
                if node.peers is not None and other is not node and other.key not in node.peers:
                    yield _Seen("TH554", node, SETTLE_S, other=other)

    def _finding(self, seen: _Seen, since: float) -> Finding:
        node = seen.node
        match seen.code:
            case "TH550":
                down = node.workers - node.workers_up
                return said.mesh_link_down(node.name, _place(node.name), _time(since), node.why, down, node.workers)
            case "TH551":
                return said.mesh_link_refused(node.name, node.why)
            case "TH552":
                return said.mesh_not_dialled_back(node.name, _time(node.since))
            case "TH553":
                return said.mesh_peer_not_named(node.address, short_key(node.key))
            case "TH555":
                return said.mesh_versions_differ(node.name, node.version, self._version)
            case "TH557":
                return said.mesh_peer_odd(node.name, node.odd)
            case "TH554" if seen.other is not None:
                return said.mesh_node_unseen(node.name, seen.other.name)
        return said.mesh_only_self(node.name)


def _told_apart(node: Node) -> str:
    """A relay that dials us may come from another address the next time."""
    return node.key.hex() if node.state == INCOMING else node.name


def _place(name: str) -> str:
    """What of an entry of `mesh_with` others can dial."""
    return name.rpartition(" ")[2].partition("/")[0]


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
