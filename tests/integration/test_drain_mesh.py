"""A node of a mesh that drains: nobody waits for it, and packets for those who are still there come through."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.planned_region import planned_region
from support.ports import free_ports
from support.relay_process import RelayProcess, UnixConnection
from support.relay_process import until as wait_until
from support.scripted_relay import run as run_clients
from support.wire import open_client, pass_time, relay, run
from tailhub import box
from tailhub.client import Connected, DERPClient, Disconnected, ReceivedPacket, RegionClient
from tailhub.server.app import RelayServer
from tailhub.tailcfg.derpmap import DERPNode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a bound socket stop listening")

HOST = "127.0.0.1"
LONG_S = 3600


def ask(relay: RelayProcess, method: str, **fields: object) -> None:
    connection = UnixConnection(relay.state_dir / "admin.sock")
    connection.request(method, "/api/v1/drain", json.dumps(fields) if fields else None)
    assert connection.getresponse().status == 200
    connection.close()


async def connect(node: DERPNode) -> DERPClient:
    return await DERPClient.connect(HOST, node.derp_port, cert_name=node.cert_name)


def can_connect(port: int) -> bool:
    try:
        socket.create_connection((HOST, port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one-process", "two-workers"])
def test_nobody_can_connect_until_it_is_called_off(tmp_path: Path, workers: str) -> None:
    """While it drains the kernel refuses connections at once, at every worker; when that is called off it serves."""
    with planned_region(tmp_path, ("a", "b"), settings=f"workers = {workers}") as region:
        node, port, pin = region.relays["a"], region.ports["a"], region.node("a").cert_name
        for _ in range(2):
            ask(node, "POST", over_s=LONG_S)
            wait_until(lambda: not any(can_connect(port) for _ in range(10)), "it refuses", node.log)
            ask(node, "DELETE")
            wait_until(lambda: all(can_connect(port) for _ in range(10)), "it listens", node.log)

        async def log_in() -> None:
            async with await DERPClient.connect(HOST, port, cert_name=pin):
                pass

        run_clients(log_in())


def test_who_is_closed_is_at_the_next_node_at_once(tmp_path: Path) -> None:
    """A client that the drain closes logs in at the region's next node while the drain lasts, and is found there."""
    with planned_region(tmp_path, ("a", "b")) as region:
        first, nodes = region.relays["a"], [region.node("a"), region.node("b")]

        key = box.generate()

        async def scenario() -> None:
            staying = await connect(nodes[1])
            async with RegionClient(nodes, private_key=key) as moving, staying:
                assert isinstance(await anext(moving), Connected)
                ask(first, "POST", over_s=1, stays=True)
                assert isinstance(await next_state(moving), Disconnected)
                assert isinstance(await next_state(moving), Connected)
                assert not can_connect(nodes[0].derp_port)
                async with sending(staying, box.public_key(key)):
                    while not isinstance(await anext(moving), ReceivedPacket):
                        pass

        run_clients(scenario())


async def next_state(client: RegionClient) -> object:
    """The next news of the client's own connection."""
    while not isinstance(news := await anext(client), Connected | Disconnected):
        pass
    return news


def test_other_relays_connections_go_last(tmp_path: Path) -> None:
    """Whoever watches is closed after all clients where there are other nodes, and before them where there are none."""
    key = tmp_path / "mesh.key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32))
    text = json.dumps({"meshKey": key.read_text(), "version": 2}).encode()

    async def order(**options: object) -> list[bool]:
        async with relay(mesh_key_file=key, **options) as server:
            peers = [await open_client(server, text=text) for _ in range(2)]
            clients = [await open_client(server) for _ in range(6)]
            assert server.draining is not None
            server.draining.begin(30.0, stays=True)
            closed: list[bool] = []
            for _ in range(16):
                await pass_time(2.0)
                closed += newly_closed(server, closed)
            assert len(closed) == len(peers) + len(clients)
            return closed

    def newly_closed(server: RelayServer, closed: list[bool]) -> list[bool]:
        left = [stream.connection.identity.is_mesh for stream in server.context.derp_connections if stream.connection]
        gone_peers = 2 - sum(left) - sum(closed)
        gone_clients = 6 - (len(left) - sum(left)) - (len(closed) - sum(closed))
        return [True] * gone_peers + [False] * gone_clients

    async def scenario() -> None:
        port = free_ports()
        assert await order(listen=f"{HOST}:{port}") == [True] * 2 + [False] * 6
        elsewhere = (f"{HOST}:{free_ports()}",)  # where nobody is
        assert await order(listen=f"{HOST}:{port}", mesh_with=elsewhere) == [False] * 6 + [True] * 2

    run(scenario)


def test_packets_flow_to_the_end(tmp_path: Path) -> None:
    """A client of another node reaches one that the drain has not closed yet, and the other way around."""
    with planned_region(tmp_path, ("a", "b")) as region:
        first, nodes = region.relays["a"], [region.node("a"), region.node("b")]

        async def scenario() -> None:
            async with await connect(nodes[0]) as here, await connect(nodes[1]) as there:
                ask(first, "POST", over_s=LONG_S)
                wait_until(lambda: not can_connect(nodes[0].derp_port), "it refuses", first.log)
                for sender, receiver in ((here, there), (there, here)):
                    async with sending(sender, receiver.public_key):
                        while not isinstance(await receiver.recv(), ReceivedPacket):
                            pass

        run_clients(scenario())


@contextlib.asynccontextmanager
async def sending(sender: DERPClient, dst: bytes) -> AsyncIterator[None]:
    """Send again and again meanwhile: how soon nodes hear who is where is not ours to know."""

    async def send() -> None:
        while True:
            await sender.send(dst, b"packet")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
