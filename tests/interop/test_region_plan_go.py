"""A planned region with the original in it: derper, started by the script that the plan wrote, beside our relay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.planned_region import HOST, PlannedRegion
from support.relay_process import until
from support.scripted_relay import run
from tailhub.client import DERPClient, ReceivedPacket
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.region import look_at_region

pytestmark = pytest.mark.go

AGAIN_S = 0.05


@contextlib.contextmanager
def derper(region: PlannedRegion, name: str) -> Iterator[None]:
    """Run the node's script, from another directory than its own."""
    log = region.directory / f"{name}.log"
    environ = os.environ | {"DERPER": require.go_program("derper")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["sh", str(region.place / name / "derper.sh")],
            cwd=region.directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        until(lambda: "derper: serving on" in log.read_text(), "derper serves", log.read_text)
        yield
    finally:
        process.terminate()
        process.wait()


async def connect(node: DERPNode) -> DERPClient:
    return await DERPClient.connect(HOST, node.derp_port, cert_name=node.cert_name)


async def cross(nodes: list[DERPNode]) -> None:
    """A packet from a client of the first node reaches one of the second node, and the other way around."""
    async with await connect(nodes[0]) as first, await connect(nodes[1]) as second:
        for sender, receiver in ((first, second), (second, first)):
            while True:
                await sender.send(receiver.public_key, b"across")
                try:
                    async with asyncio.timeout(AGAIN_S):
                        message = await receiver.recv()
                except TimeoutError:
                    continue
                if isinstance(message, ReceivedPacket):
                    assert message == ReceivedPacket(sender.public_key, b"across")
                    break


def test_the_original_runs_from_its_plan(tmp_path: Path) -> None:
    """Both dial each other with the planned key and certificates, packets pass both ways, the map's ports are right."""
    region = PlannedRegion(tmp_path, ("a", "d"), more={"d": 'kind = "derper"'})
    nodes = [region.node("a"), region.node("d")]
    with derper(region, "d"), region:
        seen = run(look_at_region(nodes, region.mesh_keys))
        assert [one.is_mesh for one in seen.nodes] == [True, True]
        assert seen.missing_links() == []
        run(cross(nodes))
        words = [sys.executable, "-m", "tailhub", "derpmap", "lint", str(region.place / "derpmap.json"), "--ask"]
        said = subprocess.run(words, capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr
