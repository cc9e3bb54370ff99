"""A region under test: relays of ours and of the original, each of which dials every other.

::

    with Region(directory, "OOD") as region:  # two of ours, and Go's derper
        region.wait_until_meshed()
        region.cut(0, 2, Cut.SILENT)  # what the first dials to reach the third
        region.nodes[1].kill()

Each way from one to another is a `Wire` of its own. All are on loopback and known as `NAME`, with certificates that
are their own CA: the original's links go by name and CA, ours by pin. Keys, ports and certificates stay over restarts.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Self

from support.certificates import make_certificate
from support.mesh_node import Node, Place, Way
from support.mesh_wire import Cut, Tap, Wire, Wires
from support.ports import free_ports
from support.relay_process import until
from tailhub.keys import MeshKey

HOST, NAME = "127.0.0.1", "localhost"
MESH_LIMIT_S = 40.0  # derper dials again every 5 s, and ours notices after 20 that nothing comes any more


class Region:
    """Use it in a ``with``; then all `nodes` run. `kinds`: ``O`` is one of ours, ``2`` with two workers, ``D`` derper.

    Without `tls` `make_tap` sees what nodes say to each other; the original cannot do without.
    """

    def __init__(
        self,
        directory: Path,
        kinds: str,
        *,
        stun: bool = False,
        tls: bool = True,
        make_tap: Callable[[], Tap] | None = None,
    ) -> None:
        self.mesh_key = MeshKey(secrets.token_bytes(32))
        self._stack = contextlib.ExitStack()
        self._wires = Wires(make_tap)
        first = free_ports(len(kinds) ** 2)
        first_stun = free_ports(len(kinds), socket.SOCK_DGRAM)
        pairs = permutations(range(len(kinds)), 2)
        self._ports = {pair: first + len(kinds) + number for number, pair in enumerate(pairs)}
        self._ways: dict[tuple[int, int], Wire] = {}
        mesh_key_file, roots = directory / "mesh.key", directory / "roots.pem"
        mesh_key_file.write_text(self.mesh_key.to_text() + "\n")
        mesh_key_file.chmod(0o600)
        made = [make_certificate(dns_names=[NAME], common_name=NAME) for _ in kinds]
        roots.write_bytes(b"".join(one.pem for one in made))
        self.nodes: list[Node] = []
        places = [
            Place(
                directory / f"node{number}",
                NAME,
                HOST,
                first + number,
                one,
                mesh_key_file,
                roots,
                first_stun + number if stun else -1,
                tls,
            )
            for number, one in enumerate(made)
        ]
        for number, kind in enumerate(kinds):
            places[number].write_pair()
            ways = [Way(place, HOST, self._ports[number, at]) for at, place in enumerate(places) if at != number]
            self.nodes.append(Node(places[number], ways, int(kind) if kind.isdigit() else 1, kind == "D"))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._wires)
            for pair, port in self._ports.items():
                self._ways[pair] = self._wires.lay(port, HOST, self.nodes[pair[1]].place.port)
            for node in self.nodes:
                stack.callback(node.stop)
                node.begin()
            for node in self.nodes:
                node.wait_until_it_listens()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    # --- ways ---------------------------------------------------------------------------------------------------------

    def cut(self, src: int, dst: int, how: Cut) -> None:
        """Cut what `src` dials to reach `dst`."""
        self._ways[src, dst].cut(how)

    def isolate(self, number: int, how: Cut) -> None:
        """Cut all ways from and to a node."""
        for pair, way in self._ways.items():
            if number in pair:
                way.cut(how)

    def heal(self) -> None:
        """Everything passes again."""
        for way in self._ways.values():
            way.heal()

    # --- waiting ------------------------------------------------------------------------------------------------------

    def running(self) -> Iterator[Node]:
        """Those that run."""
        return (node for node in self.nodes if node.is_running)

    def wait_until_meshed(self) -> None:
        """Until each node that runs is watched by all the others, each of their workers by itself."""
        links = sum(node.workers for node in self.running())
        for node in self.running():
            until(
                lambda node=node: node.watchers == links - node.workers,  # type: ignore[misc]
                f"{links - node.workers} links to a node",
                self.log,
                MESH_LIMIT_S,
            )

    def log(self) -> str:
        """The last that all have said."""
        return "\n".join(f"node {number}:\n{node.log()}" for number, node in enumerate(self.nodes))
