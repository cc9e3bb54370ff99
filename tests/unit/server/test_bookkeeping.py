"""What a relay gives its store to keep, and has back after a restart."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from pathlib import Path

from support.waiting import run
from tailhub.relay.admission import AdmissionPolicy, Answer, Verdict
from tailhub.relay.memory import AdmissionMemory
from tailhub.server.bookkeeping import Bookkeeping
from tailhub.server.events import Events
from tailhub.server.verification import Verification
from tailhub.store.opened import OpenedStore

A, B = (bytes([n]) * 32 for n in (0xA1, 0xB2))
HOME = ip_address("192.0.2.7")


class Life:
    """A relay's books, from one start to the next."""

    def __init__(self, path: Path, memory: AdmissionMemory | None = None) -> None:
        events = Events(asyncio.get_running_loop())
        self.verification = Verification((), AdmissionPolicy(), events, 5.0, memory=memory)
        self.refusals = self.verification.refusals
        self.opened = OpenedStore(path)
        self.books = Bookkeeping(self.opened, "one", self.verification, retention_days=0, period_start=lambda now: 0.0)

    async def __aenter__(self) -> Life:
        self.books.start()
        async with self.opened.lend():  # what was kept has been given back by then
            return self

    async def __aexit__(self, *exc: object) -> None:
        await self.books.stop()


def test_who_was_let_in_is_not_among_the_refused_again(tmp_path: Path) -> None:
    """The refused are known after a restart, but not one that was let in and has since been forgotten."""

    async def scenario() -> None:
        path = tmp_path / "tailhub.db"
        async with Life(path) as life:
            for key in (A, B):
                life.refusals.note(key, HOME, (), 100.0)
        async with Life(path) as life:
            assert {*life.refusals} == {A, B}
            life.refusals.forget(A)
        async with Life(path) as life:
            assert {*life.refusals} == {B}
            life.refusals.note(A, HOME, (), 2e10)
        async with Life(path) as life:
            assert {*life.refusals} == {A, B}
            again = life.refusals.get(A)
            assert again is not None
            assert (again.count, again.first_at) == (1, 2e10)

    run(scenario)


def test_who_is_remembered_is_kept_again_when_the_file_was_taken_away(tmp_path: Path) -> None:
    """A store that is begun anew has the admissions that the relay knows."""

    async def scenario() -> None:
        path = tmp_path / "tailhub.db"
        async with Life(path, AdmissionMemory(7)) as life:
            life.verification.memory.note(A, Verdict("url", Answer.ADMITTED), time.time())
            life.books._hand_over()
            assert await life.books.journal.flush()
            path.unlink()
            life.refusals.note(B, HOME, (), 100.0)
            life.books._hand_over()
            assert await life.books.journal.flush()
        async with Life(path) as life, life.opened.lend() as store:
            assert [one.key for one in await store.admissions()] == [A]

    run(scenario)
