"""Tenants of one relay, over real connections: each device belongs to the one that knows it, and reaches no other."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from support.relay_process import RelayProcess
from support.relay_process import until as wait_until
from support.scripted_relay import run
from support.world import DISCO
from tailhub import box
from tailhub.client import DERPClient, PeerGone, ReceivedPacket
from tailhub.derp.frames import PeerGoneReason
from tailhub.keys import NodePrivate

KEYS = {name: NodePrivate(bytes((8, number, *range(30)))) for number, name in enumerate("abxyz", start=1)}
OF = {"default": "z", "one": "ab", "two": "xy"}  # the devices of each tenant
CONFIG = """\
allow_list = "default.keys"

[[tenant]]
name = "one"
allow_list = "one.keys"

[[tenant]]
name = "two"
allow_list = "two.keys"
may_reach = ["default"]
"""


def write_config(directory: Path) -> Path:
    """The configuration, and the lists of keys beside it."""
    for tenant, names in OF.items():
        lines = (f"nodekey:{box.public_key(KEYS[name]).raw.hex()} device-{name}\n" for name in names)
        (directory / f"{tenant}.keys").write_text("".join(lines))
    path = directory / "tailhub.toml"
    path.write_text(CONFIG)
    return path


async def login(relay: RelayProcess, name: str) -> DERPClient:
    return await DERPClient.connect("127.0.0.1", relay.port, private_key=KEYS[name], cert_name=relay.pin)


async def next_packet(client: DERPClient) -> ReceivedPacket:
    """The next packet that a client gets."""
    while not isinstance(message := await client.recv(), ReceivedPacket):
        pass
    return message


@pytest.mark.parametrize(
    "workers", ["1", pytest.param("3", marks=pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"))]
)
def test_devices_reach_those_of_their_tenant(tmp_path: Path, workers: str) -> None:
    """A packet passes within a tenant and between two that may; to a stranger its sender gets "not here", and no more.

    The log calls devices by name and tenant, and the metrics count for each tenant.
    """
    reach = {(src, dst) for names in ("ab", "xyz") for src in names for dst in names if src != dst}

    async def scenario(relay: RelayProcess) -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(60):
            clients = {name: await stack.enter_async_context(await login(relay, name)) for name in KEYS}
            for src in clients:
                for dst in clients:
                    if (src, dst) in reach:
                        await clients[src].send(clients[dst].public_key, f"{src} to {dst}".encode())
                        expected = ReceivedPacket(clients[src].public_key, f"{src} to {dst}".encode())
                        assert await next_packet(clients[dst]) == expected
                    elif src != dst:
                        await clients[src].send(clients[dst].public_key, DISCO)
                        gone = PeerGone(clients[dst].public_key, PeerGoneReason.NOT_HERE)
                        while await clients[src].recv() != gone:
                            pass
            wait_until(lambda: relay.metric("tailhub_tenant_connections") == len(KEYS), "all are counted", relay.log)

    with RelayProcess("--config", str(write_config(tmp_path)), "--workers", workers) as relay:
        run(scenario(relay))
        wait_until(lambda: relay.metric("tailhub_tenant_packets_sent_total") == len(reach), "sent", relay.log)
        metrics = relay.metrics()
        assert metrics['tailhub_tenant_packets_sent_total{tenant="one"}'] == 2
        strangers = {tenant: metrics[_dropped(tenant)] for tenant in OF}
        assert strangers == {"default": 2, "one": 6, "two": 4}
        assert "device-a of one from 127.0.0.1" in relay.log()
        assert "device-z from 127.0.0.1" in relay.log()


def _dropped(tenant: str) -> str:
    return f'tailhub_tenant_packets_dropped_total{{reason="other_tenant",tenant="{tenant}"}}'
