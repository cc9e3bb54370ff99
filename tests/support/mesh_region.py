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
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Self

from support.certificates import Made, make_certificate
from support.derper import DerperProcess
from support.mesh_wire import Cut, Tap, Wire, Wires
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from tailhub.client import DERPClient
from tailhub.keys import MeshKey, NodePrivate

HOST, NAME = "127.0.0.1", "localhost"
MESH_LIMIT_S = 40.0  # derper dials again every 5 s, and ours notices after 20 that nothing comes any more


@dataclass(frozen=True)
class Place:
    """Where a node is, and how it is known there."""

    directory: Path
    port: int
    made: Made
    mesh_key_file: Path
    roots: Path  # certificates of all nodes
    stun_port: int = -1
    tls: bool = True

    def write_pair(self) -> None:
        """Its certificate and key, under the names that derper looks for."""
        self.directory.mkdir()
        (self.directory / f"{NAME}.crt").write_bytes(self.made.pem)
        (self.directory / f"{NAME}.key").write_bytes(self.made.key_pem)


class Node:
    """One relay; `links` is where it dials to reach the others. `workers` is the number of links to each of them."""

    def __init__(self, place: Place, links: Sequence[tuple[int, str]], workers: int, is_original: bool) -> None:
        self.place, self.workers, self.is_original = place, workers, is_original
        self._links = links  # (port, pin)
        self._process: RelayProcess | DerperProcess | None = None

    # --- it runs or it does not ---------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert self._process is None
        self._process = self._start_derper() if self.is_original else self._start_ours()

    def _start_ours(self) -> RelayProcess:
        place = self.place
        words = (
            *("--no-discover", "--listen", f"{HOST}:{place.port}", "--hostname", NAME, "--admin-listen", "off"),
            *("--stun-listen", f"{HOST}:{place.stun_port}" if place.stun_port > 0 else "off"),
            *("--cert", str(place.directory / f"{NAME}.crt"), "--key", str(place.directory / f"{NAME}.key")),
            *("--workers", str(self.workers), "--mesh-key-file", str(place.mesh_key_file)),
            "--tls" if place.tls else "--no-tls",
        )
        trust = "?cert={}" if place.tls else "?tls=off"
        peers = [f"{NAME}:{port}/{HOST}" + trust.format(pin) for port, pin in self._links]
        with_them = ("--mesh-with", ",".join(peers)) if peers else ()
        return RelayProcess(*with_them, defaults=words, state_dir=place.directory / "state").__enter__()

    def _start_derper(self) -> DerperProcess:
        place = self.place
        peers = [f"{NAME}:{port}/{HOST}" for port, _ in self._links]
        with_them = ("-mesh-with", ",".join(peers)) if peers else ()
        process = DerperProcess(
            place.directory,
            *("-mesh-psk-file", place.mesh_key_file),
            *with_them,
            hostname=NAME,
            listen=(HOST, place.port),
            stun_port=place.stun_port,
            environ={"SSL_CERT_FILE": str(place.roots)},
        )
        process.wait_until_it_listens()
        return process

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal."""
        if self._process is not None:
            self._process.stop(number)
            self._process = None

    def kill(self) -> None:
        """End it as a crash does."""
        self.stop(signal.SIGKILL)

    def log(self) -> str:
        """What it has said, the last of it; empty when it does not run."""
        return self._process.log()[-3000:] if self._process is not None else ""

    # --- what can be seen of it ---------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """For messages."""
        return self.place.directory.name

    @property
    def watchers(self) -> int:
        """How many connections are mesh peers that follow who is here."""
        if isinstance(self._process, DerperProcess):
            return int(self._process.variables()["gauge_watchers"])
        return self.metric("tailhub_mesh_watchers")

    @property
    def forwarded_in(self) -> int:
        """Packets that other nodes have forwarded to it."""
        if isinstance(self._process, DerperProcess):
            return int(self._process.variables()["packets_forwarded_in"])
        return self.metric("tailhub_packets_forwarded_in_total")

    def metric(self, name: str) -> int:
        """One of our metrics."""
        assert isinstance(self._process, RelayProcess)
        return int(self._process.metric(name))

    def map_node(self, name: str) -> dict[str, Any]:
        """As a map has it."""
        place = self.place
        return {
            "Name": name,
            "HostName": NAME,
            "IPv4": HOST,
            "IPv6": "none",
            "DERPPort": place.port,
            "STUNPort": place.stun_port,
            "CertName": place.made.pin,
        }

    async def connect(self, private: NodePrivate | None = None, mesh_key: MeshKey | None = None) -> DERPClient:
        """Log in."""
        place = self.place
        return await DERPClient.connect(
            HOST,
            place.port,
            server_name=NAME,
            cert_name=place.made.pin if place.tls else None,
            private_key=private,
            mesh_key=mesh_key,
            tls=place.tls,
        )


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
        self.nodes = []
        for number, kind in enumerate(kinds):
            place = Place(
                directory / f"node{number}",
                first + number,
                made[number],
                mesh_key_file,
                roots,
                first_stun + number if stun else -1,
                tls,
            )
            place.write_pair()
            links = [(self._ports[number, other], made[other].pin) for other in range(len(kinds)) if other != number]
            self.nodes.append(Node(place, links, int(kind) if kind.isdigit() else 1, kind == "D"))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._wires)
            for pair, port in self._ports.items():
                self._ways[pair] = self._wires.lay(port, HOST, self.nodes[pair[1]].place.port)
            for node in self.nodes:
                stack.callback(node.stop)
                node.start()
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
