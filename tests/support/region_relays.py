"""Relays of ours that are nodes of one region, each with the links that a test gives it: a mesh that may have holes.

::

    region = RegionRelays(tmp_path, 3)
    with region.running({0: [1, 2], 1: [0, 2], 2: [0]}):  # the third has not dialled the second
        ...

Certificates and ports are known before a relay starts, and stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from support.ports import free_ports
from support.relay_process import LIMIT_S, RelayProcess, together
from tailhub import box
from tailhub.keys import MeshKey
from tailhub.server.pinned_pair import load_pinned, make_pair
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion, serialize_json
from tailhub.tools.region import RegionSeen, look_at_region
from tailhub.tools.target import Target, map_targets

HOST, NUMBER = "127.0.0.1", 900


class RegionRelays:
    """Relays that can be started, in `directory`. `mesh_key` is in `mesh_key_file`."""

    def __init__(self, directory: Path, count: int, *, copied: Mapping[int, int] | None = None) -> None:
        """`copied`: the number of a relay to that of another one, whose server key it has too."""
        self._directory = directory
        self.mesh_key_file, self.mesh_key = self.new_mesh_key("mesh.key")
        first = free_ports(count)
        keys = [box.generate().to_text() for _ in range(count)]
        self.nodes: list[DERPNode] = []
        for number in range(count):
            state = self.state_dir(number)
            state.mkdir(mode=0o700)
            make_pair(state, "", ["localhost"], [HOST], datetime.now(UTC))
            key_file = state / "derper.key"
            key_file.write_text(json.dumps({"PrivateKey": keys[(copied or {}).get(number, number)]}))
            key_file.chmod(0o600)
            self.nodes.append(
                DERPNode(
                    name=f"{NUMBER}{chr(ord('a') + number)}",
                    region_id=NUMBER,
                    host_name=HOST,
                    ipv4=HOST,
                    ipv6="none",
                    stun_port=-1,  # off, as in the relay's options: else a check waits for answers
                    derp_port=first + number,
                    cert_name=load_pinned(state).pin,
                )
            )

    def state_dir(self, number: int) -> Path:
        """Where a relay keeps its state."""
        return self._directory / f"state-{number}"

    def new_mesh_key(self, name: str) -> tuple[Path, MeshKey]:
        """Another mesh key, and the file with it."""
        key, path = MeshKey(secrets.token_bytes(32)), self._directory / name
        path.write_text(key.to_text() + "\n")
        path.chmod(0o600)
        return path, key

    def derp_map(self, nodes: Sequence[DERPNode] | None = None) -> DERPMap:
        """The map of the region."""
        listed = tuple(self.nodes if nodes is None else nodes)
        region = DERPRegion(region_id=NUMBER, region_code="home", region_name="Home", nodes=listed)
        return DERPMap(regions={NUMBER: region})

    def targets(self, nodes: Sequence[DERPNode] | None = None) -> list[Target]:
        """The relays as a check has them."""
        return map_targets(self.derp_map(nodes), "map")

    def map_file(self, nodes: Sequence[DERPNode] | None = None) -> str:
        """The map as a file."""
        path = self._directory / "map.json"
        path.write_bytes(serialize_json(self.derp_map(nodes)))
        return str(path)

    def peer(self, number: int) -> str:
        """A relay as `mesh_with` has it."""
        node = self.nodes[number]
        return f"{HOST}:{node.derp_port}?cert={node.cert_name}"

    def relay(
        self, number: int, dials: Sequence[int] = (), *words: str, mesh_key_file: Path | None = None
    ) -> RelayProcess:
        """One of them, not started yet, which dials these others."""
        peers = ("--mesh-with", ",".join(map(self.peer, dials))) if dials else ()
        return RelayProcess(
            *("--listen", f"{HOST}:{self.nodes[number].derp_port}", "--stun-listen", "off"),
            *("--mesh-key-file", str(mesh_key_file or self.mesh_key_file), *peers, *words),
            state_dir=self.state_dir(number),
        )

    @contextlib.contextmanager
    def running(
        self, dials: Mapping[int, Sequence[int]], *words: str, mesh_key_files: Mapping[int, Path] | None = None
    ) -> Iterator[dict[int, RelayProcess]]:
        """These relays, each with the others that it dials. `mesh_key_files`: of those that have another one."""
        files = mesh_key_files or {}
        relays = {
            number: self.relay(number, others, *words, mesh_key_file=files.get(number))
            for number, others in dials.items()
        }
        with together([*relays.values()]):
            yield relays


def full(count: int) -> dict[int, list[int]]:
    """Each dials each other."""
    return {number: [other for other in range(count) if other != number] for number in range(count)}


async def look_until(
    nodes: Sequence[DERPNode], mesh_keys: Sequence[MeshKey], missing: Sequence[tuple[int, int]] = ()
) -> RegionSeen:
    """Look until just these ways are missing: links take a moment to come up."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            seen = await look_at_region(nodes, mesh_keys, settle_s=0)
            if {pair for pair, there in seen.ways.items() if not there} == set(missing):
                return seen
