"""Who has presence do its work a piece a turn."""

from __future__ import annotations

import asyncio

import pytest

from support.jumping_loop import run_at_once
from support.waiting import until
from tailhub.relay.presence import Presence
from tailhub.relay.stats import Stats
from tailhub.server.presence_work import PresenceWork


class Scripted(Presence):
    """Does nothing, and says what it is told to say of how it goes on."""

    __slots__ = ("answers", "done_at")

    def __init__(self, *answers: float | None) -> None:
        super().__init__(Stats())
        self.answers = list(answers)
        self.done_at: list[float] = []

    def work(self, now: float) -> float | None:
        self.done_at.append(now)
        return self.answers.pop(0)


def test_a_piece_a_turn_until_nothing_is_left() -> None:
    """Each in a turn of its own, so that others have theirs between; a wait is kept, and then there is peace."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        presence = Scripted(0.0, 0.0, 3.0, None)
        work = PresenceWork(loop, presence)
        presence.on_work()
        assert presence.done_at == []
        while len(presence.done_at) < 3:
            before = len(presence.done_at)
            await asyncio.sleep(0)
            assert len(presence.done_at) <= before + 1
        await until(lambda: len(presence.done_at) == 4)
        assert presence.done_at == pytest.approx([start, start, start, start + 3.0])
        presence.answers.append(None)
        presence.on_work()
        await until(lambda: len(presence.done_at) == 5)
        work.stop()

    run_at_once(scenario)


def test_new_work_does_not_wait_for_old() -> None:
    """While a piece has to wait there may come another that has not."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        presence = Scripted(100.0, None)
        work = PresenceWork(loop, presence)
        presence.on_work()
        await until(lambda: len(presence.done_at) == 1)
        presence.on_work()
        presence.on_work()
        await until(lambda: len(presence.done_at) == 2)
        assert presence.done_at[1] - presence.done_at[0] < 100
        work.stop()

    run_at_once(scenario)


def test_stopped() -> None:
    """Nothing is done any more, neither what waits nor what comes later."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        presence = Scripted()
        work = PresenceWork(loop, presence)
        presence.on_work()
        work.stop()
        presence.on_work()
        await asyncio.sleep(1)
        assert presence.done_at == []

    run_at_once(scenario)
