"""The original as a neighbour of ours in one region: ``derper -mesh-with`` dials our relay and forwards to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import require
from support.relay_process import RelayProcess, until
from support.scripted_relay import run
from tailhub.client import DERPClient, PeerGone, PeerGoneReason, ReceivedPacket
from tailhub.disco import MAGIC

pytestmark = pytest.mark.go

HOST = "127.0.0.1"
PIN = re.compile(r"sha256-raw:[0-9a-f]{64}")
AGAIN_S = 0.05
DISCO = MAGIC + bytes(56)  # 32B key + 24B nonce


@dataclass(frozen=True)
class Derper:
    """A running original."""

    port: int
    pin: str
    log: Path


@contextlib.contextmanager
def derper_beside(relay: RelayProcess, mesh_key_file: Path, directory: Path) -> Iterator[Derper]:
    """Start the original as another node of the region, with a link to our relay."""
    program = require.go_program("derper")
    log = directory / "derper.log"
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = (
        *(program, "-a", f"{HOST}:{port}", "-http-port", "-1", "-stun=false", "-hostname", HOST),
        *("-certmode", "manual", "-certdir", directory, "-c", directory / "derper.key"),
        *("-mesh-psk-file", mesh_key_file, "-mesh-with", f"localhost:{relay.port}"),
    )
    # A mesh link of the original goes by name and CA; our certificate is its own CA.
    environment = os.environ | {"SSL_CERT_FILE": str(relay.state_dir / "pinned.crt")}
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment)
    try:
        pin = until(lambda: PIN.search(log.read_text()), "derper tells its pin", log.read_text)
        until(lambda: relay.metric("tailhub_mesh_watchers") == 1, "derper watches our relay", log.read_text)
        yield Derper(port, pin[0], log)
    finally:
        process.terminate()
        process.wait()


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
