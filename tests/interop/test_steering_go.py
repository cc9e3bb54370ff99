"""Steering with real clients and two regions: a refused home moves, and an evacuation loses nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support import require
from support.how_to import blocks_for
from support.relay_process import until
from support.two_regions import FAR, NEAR, TwoRegions

pytestmark = pytest.mark.go

MOVED_WITHIN_S = 15.0  # what is promised
MOVE_LIMIT_S = 60.0
EVACUATION_LIMIT_S = 480.0


def wait_for_homes(world: TwoRegions, *homes: int, limit_s: float = MOVE_LIMIT_S) -> float:
    """Until the nodes' homes are these; how long it took."""
    began = time.monotonic()
    until(lambda: world.homes == list(homes), f"homes are {homes}", world.log, limit_s)
    return time.monotonic() - began


@pytest.fixture(params=["1", "2"], ids=["one-process", "two-workers"])
def workers(request: pytest.FixtureRequest) -> tuple[str, str]:
    require.root("the network")
    return "--workers", request.param


def test_a_refused_home(workers: tuple[str, str], tmp_path: Path) -> None:
    """Homes that are refused, quiet or busy, are reached through the other region within 15 s, and visit their peers
    here; once allowed they come back.
    """
    with TwoRegions(tmp_path, *workers, "--allow-list", "on", "--steer") as world:
        assert wait_for_homes(world, FAR, FAR) < MOVED_WITHIN_S
        for number in (0, 1):
            world.tailhub("allow", "add", world.key(number), "--name", f"node{number}")
        wait_for_homes(world, NEAR, NEAR)
        with world.net.pings() as pings:
            until(lambda: pings.answered_at, "a first answer", world.log)
            pings.wait_for_more(20, world.log)
            world.tailhub("allow", "remove", "node1")
            refused_at = time.monotonic()
            until(lambda: pings.answered_at[-1] < time.monotonic() - 1, "it is cut off", world.log)
            wait_for_homes(world, NEAR, FAR)
            pings.wait_for_more(20, world.log)
            assert pings.longest_silence_s < MOVED_WITHIN_S
            assert world.near.metric("tailhub_home_connections") == 1
            assert pings.answered_at[-1] > refused_at

            world.tailhub("allow", "add", world.key(1), "--name", "node1")
            wait_for_homes(world, NEAR, NEAR)
            pings.wait_for_more(20, world.log)


def test_an_evacuation(workers: tuple[str, str], tmp_path: Path) -> None:
    """By the page's commands two busy clients move without losing a ping, and come back; takes some six minutes."""
    evacuate, stop = (command.split()[2:] for command in blocks_for(__file__, "steering.md"))
    with TwoRegions(tmp_path, *workers) as world:
        wait_for_homes(world, NEAR, NEAR)
        with world.net.pings() as pings:
            until(lambda: pings.answered_at, "a first answer", world.log)
            pings.wait_for_more(50, world.log)
            lost = pings.lost
            assert "The relay is empty" in world.tailhub(*evacuate, limit_s=EVACUATION_LIMIT_S)
            assert world.homes == [FAR, FAR]
            pings.wait_for_more(50, world.log)
            assert pings.lost == lost, world.log()
            world.tailhub(*stop)
            wait_for_homes(world, NEAR, NEAR)
            pings.wait_for_more(50, world.log)
            assert pings.lost == lost


def test_quiet_clients_of_an_evacuation(workers: tuple[str, str], tmp_path: Path) -> None:
    """Clients that send nothing are closed and move within seconds, and stay away until it is over."""
    with TwoRegions(tmp_path, *workers) as world:
        wait_for_homes(world, NEAR, NEAR)
        world.tailhub("drain", "--evacuate", "--for", "1s", "--json")
        wait_for_homes(world, FAR, FAR, limit_s=120.0)
        until(lambda: "Homes left: 0" in world.tailhub("drain", "--status"), "it is empty", world.log)
        world.tailhub("drain", "--stop")
        with world.net.pings() as pings:
            wait_for_homes(world, NEAR, NEAR)
            until(lambda: pings.answered_at, "an answer", world.log)
