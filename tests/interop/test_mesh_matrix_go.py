"""Regions of several relays, ours and the original's, which dial each other: everybody reaches everybody.

Also when a relay is restarted or killed, and when the ways between them are cut and healed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mesh_members import Member, all_reach_all, members, presence_is_true, rejoin
from support.mesh_region import MESH_LIMIT_S, Region
from support.mesh_wire import Cut
from support.waiting import run, until
from tailhub.client import PeerGone, PeerGoneReason
from tailhub.disco import MAGIC

pytestmark = pytest.mark.go

LIMIT_S = 400.0
KINDS = ["OOO", "2OD", "ODD"]  # O: ours, 2: ours with two workers, D: the original
DISCO = MAGIC + bytes(56)  # 32B key + 24B nonce


@pytest.fixture(params=KINDS)
def region(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Region]:
    with Region(tmp_path, request.param) as made:
        made.wait_until_meshed()
        yield made


def test_matrix(region: Region) -> None:
    """A client of any node reaches those of its own node and of all others, and no packet comes twice."""

    async def scenario() -> None:
        async with members(region, each=2) as everybody:
            await all_reach_all(everybody)
            await presence_is_true(region, everybody)

    run(scenario, LIMIT_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "killed"])
def test_a_node_ends_and_comes_back(region: Region, number: signal.Signals) -> None:
    """Whichever node ends, clients of the others are told that its clients have left, and still reach each other; when
    it is back so are they.
    """

    async def scenario() -> None:
        async with members(region, each=2) as everybody:
            await all_reach_all(everybody)
            for ended, node in enumerate(region.nodes):
                await asyncio.to_thread(node.stop, number)
                rest = [[] if at is ended else at_node for at, at_node in enumerate(everybody)]
                await hear_of(rest, everybody[ended])
                await all_reach_all(rest)
                await presence_is_true(region, rest)
                await asyncio.to_thread(node.start)
                await rejoin(everybody, ended)
                await all_reach_all(everybody)
                await presence_is_true(region, everybody)
                await asyncio.to_thread(region.wait_until_meshed)

    run(scenario, LIMIT_S)


@pytest.mark.parametrize("how", [Cut.RESET, Cut.REFUSED], ids=lambda how: how.value)
def test_a_node_is_cut_off_and_comes_back(region: Region, how: Cut) -> None:
    """When all ways to a node are cut, each side's clients are told that the other's have left, and reach their own
    side; when the ways are back they reach each other again.
    """

    async def scenario() -> None:
        async with members(region, each=2) as everybody:
            await all_reach_all(everybody)
            for alone in range(len(region.nodes)):
                inside, outside = [everybody[alone]], everybody[:alone] + everybody[alone + 1 :]
                await asyncio.to_thread(region.isolate, alone, how)
                await hear_of(inside, flat(outside))
                await hear_of(outside, flat(inside))
                await all_reach_all(inside)
                await all_reach_all(outside)
                await asyncio.to_thread(region.heal)
                await all_reach_all(everybody)
                await presence_is_true(region, everybody)

    run(scenario, LIMIT_S)


def test_a_node_is_cut_off_silently(region: Region) -> None:
    """The same when nothing comes any more and nobody says so: ours notice by themselves, derper only after minutes."""

    async def scenario() -> None:
        async with members(region, each=2) as everybody:
            await all_reach_all(everybody)
            alone, *others = everybody
            await asyncio.to_thread(region.isolate, 0, Cut.SILENT)
            await hear_of([alone], flat(others))
            for node, at_node in zip(region.nodes[1:], others, strict=True):
                if not node.is_original:
                    await hear_of([at_node], alone)
            await all_reach_all([alone])
            await all_reach_all(others)
            await asyncio.to_thread(region.heal)
            await all_reach_all(everybody)
            await presence_is_true(region, everybody)

    run(scenario, LIMIT_S)


def test_a_way_is_cut_in_one_direction(region: Region) -> None:
    """When one node cannot dial another, its clients do not reach that one's, which they are told, but are reached."""

    async def scenario() -> None:
        async with members(region) as everybody:
            await all_reach_all(everybody)
            for src, dst in ((0, 1), (1, 2), (2, 0)):
                (here,), (there,) = everybody[src], everybody[dst]
                await asyncio.to_thread(region.cut, src, dst, Cut.REFUSED)
                await here.hears_of(there)
                await there.reaches(here)
                here.gone.clear()
                await here.client.send(there.key, DISCO)
                await until(lambda here=here: here.gone, MESH_LIMIT_S)
                assert here.gone == [PeerGone(there.key, PeerGoneReason.NOT_HERE)]
                await asyncio.to_thread(region.heal)
                await all_reach_all(everybody)

    run(scenario, LIMIT_S)


def flat(everybody: list[list[Member]]) -> list[Member]:
    return [member for at_node in everybody for member in at_node]


async def hear_of(everybody: list[list[Member]], left: list[Member]) -> None:
    """All of them are told that these have left; from here on that counts no more."""
    for member in flat(everybody):
        for gone in left:
            await member.hears_of(gone)
        member.gone.clear()
