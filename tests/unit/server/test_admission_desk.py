"""Workers that ask the desk who may relay: through a desk's end, its absence, and changes."""

from __future__ import annotations

import asyncio
import logging
import pickle
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from support.verifiers import ScriptedVerifier
from support.wire import pass_time, run
from tailhub.relay.admission import AdmissionPolicy, Answer
from tailhub.server.admission_desk import AdmissionDesk, AskingWorker, DeskGatekeeper
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Decision
from tailhub.server.verification import Verification

ONE, OTHER = bytes(32), bytes((1,)) * 32
HERE = ip_address("192.0.2.7")
LIMIT_S = 5.0


class Worker:
    """A worker's gatekeeper, with its decisions and the changes that it heard of, as they came."""

    def __init__(self) -> None:
        self.gatekeeper = DeskGatekeeper(LIMIT_S)
        self.gatekeeper.on_change = lambda keys: self.changes.append(keys)
        self.decisions: list[Decision] = []
        self.changes: list[Any] = []
        self.side: AskingWorker | None = None

    def ask(self, key: bytes = ONE, *, again: bool = False) -> Any:
        return self.gatekeeper.ask(key, HERE, self.decisions.append, again=again)

    @property
    def admits(self) -> list[bool]:
        return [decision.admits for decision in self.decisions]


class Desk:
    """A desk with its verifier; what is said goes through pickle, as between processes, in a later turn."""

    def __init__(self, *workers: Worker) -> None:
        self.script = ScriptedVerifier()
        self.workers = workers
        self.is_gone = False
        events = Events(asyncio.get_running_loop())
        self.verification = Verification([self.script], AdmissionPolicy(), events, LIMIT_S)
        self.desk = AdmissionDesk(self.verification, self._broadcast)
        for worker in workers:
            worker.side = self.desk.worker(self._later(worker.gatekeeper.receive))
            worker.gatekeeper.desk_came(self._later(worker.side.receive))

    def _later(self, receive: Callable[[Any], None]) -> Callable[[Any], None]:
        def send(message: Any) -> None:
            if not self.is_gone:
                asyncio.get_running_loop().call_soon(receive, pickle.loads(pickle.dumps(message)))

        return send

    def _broadcast(self, message: Any) -> None:
        for worker in self.workers:
            worker.gatekeeper.receive(pickle.loads(pickle.dumps(message)))

    async def asked(self, count: int) -> None:
        for _ in range(50):
            if self.script.open_questions == count:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{self.script.open_questions} questions are open")

    def end(self) -> None:
        """Die."""
        self.is_gone = True
        self.verification.stop()
        for worker in self.workers:
            worker.gatekeeper.desk_left()


def test_workers_ask_the_desk() -> None:
    """What its verifier says goes back to whoever asked; the same key from the same address is one question."""

    async def scenario() -> None:
        one, other = Worker(), Worker()
        desk = Desk(one, other)
        one.ask()
        other.ask()
        other.ask(OTHER)
        await desk.asked(2)
        assert one.gatekeeper.waiting == 1
        assert desk.script.asked == [ONE, OTHER]
        desk.script.answer(Answer.ADMITTED)
        desk.script.answer(Answer.REFUSED)
        await pass_time(1)
        assert one.admits == [True]
        assert other.admits == [True, False]
        assert one.gatekeeper.waiting == 0

    run(scenario)


def test_a_question_is_taken_back() -> None:
    """A login that is over is asked about no more, and neither are those of a worker that has ended."""

    async def scenario() -> None:
        worker = Worker()
        desk = Desk(worker)
        waiting = worker.ask()
        worker.ask(OTHER)
        await desk.asked(2)
        waiting.cancel()
        await desk.asked(1)
        for _ in range(10):
            await asyncio.sleep(0)
        assert desk.script.cancelled == 1
        assert worker.side is not None
        worker.side.end()
        for _ in range(10):
            await asyncio.sleep(0)
        assert desk.script.cancelled == 2

    run(scenario)


def test_the_next_desk_is_asked() -> None:
    """What was open when a desk ended, or was asked while there was none, is put to the next one."""

    async def scenario() -> None:
        worker = Worker()
        first = Desk(worker)
        worker.ask()
        await first.asked(1)
        first.end()
        worker.ask(OTHER)
        await pass_time(1)
        second = Desk(worker)
        assert worker.changes == [None]  # which the old one may not have told
        await second.asked(2)
        second.script.answer(Answer.ADMITTED)
        second.script.answer(Answer.ADMITTED)
        await pass_time(1)
        assert worker.admits == [True, True]

    run(scenario)


def test_no_desk_for_long() -> None:
    """Whoever waits is refused as by a verifier that is unreachable, and nobody who is in is cut for it."""

    async def scenario() -> None:
        worker = Worker()
        worker.ask()
        await pass_time(worker.gatekeeper.longest_s)
        assert worker.admits == [False]
        assert str(worker.decisions[0]) == "relay: unreachable (its desk is away)"
        assert not worker.decisions[0].cuts
        assert worker.gatekeeper.waiting == 0

    run(scenario)


def test_a_change_is_told_to_all() -> None:
    """What may have changed at the desk is said to every worker, and an open question is asked anew before."""

    async def scenario() -> None:
        one, other = Worker(), Worker()
        desk = Desk(one, other)
        one.ask()
        await desk.asked(1)
        desk.verification.changed({ONE})
        assert one.changes == other.changes == [frozenset({ONE})]
        await desk.asked(0)
        await desk.asked(1)
        assert desk.script.asked == [ONE, ONE]
        desk.script.answer(Answer.ADMITTED)
        await pass_time(1)
        assert one.admits == [True]

    run(scenario)


def test_whether_a_login_asked() -> None:
    """A decision tells whether a login asked for it or who looks after those that are here."""

    async def scenario() -> None:
        worker = Worker()
        desk = Desk(worker)
        decided: list[Decision] = []
        desk.verification.on_decided = lambda key, address, decision: decided.append(decision)
        desk.script.always = Answer.REFUSED
        worker.ask(ONE, again=True)
        worker.ask(OTHER)
        await pass_time(1)
        assert [decision.again for decision in decided] == [True, False]

    run(scenario)


def test_one_error_is_nobody_elses(caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong in one login when it hears its decision leaves the others theirs, and is logged."""

    async def scenario() -> None:
        worker = Worker()
        desk = Desk(worker)

        def fail(decision: Decision) -> None:
            raise RuntimeError("a bug")

        desk.verification.ask(ONE, HERE, fail)
        worker.gatekeeper.ask(ONE, HERE, fail)
        worker.ask()
        await desk.asked(1)
        await pass_time(1)
        desk.script.answer(Answer.ADMITTED)
        await pass_time(1)
        assert worker.admits == [True]

    caplog.set_level(logging.ERROR, "tailhub")
    run(scenario)
    assert caplog.text.count("RuntimeError: a bug") == 2
