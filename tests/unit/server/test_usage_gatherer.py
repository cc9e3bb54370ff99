"""Gathering what was used, beside packets."""

from __future__ import annotations

import asyncio

import pytest

from support.world import World
from tailhub.server import usage_gatherer
from tailhub.server.usage_gatherer import UsageGatherer


def test_others_have_turns_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pairs there are, they are looked at and handed over in parts, with turns of the loop in between."""
    monkeypatch.setattr(usage_gatherer, "GATHER_EVERY_S", 0.0)
    monkeypatch.setattr(usage_gatherer, "_MOST_ROWS", 2)
    monkeypatch.setattr(usage_gatherer, "_SLICE", 3)
    world = World()
    happened: list[str] = []

    async def scenario() -> None:
        gatherer = UsageGatherer(world.relay, lambda rows: happened.append(f"{len(rows)} rows"), lambda: True)
        for name in "abcd":
            world.login(name)
        for name in "bcd":
            world.send(name, "a", b"1")
            world.send("a", name, b"1")
        task = asyncio.get_running_loop().create_task(gatherer.run())
        while happened.count("2 rows") < 3:
            await asyncio.sleep(0)
            happened.append("turn")
        task.cancel()

    asyncio.run(scenario())
    first = happened.index("2 rows")
    assert happened[first:] == ["2 rows", "turn"] * 3
    assert happened[:first].count("turn") > 2  # one to begin with, two parts
