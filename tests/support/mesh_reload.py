"""Relays of one region as processes whose links and mesh keys a test changes while clients talk across them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from support.quick_relay import PROGRAM
from support.relay_process import RelayProcess, UnixConnection
from support.waiting import until
from tailhub.client import DERPClient, PeerGone, PeerGoneReason, ReceivedPacket
from tailhub.disco import MAGIC
from tailhub.keys import MeshKey

__all__ = ["Meshed", "Talk", "mesh_of", "not_here", "talking"]

HOST = "127.0.0.1"
PAUSE_S = 0.002  # between packets
DISCO = MAGIC + bytes(56)  # 32B key + 24B nonce


class Meshed:
    """One relay, with a configuration and a mesh key file of its own."""

    def __init__(self, relay: RelayProcess, config: Path, key_file: Path) -> None:
        self.relay = relay
        self._config = config
        self._key_file = key_file
        self._port, self._pin = relay.port, relay.pin

    async def client(self, mesh_key: str | None = None) -> DERPClient:
        """One that is logged in."""
        key = MeshKey.parse(mesh_key) if mesh_key is not None else None
        return await DERPClient.connect(HOST, self._port, cert_name=self._pin, mesh_key=key)

    async def links_to(self, *others: Meshed, name: str = HOST) -> None:
        """Have it keep links to these, and to no others."""
        entries = [f'"{name}:{other._port}?cert={other._pin}"' for other in others]
        self._config.write_text(f'mesh_key_file = "{self._key_file}"\nmesh_with = [{", ".join(entries)}]\n')
        await self.reload()

    async def takes_keys(self, *keys: str) -> None:
        """Have it take these mesh keys, and show the first."""
        self._key_file.write_text("".join(f"{key}\n" for key in keys))
        await self.reload()

    async def reload(self) -> None:
        """Have it go by what its files say now."""
        status, said = await asyncio.to_thread(self._reload)
        assert status == 200, said

    def _reload(self) -> tuple[int, str]:
        connection = UnixConnection(self.relay.state_dir / "admin.sock")
        connection.request("POST", "/api/v1/reload")
        response = connection.getresponse()
        said = response.read().decode()
        connection.close()
        return response.status, said

    def peer_logins(self) -> int:
        """How often others have opened a link to it, by its log."""
        return self.relay.log().count("login   mesh peer")


@contextlib.contextmanager
def mesh_of(directory: Path, count: int, workers: str = "1") -> Iterator[list[Meshed]]:
    """So many relays with one mesh key and no links; the first has these `workers`."""
    key = MeshKey.generate().to_text()
    with contextlib.ExitStack() as stack:
        members = []
        for number in range(count):
            config, key_file = directory / f"{number}.toml", directory / f"{number}.key"
            key_file.touch(0o600)
            key_file.write_text(key)
            config.write_text(f'mesh_key_file = "{key_file}"\n')
            options = ("--hostname", "localhost", "--config", str(config), "--workers", workers if number == 0 else "1")
            members.append(Meshed(stack.enter_context(RelayProcess(*options, program=PROGRAM)), config, key_file))
        yield members


class Talk:
    """Packets from one client to another, again and again, with their numbers."""

    def __init__(self, one: DERPClient, other: DERPClient) -> None:
        self.one, self.other = one, other
        self.sent = 0
        self.arrived: list[int] = []

    async def send(self) -> None:
        """Until cancelled."""
        while True:
            self.sent += 1
            await self.one.send(self.other.public_key, self.sent.to_bytes(8))
            await asyncio.sleep(PAUSE_S)

    async def receive(self) -> None:
        """Until cancelled. Raises `ConnectionClosedError` if the other one's connection ends."""
        async for message in self.other:
            if isinstance(message, ReceivedPacket) and message.src == self.one.public_key:
                self.arrived.append(int.from_bytes(message.packet))

    @property
    def has_all(self) -> bool:
        """Has everything arrived between the first and the last, once? Two ways may change the order."""
        return sorted(self.arrived) == list(range(min(self.arrived), max(self.arrived) + 1))

    async def flows(self) -> None:
        """Wait until something comes that is sent from now on."""
        sent = self.sent
        await until(lambda: max(self.arrived, default=0) > sent)


@contextlib.asynccontextmanager
async def talking(*pairs: tuple[DERPClient, DERPClient]) -> AsyncIterator[list[Talk]]:
    """Talks that go on meanwhile. An end of one of the connections is an error."""
    talks = [Talk(*pair) for pair in pairs]
    tasks = [asyncio.create_task(work) for talk in talks for work in (talk.send(), talk.receive())]
    try:
        yield talks
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


async def not_here(asking: DERPClient, key: bytes) -> None:
    """Wait until a relay answers for itself that it knows no way to this key. Nobody else may read from `asking`."""

    async def ask() -> None:
        while True:
            await asking.send(key, DISCO)
            await asyncio.sleep(0.4)  # it answers once a second and client

    task = asyncio.create_task(ask())
    try:
        while await asking.recv() != PeerGone(key, PeerGoneReason.NOT_HERE):
            pass
    finally:
        task.cancel()
