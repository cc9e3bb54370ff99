"""The original as a node of a region that is looked at: what it tells a mesh peer, and where it sends packets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tailhub
from support.derper import derper
from support.region_relays import RegionRelays, look_until
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.region import ExaminedRegion, examine_region

pytestmark = pytest.mark.go

OURS, THEIRS = 0, 1
with_key = pytest.mark.parametrize("with_key", [True, False], ids=["mesh key", "packets"])


@contextlib.contextmanager
def mixed(
    directory: Path, region: RegionRelays, *, we_dial: bool, it_dials: bool, mesh_key_file: Path | None = None
) -> Iterator[list[DERPNode]]:
    """A relay of ours and the original, with the links that are wanted; the nodes of both."""
    # A mesh link of the original goes by name and CA; our certificate is its own CA.
    environ = {"SSL_CERT_FILE": str(region.state_dir(OURS) / "pinned.crt")}
    port = region.nodes[OURS].derp_port
    words = ("-mesh-psk-file", mesh_key_file or region.mesh_key_file)
    words += ("-mesh-with", f"localhost:{port}") if it_dials else ()
    with derper(directory, *words, environ=environ) as running:
        peer = ("--mesh-with", f"127.0.0.1:{running.port}?cert={running.pin}") if we_dial else ()
        with region.relay(OURS, (), *peer):
            yield [region.nodes[OURS], running.node("900x")]


def examined(
    region: RegionRelays, nodes: list[DERPNode], mesh_keys: list[MeshKey], *missing: tuple[int, int]
) -> ExaminedRegion:
    async def look() -> ExaminedRegion:
        await look_until(nodes, mesh_keys, missing)
        return await examine_region(region.targets(nodes), mesh_keys, settle_s=1.0)

    return asyncio.run(look())


def codes(one: ExaminedRegion) -> list[str]:
    return [finding.code for finding in one.report.findings]


@with_key
def test_a_whole_mesh(tmp_path: Path, with_key: bool) -> None:
    """A relay of ours and the original that have dialled each other are a mesh."""
    region = RegionRelays(tmp_path, 1)
    with mixed(tmp_path, region, we_dial=True, it_dials=True) as nodes:
        one = examined(region, nodes, [region.mesh_key] if with_key else [])
    assert codes(one) == []
    assert [node.is_mesh for node in one.seen.nodes] == [True if with_key else None] * 2
    assert [node.version for node in one.seen.nodes] == [tailhub.__version__ if with_key else "", ""]


@with_key
@pytest.mark.parametrize(("sender", "receiver"), [(OURS, THEIRS), (THEIRS, OURS)], ids=["ours", "the original"])
def test_one_way(tmp_path: Path, sender: int, receiver: int, with_key: bool) -> None:
    """Which of both has not dialled the other is told, whichever it is."""
    region = RegionRelays(tmp_path, 1)
    with mixed(tmp_path, region, we_dial=sender == THEIRS, it_dials=sender == OURS) as nodes:
        one = examined(region, nodes, [region.mesh_key] if with_key else [], (sender, receiver))
    # Of two nodes with one link between them the missing one is half of all.
    assert codes(one) == ["TH561"]
    assert one.report.findings[0].values["sender"] == nodes[sender].name


def test_another_mesh_key(tmp_path: Path) -> None:
    """The original closes the connection of one who shows another mesh key than its own, which is told."""
    region = RegionRelays(tmp_path, 1)
    other = region.new_mesh_key("other.key")[0]
    with mixed(tmp_path, region, we_dial=False, it_dials=False, mesh_key_file=other) as nodes:
        one = examined(region, nodes, [region.mesh_key])
    assert codes(one) == ["TH563"]
    assert one.report.findings[0].values["nodes"] == "900x"
