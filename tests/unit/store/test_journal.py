"""The journal: what waits is written, whatever the store does. On a clock and a store that the test controls."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from support.waiting import run, until
from tailhub import findings
from tailhub.exceptions import MachineError, StoreUnavailableError
from tailhub.findings import Finding
from tailhub.store.journal import FORGET_EVERY_S, INTERVAL_S, SETTLE_S, Journal
from tailhub.store.records import Admission, Batch, Name, Totals, Traffic, UsageDelta
from tailhub.store.store import Store

A, B = (bytes([number]) * 32 for number in (1, 2))
HOUR = 1_790_000_000 // 3600 * 3600
MONTH = 30 * 86400
AWAY = StoreUnavailableError(findings.store_unreachable("there", "nobody answers"))


def delta(sent: int, hour: int = HOUR) -> UsageDelta:
    """A packet from A to B."""
    return UsageDelta(hour, "t", A, B, 1, sent, sent)


class World:
    """A journal with a real store in a file, which can be away, or answer too late, and a clock."""

    def __init__(self, path: Path) -> None:
        self.now = HOUR + 60.0
        self.told: list[Finding] = []
        self.opened = 0
        self.is_away = False
        self.loses_answers = False
        self.forgotten: list[float] = []
        self.path = path
        self.is_shared = False
        self.error: Exception = AWAY
        self.stores: list[Store] = []

    def journal(self, **options: Any) -> Journal:
        """A journal, as a process has it."""
        return Journal(
            self._open,
            relay="one",
            period_start=lambda now: now // MONTH * MONTH,
            tell=self.told.append,
            clock=lambda: self.now,
            **options,
        )

    async def _open(self) -> World:
        if self.is_away:
            raise self.error
        self.opened += 1
        self.stores.append(await Store.open(self.path, relay="one"))
        return self

    async def save(self, batch: Batch) -> bool:
        """As the store's."""
        if self.is_away:
            raise self.error
        result = await self.stores[-1].save(batch)
        if self.loses_answers:
            raise self.error
        return result

    async def totals(self, since: float, until: float, *, relay: str = "", but_relay: str = "") -> Totals:
        """As the store's."""
        if self.is_away:
            raise self.error
        return await self.stores[-1].totals(since, until, relay=relay, but_relay=but_relay)

    async def forget(self, before: float) -> None:
        """Only remembered."""
        self.forgotten.append(before)

    async def close(self) -> None:
        """As the store's."""
        await self.stores.pop().close()

    async def saved(self) -> Traffic:
        """What the file has of the tenant."""
        store = await Store.open_to_read(self.path)
        try:
            return (await store.totals(0, math.inf)).tenants.get("t", Traffic())
        finally:
            await store.close()


def in_world(tmp_path: Path, scenario: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario."""

    async def opened() -> None:
        world = World(tmp_path / "tailhub.db")
        await scenario(world)
        for store in world.stores:
            await store.close()

    run(opened)


def test_what_is_added_is_written_by_the_next_flush(tmp_path: Path) -> None:
    """Nothing is written before a flush; a flush writes everything, and one with nothing to write does nothing."""

    async def scenario(world: World) -> None:
        journal = world.journal()
        journal.add([delta(10)])
        journal.learn(Name(A, "laptop", "alice", 1.0))
        journal.confirm(Admission(A, "t", "url", "laptop", "alice", 1.0))
        assert not world.path.exists()
        assert await journal.flush()
        assert await world.saved() == Traffic(10, 10)
        assert await journal.flush()
        assert await world.saved() == Traffic(10, 10)
        assert world.opened == 1

    in_world(tmp_path, scenario)


def test_while_the_store_is_away_nothing_is_lost_or_told_twice(tmp_path: Path) -> None:
    """What comes meanwhile is counted and written once it is back; each trouble is told once."""

    async def scenario(world: World) -> None:
        journal = world.journal()
        world.is_away = True
        for sent in (1, 10):
            journal.add([delta(sent)])
            assert not await journal.flush()
        assert journal.used("t") == Traffic(11, 11)
        assert journal.trouble is not None
        world.is_away = False
        assert await journal.flush()
        assert journal.trouble is None
        journal.add([delta(100)])
        world.is_away = True
        assert not await journal.flush()
        assert not await journal.flush()
        journal.add([delta(1000)])
        world.is_away = False
        assert await journal.flush()
        assert await world.saved() == journal.used("t") == Traffic(1111, 1111)
        assert [finding.code for finding in world.told] == ["TH262", "TH262"]

    in_world(tmp_path, scenario)


def test_a_batch_whose_answer_was_lost_counts_once(tmp_path: Path) -> None:
    """The store has written it and could not say so: it is sent again, and what came since is written beside it."""

    async def scenario(world: World) -> None:
        journal = world.journal()
        journal.add([delta(10)])
        world.loses_answers = True
        assert not await journal.flush()
        journal.add([delta(1)])
        assert not await journal.flush()
        world.loses_answers = False
        assert await journal.flush()
        assert await world.saved() == journal.used("t") == Traffic(11, 11)

    in_world(tmp_path, scenario)


def test_a_restart_knows_what_was_used_in_the_period(tmp_path: Path) -> None:
    """A new process counts on from what is in the store; what it counts before the store is there is not lost."""

    async def scenario(world: World) -> None:
        first = world.journal()
        first.add([delta(10), delta(1000, hour=HOUR - 2 * MONTH)])
        assert await first.flush()
        second = world.journal()
        second.add([delta(1)])
        assert second.used("t") == Traffic(1, 1)
        assert await second.flush()
        assert second.used("t") == Traffic(11, 11)
        assert second.used("t", A) == Traffic(11, 0)
        assert second.used("t", B) == Traffic(0, 11)

    in_world(tmp_path, scenario)


def test_a_new_period_begins_with_nothing(tmp_path: Path) -> None:
    """When the billing period ends nothing has been used; what waits of the old one is still written to it."""

    async def scenario(world: World) -> None:
        journal = world.journal()
        journal.add([delta(10)])
        world.now += MONTH
        assert journal.used("t") == Traffic(0, 0)
        journal.add([delta(1, hour=int(world.now) // 3600 * 3600)])
        assert await journal.flush()
        assert journal.used("t") == Traffic(1, 1)
        assert await world.saved() == Traffic(11, 11)

    in_world(tmp_path, scenario)


def test_what_others_have_counted_is_looked_up_after_each_flush(tmp_path: Path) -> None:
    """Where several relays share the store, what another has saved counts here from the next flush on."""

    async def scenario(world: World) -> None:
        world.is_shared = True
        journal = world.journal()
        other = await Store.open(world.path, relay="two")
        old = delta(100, hour=HOUR - 86400)
        await other.save(Batch("w", 1, (delta(5), old)))
        journal.add([delta(1)])
        assert await journal.flush()
        assert journal.used("t") == Traffic(106, 106)
        await other.save(Batch("w", 2, (delta(5),)))
        assert await journal.flush()
        assert journal.used("t") == Traffic(111, 111)
        world.now += 3 * 3600
        assert await journal.flush()
        assert journal.used("t", A) == Traffic(111, 0)
        await other.close()

    in_world(tmp_path, scenario)


def test_usage_is_forgotten_once_a_day(tmp_path: Path) -> None:
    """With a retention, what is older goes an hour after the start and then once a day."""

    async def scenario(world: World) -> None:
        journal = world.journal(retention_s=400 * 86400.0)
        begun = world.now
        for _ in range(26 * 6):
            await journal.flush()
            world.now += 600.0
        first = begun + SETTLE_S - 400 * 86400
        assert world.forgotten == [first, first + FORGET_EVERY_S]
        await world.journal().flush()
        assert len(world.forgotten) == 2

    in_world(tmp_path, scenario)


def test_a_clock_that_is_wrong_for_a_while_costs_nothing(tmp_path: Path) -> None:
    """Nothing is forgotten by it, and what was used in the true period counts again as soon as it is back."""

    async def scenario(world: World) -> None:
        journal = world.journal(retention_s=400 * 86400.0)
        journal.add([delta(10)])
        await journal.flush()
        begun = world.now
        for jump in (800 * 86400.0, -5 * 86400.0, 0.0):
            world.now = begun + jump
            for _ in range(5):
                world.now += INTERVAL_S
                journal.used("t", A)
                await journal.flush()
        assert world.forgotten == []
        assert journal.used("t", A) == Traffic(10, 0)
        journal.add([delta(5)])
        await journal.flush()
        await journal.flush()
        assert journal.used("t", A) == Traffic(15, 0)

    in_world(tmp_path, scenario)


def test_what_a_person_must_mend_is_told_and_tried_again(tmp_path: Path) -> None:
    """A store that cannot be opened at all is a finding; the journal goes on, and opens it when that is mended."""

    async def scenario(world: World) -> None:
        journal = world.journal()
        world.is_away, world.error = True, MachineError(findings.store_newer("there", "9", "1"))
        journal.add([delta(10)])
        assert not await journal.flush()
        assert [finding.code for finding in world.told] == ["TH265"]
        world.is_away = False
        assert await journal.flush()
        assert await world.saved() == Traffic(10, 10)

    in_world(tmp_path, scenario)


def test_it_writes_by_itself_and_at_its_end(tmp_path: Path) -> None:
    """Started, it flushes every five seconds; stopped, it writes what is left and closes the store."""

    async def scenario(world: World) -> None:
        slept: asyncio.Queue[float] = asyncio.Queue()
        go_on: asyncio.Queue[None] = asyncio.Queue()

        async def sleep(seconds: float) -> None:
            slept.put_nowait(seconds)
            await go_on.get()

        journal = world.journal(sleep=sleep)
        journal.add([delta(1)])
        journal.start()
        assert await slept.get() == INTERVAL_S == 5.0
        assert await world.saved() == Traffic(1, 1)
        journal.add([delta(10)])
        go_on.put_nowait(None)
        await slept.get()
        assert await world.saved() == Traffic(11, 11)
        journal.add([delta(100)])
        await journal.stop()
        assert await world.saved() == Traffic(111, 111)
        assert not world.stores

    in_world(tmp_path, scenario)


def test_it_is_stopped_while_it_opens_the_store(tmp_path: Path) -> None:
    """Stopped while the store is being opened, it lets that come to its end, and writes what is left."""

    async def scenario(world: World) -> None:
        journal = world.journal()
        journal.add([delta(1)])
        journal.start()
        await until(lambda: world.opened)
        assert not world.stores
        await journal.stop()
        assert world.opened == 1
        assert await world.saved() == Traffic(1, 1)

    in_world(tmp_path, scenario)


def test_a_bug_does_not_end_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong in writing is logged once, and it goes on; what was to be written still is."""

    async def scenario(world: World) -> None:
        slept: asyncio.Queue[float] = asyncio.Queue()
        go_on: asyncio.Queue[None] = asyncio.Queue()

        async def sleep(seconds: float) -> None:
            slept.put_nowait(seconds)
            await go_on.get()

        world.is_away, world.error = True, RuntimeError("a bug")
        journal = world.journal(sleep=sleep)
        journal.add([delta(1)])
        journal.start()
        await slept.get()
        go_on.put_nowait(None)
        await slept.get()
        assert [record.message for record in caplog.records] == ["writing to the store has failed"]
        world.is_away = False
        go_on.put_nowait(None)
        await slept.get()
        assert await world.saved() == Traffic(1, 1)
        await journal.stop()

    in_world(tmp_path, scenario)
