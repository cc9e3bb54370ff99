"""Three relays in one region: clients that move between them, and a region that falls apart and comes together."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from support.mesh_members import Member, all_reach_all, members, presence_is_true
from support.mesh_moving import Forwarded, Moving
from support.mesh_region import Region
from support.mesh_wire import Cut
from support.waiting import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several workers need Linux")

CLIENTS, MOVES, PACKETS_PER_S = 1000, 2000, 1000
LIMIT_S = 120.0


def test_clients_that_move(tmp_path: Path) -> None:
    """Whoever moves is found at the new place, whatever becomes of the old connection; meanwhile no packet comes twice
    or to another key, and none is forwarded more than once.
    """
    forwarded = Forwarded()
    with Region(tmp_path, "O2O", tls=False, make_tap=forwarded.tap) as region:
        region.wait_until_meshed()
        moving = Moving(region, forwarded, CLIENTS, seed=1)
        run(lambda: moving.run(MOVES, PACKETS_PER_S), LIMIT_S)
    print(moving.figures())


@pytest.mark.parametrize("how", [Cut.RESET, Cut.REFUSED], ids=lambda how: how.value)
def test_a_split_and_its_end(tmp_path: Path, how: Cut) -> None:
    """Whatever clients do while one node is cut off from two, once it no longer is every node knows who is where."""

    async def scenario(region: Region) -> None:
        async with members(region, each=3) as everybody:
            await presence_is_true(region, everybody)
            first, second, third = everybody
            await asyncio.to_thread(region.isolate, 0, how)
            for member, others in ((first[1], third), (third[1], first)):  # both ways across the split
                await member.leave()
                moved = await Member.join(others[0].node, member.private)
                others.append(moved)
            del first[1], third[1]
            await second.pop().leave()
            second.append(await Member.join(second[0].node))
            await asyncio.to_thread(region.heal)
            await presence_is_true(region, everybody)
            await all_reach_all(everybody)

    with Region(tmp_path, "OOO") as region:
        region.wait_until_meshed()
        run(lambda: scenario(region), LIMIT_S)
