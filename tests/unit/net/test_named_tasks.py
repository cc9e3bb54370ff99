"""Work that goes on beside, by name."""

from __future__ import annotations

import asyncio

from support.waiting import run, until
from tailhub.net.named_tasks import NamedTasks


def test_one_of_each_name() -> None:
    """What is begun under a name ends what went on under it, and nothing else; None only ends; `end` ends all."""

    async def scenario() -> None:
        tasks, going = NamedTasks(), set[str]()

        async def work(word: str) -> None:
            going.add(word)
            try:
                await asyncio.Event().wait()
            finally:
                going.discard(word)

        tasks.set("looking", work("old"))
        tasks.set("telling", work("beside"))
        await until(lambda: going == {"old", "beside"})
        tasks.set("looking", work("new"))
        await until(lambda: going == {"new", "beside"})
        tasks.set("telling", None)
        await until(lambda: going == {"new"})
        await tasks.end()
        assert not going

    run(scenario)
