"""Looks at the mesh for operators: all other relays, as all processes of this one see them, and what is half up.

One in the process that has the pages (the desk, with several workers), where there is a mesh key. What each process
knows comes with its numbers (`MeshSnapshot`). The rules are those of `tailhub.relay.mesh_health`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import tailhub
from tailhub.findings import Severity
from tailhub.log_event import log_event
from tailhub.relay.mesh_health import UP, MeshHealth, MeshPeer, Node, Trouble, nodes_of
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.web.metrics import Labelled, MetricValues

if TYPE_CHECKING:
    from tailhub.server.fleet import Fleet
    from tailhub.server.service import RelayService

__all__ = ["MeshSnapshot", "MeshWatch", "link_counters", "lost_on_links", "take_mesh_snapshot", "watch_mesh"]

LOOK_S: Final = 5.0
LINES_S: Final = 60.0
MOST_LINES: Final = 50  # in so many seconds: whoever has the mesh key may come with ever new keys
# A link that breaks or is refused is in the log already, of the process that has it.
_LOGGED_BY_LINKS: Final = frozenset({"TH550", "TH551"})

_log = logging.getLogger("tailhub")


@dataclass(slots=True)
class MeshSnapshot:
    """What one process knows of the mesh. Pickled where it is a worker's."""

    links: list[LinkState]
    peers: list[MeshPeer]


def take_mesh_snapshot(service: RelayService) -> MeshSnapshot:
    """How its links do, and who is a mesh peer of it."""
    context = service.context
    now, loop_now = time.time(), context.loop.time()
    peers = [
        MeshPeer(
            one.key,
            str(one.identity.address),
            one.identity.app_name,
            one.is_watcher,
            now - (loop_now - one.identity.connected_at),
            dict(one.odd or ()),
        )
        for one in context.relay.registry
        if one.identity.is_mesh and not one.identity.is_prober  # `tailhub region check` is no relay
    ]
    links = [replace(state) for state in service.mesh.states] if service.mesh is not None else []
    return MeshSnapshot(links, peers)


def lost_on_links(links: Sequence[LinkState]) -> MetricValues:
    """Packets of ours that links have lost, as what the relay counts itself."""
    packets: dict[tuple[str, ...], float] = {}
    sizes: dict[tuple[str, ...], float] = {}
    for link in links:
        for key, (count, size) in link.drops.items():
            packets[key] = packets.get(key, 0) + count
            sizes[key] = sizes.get(key, 0) + size
    return {"packets_dropped": packets, "bytes_dropped": sizes}


def link_counters(links: Sequence[LinkState]) -> MetricValues:
    """What the links of a process have counted, by their peers."""
    names = ("connects", "forwarded_packets", "forwarded_bytes", "dropped_packets")
    counted: dict[str, dict[tuple[str, ...], float]] = {f"mesh_{name}": {} for name in names}
    for link in links:
        labels = (link.peer,)
        for name in names:
            counts = counted[f"mesh_{name}"]
            counts[labels] = counts.get(labels, 0) + getattr(link, name)
    odd: dict[tuple[str, ...], float] = {}
    for link in links:
        for what, count in link.odd.items():
            odd[link.peer, what] = odd.get((link.peer, what), 0) + count
    return {**counted, "mesh_odd": odd}


def watch_mesh(service: RelayService, fleet: Fleet | None) -> MeshWatch:
    """Of a relay that serves clients itself, or has workers that do."""

    def snapshots() -> list[MeshSnapshot]:
        if fleet is None:
            return [take_mesh_snapshot(service)]
        return [one.mesh for one in fleet.snapshots if one.mesh is not None]

    return MeshWatch(service.context.public_key, snapshots)


class MeshWatch:
    """`snapshots` gives the last of each process that serves clients; `own_key` is the relay's, raw."""

    def __init__(
        self, own_key: bytes, snapshots: Callable[[], Sequence[MeshSnapshot]], clock: Callable[[], float] = time.time
    ) -> None:
        self._own_key = own_key
        self._snapshots = snapshots
        self._clock = clock
        self._health = MeshHealth(tailhub.__version__)
        self._told: dict[tuple[str, ...], Trouble] = {}
        self._lines_since = 0.0
        self._lines = 0  # since then, those that were not written too
        self.troubles: Sequence[Trouble] = ()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                self.look()
            except Exception:  # ours: it must not be the last look
                _log.exception("error while looking at the mesh")
            await asyncio.sleep(LOOK_S)

    @property
    def nodes(self) -> list[Node]:
        """All other relays, as they were told last."""
        parts = self._snapshots()
        return nodes_of(self._own_key, [part.links for part in parts], [peer for part in parts for peer in part.peers])

    def look(self) -> None:
        """Look once; tell the log what has begun and what is over."""
        now = self._clock()
        self.troubles = self._health.look(self.nodes, now)
        self._begin_lines(now)
        before = self._told
        self._told = {one.subject: one for one in self.troubles if one.finding.code not in _LOGGED_BY_LINKS}
        for subject, trouble in self._told.items():
            if subject not in before and self._may_write():
                finding = trouble.finding
                log = _log.info if finding.severity is Severity.NOTE else _log.warning
                log("%s", finding)
        for subject, trouble in before.items():
            if subject not in self._told and self._may_write():
                finding = trouble.finding
                extra = log_event("mesh_mended", code=finding.code, peer=trouble.name)
                _log.info("mesh    no longer so: %s", finding.what().splitlines()[0], extra=extra)

    def _begin_lines(self, now: float) -> None:
        if now - self._lines_since >= LINES_S:
            if self._lines > MOST_LINES:
                more = self._lines - MOST_LINES
                extra = log_event("folded", of="mesh", count=more)
                _log.info("mesh    (%d more in the last minute)", more, extra=extra)
            self._lines_since, self._lines = now, 0

    def _may_write(self) -> bool:
        self._lines += 1
        return self._lines <= MOST_LINES

    def values(self) -> MetricValues:
        """What is so now of the mesh as a whole, by key of `tailhub.web.metrics.METRICS`."""
        parts, nodes = self._snapshots(), self.nodes
        linked = [node for node in nodes if node.workers]
        phases: dict[tuple[str, ...], float] = {}
        for state in (link for part in parts for link in part.links):
            for phase in LinkPhase:
                labels = (state.peer, phase.value)
                phases[labels] = phases.get(labels, 0.0) + (state.phase is phase)
        rtt: Labelled = {(node.name,): node.rtt_s for node in linked if node.rtt_s is not None}
        return {
            "mesh_links": phases,
            "mesh_link_up": {(node.name,): float(node.state == UP) for node in linked if _is_another(node)},
            "mesh_remote_keys": {(node.name,): node.keys for node in linked if _is_another(node)},
            "mesh_rtt_s": rtt,
            "mesh_peers": sum(node.dials_since is not None for node in nodes),
            "mesh_troubles": sum(one.finding.severity is not Severity.NOTE for one in self.troubles),
            "remote_clients": sum(node.keys for node in nodes),
        }


def _is_another(node: Node) -> bool:
    return node.state not in (LinkPhase.SELF, LinkPhase.SAME)
