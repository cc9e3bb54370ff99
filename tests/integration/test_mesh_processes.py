"""Relays of one region as processes, as their owner runs them: from the settings to packets, workers and reloads."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.certificates import Made, make_certificate
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from support.waiting import run
from tailhub.client import DERPClient as Client
from tailhub.client import ReceivedPacket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a relay runs on POSIX systems")


@dataclass(frozen=True)
class Region:
    """Relays that know of each other before any of them runs, each at a port of its own."""

    directory: Path
    first_port: int
    certificate: Made

    @classmethod
    def make(cls, directory: Path, nodes: int) -> Region:
        region = cls(directory, free_ports(nodes), make_certificate(ips=["127.0.0.1"]))
        region.write_key(secrets.token_hex(32))
        for name, pem in (("relay.crt", region.certificate.pem), ("relay.key", region.certificate.key_pem)):
            (directory / name).write_bytes(pem)
            (directory / name).chmod(0o600)
        return region

    @property
    def key_file(self) -> Path:
        return self.directory / "mesh.key"

    def write_key(self, *keys: str) -> None:
        self.key_file.write_text("\n".join(keys) + "\n")
        self.key_file.chmod(0o600)

    def port(self, number: int) -> int:
        return self.first_port + number

    def peer(self, number: int) -> str:
        """As `mesh_with` names a node."""
        return f"127.0.0.1:{self.port(number)}?cert={self.certificate.pin}"

    @contextmanager
    def node(self, number: int, peers: Sequence[int], *options: str) -> Iterator[RelayProcess]:
        """A relay that runs, with links to these."""
        with RelayProcess(
            *("--listen", f"127.0.0.1:{self.port(number)}", "--mesh-key-file", str(self.key_file)),
            *("--cert", str(self.directory / "relay.crt"), "--key", str(self.directory / "relay.key")),
            *(("--mesh-with", ",".join(self.peer(peer) for peer in peers)) if peers else ()),
            *options,
        ) as relay:
            yield relay

    async def login(self, number: int) -> Client:
        """A client of a node."""
        return await Client.connect("127.0.0.1", self.port(number), cert_name=self.certificate.pin)


def says(relay: RelayProcess, text: str, times: int = 1) -> None:
    """Wait until its log says that so often."""
    until(lambda: relay.log().count(text) >= times, f"the log says {text!r}", relay.log)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_client_of_a_region_reaches_each_other(tmp_path: Path, workers: str) -> None:
    """Three relays that name all three of the region, themselves too, are one: with workers and without."""
    region = Region.make(tmp_path, 3)

    async def scenario() -> None:
        clients = [await region.login(number) for number in range(3) for _ in range(3)]
        for src in clients:
            for dst in clients:
                if src is not dst:
                    await reaches(src, dst)
        for client in clients:
            await client.close()

    with ExitStack() as stack:
        relays = [stack.enter_context(region.node(n, [0, 1, 2], "--workers", workers)) for n in range(3)]
        for relay in relays:
            says(relay, ") is up", times=2)
            says(relay, "is this relay itself")
        run(scenario)


async def reaches(src: Client, dst: Client) -> None:
    """A packet goes from the one to the other; whoever has just come may not be known everywhere yet."""
    text = secrets.token_bytes(8)

    async def send() -> None:
        while True:
            await src.send(dst.public_key, text)
            await asyncio.sleep(0.02)

    sending = asyncio.create_task(send())
    try:
        while await dst.recv() != ReceivedPacket(src.public_key, text):
            pass
    finally:
        sending.cancel()


def test_a_relay_that_restarts_is_found_again(tmp_path: Path) -> None:
    """When a relay is killed the others say so once, and when it is back that the link is up again."""
    region = Region.make(tmp_path, 2)

    async def scenario() -> None:
        async with await region.login(0) as left, await region.login(1) as right:
            await reaches(left, right)
            await reaches(right, left)

    with region.node(0, [1]) as relay:
        with region.node(1, [0]) as other:
            says(relay, ") is up")
            run(scenario)
            other.send_signal(signal.SIGKILL)
            says(relay, "is down: ")
            says(relay, f"Nothing listens at 127.0.0.1:{region.port(1)}")
        with region.node(1, [0]):
            says(relay, ") is up again after")
            run(scenario)
        assert relay.log().count("Nothing listens") == 1


def test_keys_are_changed_while_all_run(tmp_path: Path) -> None:
    """The mesh key is changed by reloads, first everywhere accepted, then used, then the old one taken away."""
    region = Region.make(tmp_path, 2)
    old, new = region.key_file.read_text().strip(), secrets.token_hex(32)

    async def scenario() -> None:
        async with await region.login(0) as left, await region.login(1) as right:
            await reaches(left, right)
            await reaches(right, left)

    with region.node(0, [1]) as one, region.node(1, [0]) as other:
        for keys in ((old, new), (new, old), (new,)):
            region.write_key(*keys)
            for relay in (one, other):
                before = relay.log().count("reloaded: ")
                relay.send_signal(signal.SIGHUP)
                says(relay, "reloaded: ", before + 1)
            run(scenario)
        for relay in (one, other):
            assert "does not take this relay for a mesh peer" not in relay.log()


def test_a_wrong_key_is_said_on_both_sides(tmp_path: Path) -> None:
    """A relay with another mesh key learns it from the other's words; the other one names it in its log."""
    region, other = Region.make(tmp_path, 2), tmp_path / "other.key"
    other.write_text(secrets.token_hex(32) + "\n")
    other.chmod(0o600)
    with region.node(0, [1]) as relay, region.node(1, [], "--mesh-key-file", str(other)) as peer:
        says(relay, "does not take this relay for a mesh peer; it says: ")
        until(lambda: "mesh key" in peer.log(), "the other one says it too", peer.log)
