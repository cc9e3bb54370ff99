"""The original as a neighbour of ours in one region: ``derper -mesh-with`` dials our relay and forwards to it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.derper import Derper, derper_beside
from support.relay_process import RelayProcess
from support.scripted_relay import run
from tailhub.client import DERPClient, PeerGone, PeerGoneReason, ReceivedPacket
from tailhub.disco import MAGIC

pytestmark = pytest.mark.go

HOST = "127.0.0.1"
AGAIN_S = 0.05
DISCO = MAGIC + bytes(56)  # 32B key + 24B nonce


@contextlib.asynccontextmanager
async def sending(client: DERPClient, dst: bytes, packet: bytes) -> AsyncIterator[None]:
    """Send again and again meanwhile: how soon derper hears who is where is not ours to know."""

    async def send() -> None:
        while True:
            await client.send(dst, packet)
            await asyncio.sleep(AGAIN_S)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send_across(relay: RelayProcess, derper: Derper) -> None:
    async with (
        await DERPClient.connect(HOST, relay.port, cert_name=relay.pin) as here,
        await DERPClient.connect(HOST, derper.port, cert_name=derper.pin) as there,
    ):
        async with sending(there, here.public_key, b"across"):
            assert await here.recv() == ReceivedPacket(there.public_key, b"across")
        await here.close()
        # Once derper has heard that it left, it answers for itself.
        async with sending(there, here.public_key, DISCO):
            assert await there.recv() == PeerGone(here.public_key, PeerGoneReason.NOT_HERE)


def test_derper_forwards_to_us(tmp_path: Path) -> None:
    """A client of derper reaches a client of ours through derper's mesh link, and derper hears when ours leaves."""
    mesh_key_file = tmp_path / "mesh.key"
    mesh_key_file.write_text(secrets.token_hex(32) + "\n")
    mesh_key_file.chmod(0o600)
    options = ("--hostname", "localhost", "--mesh-key-file", str(mesh_key_file))
    with RelayProcess(*options) as relay, derper_beside(relay, mesh_key_file, tmp_path) as derper:
        run(send_across(relay, derper))
        assert relay.metric("tailhub_packets_forwarded_in_total") > 0
