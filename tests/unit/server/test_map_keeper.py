"""When a relay pushes its map."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tailhub.findings import map_push as findings
from tailhub.server.map_keeper import LOOK_S, PAUSES_S, MapKeeper
from tailhub.server.map_pusher import Destination, Order, Outcome, Result
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion, parse_json

FAILURE = findings.map_push_failed("there", "it is away")
FAILED = Outcome(Result.FAILED, code=FAILURE.code, values=FAILURE.values)
PUSHED = Outcome(Result.PUSHED, "there", ("IPv4",))
UNCHANGED = Outcome(Result.UNCHANGED, "there")


def relay_at(address: str) -> DERPMap:
    return DERPMap(regions={912: DERPRegion(region_id=912, nodes=(DERPNode(name="912a", ipv4=address),))})


class Script:
    """Runs a keeper for so many looks; what it pushed and when. `maps` by the time from which on they hold."""

    def __init__(self, maps: dict[float, DERPMap | None], outcome: Callable[[int], Outcome]) -> None:
        self.now = 0.0
        self.pushed: list[tuple[float, str]] = []
        self._maps = maps
        self._outcome = outcome

    def derp_map(self) -> DERPMap | None:
        return self._maps[max(at for at in self._maps if at <= self.now)]

    async def _push(self, order: Order) -> Outcome:
        region = parse_json(order.derp_map).regions[912]
        assert region is not None
        self.pushed.append((self.now, region.nodes[0].ipv4))
        return self._outcome(len(self.pushed))

    def run(self, until_s: float) -> list[tuple[float, str]]:
        async def sleep(pause_s: float) -> None:
            self.now += pause_s
            if self.now > until_s:
                raise asyncio.CancelledError

        async def scenario() -> None:
            keeper = MapKeeper(self.derp_map, Destination("tailscale"), Path("/nowhere"), self._push, sleep)
            with pytest.raises(asyncio.CancelledError):
                await keeper.run()

        asyncio.run(scenario())
        return self.pushed


def test_the_first_one_is_pushed_when_it_is_known_and_stays() -> None:
    """A map is pushed when two looks have seen the same, once."""
    maps = {0.0: None, 2 * LOOK_S: relay_at("192.0.2.1"), 3 * LOOK_S: relay_at("192.0.2.2")}
    assert Script(maps, lambda _: UNCHANGED).run(300) == [(4 * LOOK_S, "192.0.2.2")]


def test_a_change_is_pushed() -> None:
    """A relay that moves pushes again; while nothing is known of its address it does not."""
    maps = {0.0: relay_at("192.0.2.1"), 100.0: None, 200.0: relay_at("192.0.2.2")}
    pushed = Script(maps, lambda _: PUSHED).run(400)
    assert pushed == [(LOOK_S, "192.0.2.1"), (200 + LOOK_S, "192.0.2.2")]


def test_a_failure_is_tried_again_ever_more_rarely_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same failure is in the log once, until it has worked again."""
    with caplog.at_level(logging.INFO, "tailhub"):
        pushed = Script({0.0: relay_at("192.0.2.1")}, lambda number: PUSHED if number == 6 else FAILED).run(20_000)
    times = [at for at, _ in pushed]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [*PAUSES_S, PAUSES_S[-1]]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "it is away" in messages[0]
    assert messages[1] == "map     pushed to there: IPv4"


def test_what_is_no_longer_true_is_not_tried_again() -> None:
    """A relay that moves while a push fails pushes the new map, and soon."""
    maps = {0.0: relay_at("192.0.2.1"), 35.0: relay_at("192.0.2.2")}
    pushed = Script(maps, lambda number: FAILED if number == 1 else PUSHED).run(600)
    assert [address for _, address in pushed] == ["192.0.2.1", "192.0.2.2"]
    assert pushed[1][0] <= 35 + 3 * LOOK_S
