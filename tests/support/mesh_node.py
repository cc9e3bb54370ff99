"""One relay of a region under test, ours or Go's derper, that can be ended and started again on the same port."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.certificates import Made
from support.derper import DerperProcess
from support.relay_process import RelayProcess
from tailhub.client import DERPClient
from tailhub.keys import MeshKey, NodePrivate


@dataclass(frozen=True)
class Place:
    """Where a node is, what it is called and what it has; the same after each of its starts."""

    directory: Path  # its own; named as the node is in messages
    hostname: str  # by which it is known in TLS
    host: str  # an address
    port: int
    made: Made
    mesh_key_file: Path
    roots: Path  # certificates of all nodes
    stun_port: int = -1
    tls: bool = True
    prefix: tuple[str, ...] = ()  # of its commands, where it is in a network namespace

    @property
    def certificate(self) -> Path:
        """Where its certificate is: where derper looks for it."""
        return self.directory / f"{self.hostname}.crt"

    @property
    def key(self) -> Path:
        """Where that one's private key is."""
        return self.directory / f"{self.hostname}.key"

    def write_pair(self) -> None:
        """Make its directory, with certificate and key."""
        self.directory.mkdir()
        self.certificate.write_bytes(self.made.pem)
        self.key.write_bytes(self.made.key_pem)


@dataclass(frozen=True)
class Way:
    """What a node dials to reach another one: a port at `host`, where that one's own `place` is."""

    place: Place
    host: str
    port: int

    @property
    def text(self) -> str:
        """As derper's ``-mesh-with`` has it."""
        return f"{self.place.hostname}:{self.port}/{self.host}"


class Node:
    """One relay; `ways` are those to the others. `workers` is the number of its links to each of them."""

    def __init__(self, place: Place, ways: Sequence[Way], workers: int, is_original: bool) -> None:
        self.place, self.workers, self.is_original = place, workers, is_original
        self._ways = ways
        self._process: RelayProcess | DerperProcess | None = None

    # --- it runs or it does not ---------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.begin()
        self.wait_until_it_listens()

    def begin(self) -> None:
        """Start it."""
        assert self._process is None
        self._process = self._start_derper() if self.is_original else self._start_ours()

    def wait_until_it_listens(self) -> None:
        """Behind `begin`."""
        if isinstance(self._process, RelayProcess):
            self._process.__enter__()
        else:
            self._process.wait_until_it_listens()

    def _start_ours(self) -> RelayProcess:
        place = self.place
        words = (
            *("--no-discover", "--listen", f"{place.host}:{place.port}", "--hostname", place.hostname),
            *("--stun-listen", f"{place.host}:{place.stun_port}" if place.stun_port > 0 else "off"),
            *("--cert", str(place.certificate), "--key", str(place.key), "--tls" if place.tls else "--no-tls"),
            *("--admin-listen", "off", "--workers", str(self.workers), "--mesh-key-file", str(place.mesh_key_file)),
        )
        trust = [f"?cert={way.place.made.pin}" if place.tls else "?tls=off" for way in self._ways]
        peers = [way.text + end for way, end in zip(self._ways, trust, strict=True)]
        with_them = ("--mesh-with", ",".join(peers)) if peers else ()
        return RelayProcess(*with_them, defaults=words, state_dir=place.directory / "state", prefix=place.prefix)

    def _start_derper(self) -> DerperProcess:
        place = self.place
        with_them = ("-mesh-with", ",".join(way.text for way in self._ways)) if self._ways else ()
        return DerperProcess(
            place.directory,
            *("-mesh-psk-file", place.mesh_key_file),
            *with_them,
            hostname=place.hostname,
            listen=(place.host, place.port),
            stun_port=place.stun_port,
            environ={"SSL_CERT_FILE": str(place.roots)},
            prefix=place.prefix,
        )

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
    def clients(self) -> int:
        """How many keys of clients are there."""
        if isinstance(self._process, DerperProcess):
            return int(self._process.variables()["gauge_clients_local"]) - self.watchers
        return self.metric("tailhub_clients") - self.watchers

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

    def metrics(self) -> dict[str, float]:
        """All of our metrics, of one moment."""
        assert isinstance(self._process, RelayProcess)
        return self._process.metrics()

    def map_node(self, name: str) -> dict[str, Any]:
        """As a map has it."""
        place = self.place
        return {
            "Name": name,
            "HostName": place.hostname,
            "IPv4": place.host,
            "IPv6": "none",
            "DERPPort": place.port,
            "STUNPort": place.stun_port,
            "CertName": place.made.pin,
        }

    async def connect(self, private: NodePrivate | None = None, mesh_key: MeshKey | None = None) -> DERPClient:
        """Log in."""
        place = self.place
        return await DERPClient.connect(
            place.host,
            place.port,
            server_name=place.hostname,
            cert_name=place.made.pin if place.tls else None,
            private_key=private,
            mesh_key=mesh_key,
            tls=place.tls,
        )
