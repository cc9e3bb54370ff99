"""Tailscale's own clients at different relays of one region: tailcat, and tailscaled with Headscale."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from support import require
from support.mesh_region import Region
from support.mesh_tailnet import MeshTailnet
from support.relay_process import until
from support.served_map import served_map
from support.tailcat import PIPE_LIMIT_S, Tailcat

pytestmark = pytest.mark.go

PIPE_BYTES = 10_000_000
BACK_WITHIN_S = 15.0  # the original's nodes dial each other every 5 s


@contextlib.contextmanager
def tailcat_at(region: Region, number: int, directory: Path) -> Iterator[Tailcat]:
    """A tailcat whose map has only this node of the region: of several it takes any."""
    directory.mkdir()
    node = region.nodes[number].map_node("937a") | {"RegionID": 937}
    derp_map = {"Regions": {"937": {"RegionID": 937, "RegionCode": "mesh", "RegionName": "Mesh", "Nodes": [node]}}}
    with served_map(derp_map) as url:
        yield Tailcat(require.tailcat(), url, directory)


@pytest.mark.parametrize("kinds", ["OOO", "OO2", "OOD", "DOO"])
def test_two_tailcats(kinds: str, tmp_path: Path) -> None:
    """Two tailcats at two nodes, ours or derper's, find each other and pipe 10 MB intact from one node to the other."""
    with Region(tmp_path, kinds, stun=True) as region, contextlib.ExitStack() as stack:
        region.wait_until_meshed()
        listening = stack.enter_context(tailcat_at(region, 0, tmp_path / "listening"))
        sending = stack.enter_context(tailcat_at(region, 2, tmp_path / "sending"))
        content = tmp_path / "content"
        content.write_bytes(random.Random(1).randbytes(PIPE_BYTES))
        listener = stack.enter_context(listening.listen())
        assert sending.first_pong(listener.address) == "DERP(mesh)"
        sending.send(listener.address, content)
        until(lambda: listener.received.stat().st_size >= PIPE_BYTES, "all has arrived", region.log, PIPE_LIMIT_S)
        assert sha256(listener.received.read_bytes()).digest() == sha256(content.read_bytes()).digest()
        assert sum(node.forwarded_in for node in region.nodes) > PIPE_BYTES / 1500


@pytest.mark.parametrize("kinds", ["OOO", "ODO", "DOD"])
def test_two_tailscaleds(kinds: str, tmp_path: Path) -> None:
    """Two nodes of a tailnet at two relays of one region ping each other over both; when one's relay is killed it goes
    to the third and is found there; and back again after that is killed.
    """
    with MeshTailnet(tmp_path, kinds) as world:
        *either, third = world.nodes
        with world.net.pings() as pings:
            until(lambda: pings.answered_at, "a first answer", world.log)
            pings.wait_for_more(20, world.log)
            assert third.forwarded_in > 0
            for _ in range(2):
                (ended,) = (node for node in either if node.clients)
                (taken,) = (node for node in either if node is not ended)
                ended.kill()
                until(lambda: taken.clients == 1, "it has moved", world.log)  # noqa: B023
                pings.wait_for_more(20, world.log)
                ended.start()
                world.wait_until_meshed()
            assert third.clients == 1
            print(f"{kinds}: longest silence {pings.longest_silence_s:.2f} s")
            assert pings.longest_silence_s < BACK_WITHIN_S
