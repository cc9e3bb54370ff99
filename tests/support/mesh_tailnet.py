"""A tailnet whose only region has three relays that dial each other, each with an address of its own. Needs root.

One node of the tailnet reaches the first two relays and takes either, for Headscale shuffles what the map has; the
other reaches the third alone.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Self

import yaml

from support.certificates import make_certificate
from support.mesh_node import Node, Place, Way
from support.relay_process import until
from support.tailnet import Tailnet

ADDRESSES = ("198.51.100.11", "198.51.100.12", "198.51.100.13")
REGION, DERP_PORT, STUN_PORT = 937, 8443, 3478
MESH_LIMIT_S = 40.0


class MeshTailnet:
    """Use it in a ``with``; then all relays run, and both nodes of `net` have joined. `kinds` as `Region` has them."""

    def __init__(self, directory: Path, kinds: str) -> None:
        self._stack = contextlib.ExitStack()
        self._directory = directory
        self._kinds = kinds
        self.nodes: list[Node] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            home = self._directory / "tailnet"
            home.mkdir()
            self.net = net = stack.enter_context(Tailnet(home))
            for address in ADDRESSES:
                net.relay.ip("address", "add", f"{address}/32", "dev", "lo")
            for number, address in ((0, ADDRESSES[2]), (1, ADDRESSES[0]), (1, ADDRESSES[1])):
                net.nodes[number].ip("route", "add", "unreachable", f"{address}/32")
            self.nodes = self._make_nodes()
            for node in self.nodes:
                stack.callback(node.stop)
                node.begin()
            for node in self.nodes:
                node.wait_until_it_listens()
            self.wait_until_meshed()
            net.write_map(self._map())
            net.start_headscale(looks_again=False)
            net.join()
            until(lambda: self.homes in ([1, 0, 1], [0, 1, 1]), "both are there", self.log)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def homes(self) -> list[int]:
        """How many clients each relay has; 0 while it does not run."""
        return [node.clients if node.is_running else 0 for node in self.nodes]

    def _make_nodes(self) -> list[Node]:
        mesh_key_file, roots = self._directory / "mesh.key", self._directory / "roots.pem"
        mesh_key_file.write_text(secrets.token_hex(32) + "\n")
        mesh_key_file.chmod(0o600)
        places = []
        for number, address in enumerate(ADDRESSES):
            name = f"node{number}.example.com"
            made = make_certificate(dns_names=[name], common_name=name)
            place = Place(
                self._directory / f"node{number}",
                name,
                address,
                DERP_PORT,
                made,
                mesh_key_file,
                roots,
                STUN_PORT,
                prefix=self.net.relay.prefix,
            )
            place.write_pair()
            places.append(place)
        roots.write_bytes(b"".join(place.made.pem for place in places))
        return [
            Node(place, [Way(other, other.host, DERP_PORT) for other in places if other is not place], 1, kind == "D")
            for place, kind in zip(places, self._kinds, strict=True)
        ]

    def _map(self) -> str:
        nodes = [
            {key.lower(): value for key, value in node.map_node(f"{REGION}{letter}").items()} | {"regionid": REGION}
            for letter, node in zip("abc", self.nodes, strict=True)
        ]
        region = {"regionid": REGION, "regioncode": "mesh", "regionname": "Mesh", "nodes": nodes}
        return yaml.safe_dump({"regions": {REGION: region}})

    def wait_until_meshed(self) -> None:
        """Until each of those that run is watched by the others."""
        running = [node for node in self.nodes if node.is_running]
        for node in running:
            until(
                lambda node=node: node.watchers == len(running) - 1,  # type: ignore[misc]
                f"{len(running) - 1} links to {node.name}",
                self.log,
                MESH_LIMIT_S,
            )

    def log(self) -> str:
        """The last that all programs have said."""
        relays = "\n".join(f"{node.name}:\n{node.log()}" for node in self.nodes)
        return f"{relays}\n{self.net.log()}"
