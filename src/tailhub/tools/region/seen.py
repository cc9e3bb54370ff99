"""What a look at a region saw, before anything is made of it. Plain values.

A *way* leads from one node to another: packets that clients of the first send to clients of the second take it. It is
there when the first node has dialled the second one, whose mesh peer it then is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailhub.tailcfg.derpmap import DERPNode

__all__ = ["NodeSeen", "RegionSeen"]


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One relay of the region. Keys are raw."""

    node: DERPNode
    failure: str = ""
    """Why it cannot be reached, in the words of our client; empty if it can."""
    server_key: bytes = b""
    """Empty if it was not learnt."""
    version: str = ""
    """Of tailhub, as it tells its mesh peers; empty for others, and without the mesh key."""
    is_mesh: bool | None = None
    """Has it taken one of our mesh keys? None: none was shown, or there was no login."""
    peers: frozenset[bytes] = frozenset()
    """The keys of its mesh peers: server keys of the relays that have dialled it. Known with the mesh key only."""
    clients: int = 0
    """Connected there, beside us and its mesh peers. Known with the mesh key only."""
    is_admitted: bool = False
    """Have we been let in?"""
    told: str = ""
    """Why not, in its own words, if it said so."""
    meets: frozenset[int] = frozenset()
    """The numbers of other nodes at which we have logged in and are seen here: those entries lead to one relay."""


@dataclass(frozen=True, slots=True)
class RegionSeen:
    """All nodes, in the order in which they were given.

    `ways`: from the number of one node to that of another; False is a missing one. Of those that could not be looked at
    nothing is in it, nor of two entries with one server key. `has_mesh_key`: was a mesh key shown? Else packets were
    sent.
    """

    nodes: tuple[NodeSeen, ...]
    ways: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    has_mesh_key: bool = False

    def missing_links(self) -> list[tuple[NodeSeen, NodeSeen]]:
        """From, to: clients of the first node do not reach clients of the second one."""
        return [(self.nodes[i], self.nodes[j]) for (i, j), is_there in sorted(self.ways.items()) if not is_there]
