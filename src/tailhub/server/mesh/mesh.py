"""The mesh of one process: links to the relays that `mesh_with` names, each wherever its name leads now."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.keys import MeshKey
from tailhub.server.context import ServerContext
from tailhub.server.mesh.link_state import LinkState
from tailhub.server.mesh.links import MeshLinks
from tailhub.server.mesh.peer_spec import PeerSpec, parse_peer
from tailhub.server.mesh.resolving import Resolving

__all__ = ["Mesh"]


class Mesh:
    """From `take` until `stop`. `logs`: does this process write how the links do? Of several workers one is enough."""

    def __init__(self, context: ServerContext, *, logs: bool) -> None:
        self._links = MeshLinks(context, logs=logs)
        self._resolving = Resolving(self._follow, logs=logs)
        self._keys: Sequence[MeshKey] = ()

    @property
    def states(self) -> list[LinkState]:
        """How each link does, in the order of the settings."""
        return self._links.states

    def take(self, named: Sequence[str], keys: Sequence[MeshKey]) -> None:
        """Keep links to the relays of these entries of `mesh_with`, with the first of these keys that each takes."""
        self._keys = keys
        self._follow(self._resolving.take([parse_peer(text) for text in named]))

    def stop(self) -> None:
        """End all links."""
        self._resolving.stop()
        self._links.stop()

    def _follow(self, specs: Sequence[PeerSpec]) -> None:
        self._links.take(specs, self._keys)
