"""The desk and its workers, where a test plays the workers: ones that hang, die, or have much to say."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from support.wire import ClockLoop, pass_time, run
from tailhub.net.message_channel import MessageChannel
from tailhub.server import fleet as fleet_module
from tailhub.server.events import Events
from tailhub.server.fleet import Counted, CountRequest, DoesNotRead, FirstOutside, Fleet, Hello, PageAnswer, PageRequest
from tailhub.server.handover import LinkTo, channel_pair, hand_over
from tailhub.server.snapshot import ServiceSnapshot
from tailhub.web.message import Request, Response, text


class Played:
    """A worker that a test plays. It says what it has counted when it is asked, unless it `hangs`."""

    def __init__(self, desk: Desk, number: int, logins: int) -> None:
        self.logins = logins
        self.hangs = False
        self.heard: list[object] = []
        ours, theirs = socket.socketpair()
        hand_over(desk.channel, LinkTo(number), [theirs])
        theirs.close()
        self.channel = MessageChannel(ours, self._receive)
        self.channel.send(Hello(4000 + number))

    def _receive(self, message: object) -> None:
        self.heard.append(message)
        if isinstance(message, CountRequest) and not self.hangs:
            values = {"accepts": self.logins, "clients": 1, "refused": {("tls",): self.logins}}
            self.channel.send(Counted(message.number, ServiceSnapshot(values, [], [], [])))


class Desk:
    """A fleet with the supervisor's end of its channel; `killed` are the processes it has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, workers: int, pages: Callable[[Request], Any]) -> None:
        self.killed: list[tuple[int, int]] = []
        monkeypatch.setattr(fleet_module.os, "kill", lambda pid, number: self.killed.append((pid, number)))
        self.channel, theirs = channel_pair()
        self.events = Events(asyncio.get_running_loop())
        self.fleet = Fleet(workers, theirs)
        self.fleet.start(self.events, pages, lambda message, sockets: None)

    async def values(self) -> dict[str, Any]:
        """What all workers together have counted."""
        await self.fleet.after_counting(lambda: text(200, ""))
        parts = [snapshot.values for snapshot in self.fleet.snapshots]
        return dict(fleet_module.sum_values([*parts, self.fleet.past]))


async def until(condition: Callable[[], Any]) -> None:
    """Wait while others do something; the scenario has a limit."""
    while not condition():  # noqa: ASYNC110  whatever a test looks at, nobody sets an event for it
        await asyncio.sleep(0)


def scenario(monkeypatch: pytest.MonkeyPatch, play: Callable[[Desk], Any], pages: Any = None) -> None:
    """Run `play` with a desk for two workers."""

    async def main() -> None:
        assert isinstance(asyncio.get_running_loop(), ClockLoop)
        desk = Desk(monkeypatch, 2, pages or (lambda request: text(200, request.path.decode())))
        try:
            await play(desk)
        finally:
            desk.fleet.stop()
            desk.channel.close()

    run(main)


def test_numbers_are_added_up_label_by_label(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain numbers and labelled ones of all workers become those of one relay."""

    async def play(desk: Desk) -> None:
        workers = [Played(desk, 0, 3), Played(desk, 1, 4)]
        await until(lambda: len(desk.fleet._workers) == 2)
        assert await desk.values() == {"accepts": 7, "clients": 2, "refused": {("tls",): 7}}
        assert desk.fleet.faults() == []
        for worker in workers:
            worker.channel.close()

    scenario(monkeypatch, play)


def test_what_a_dead_worker_counted_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters never go back when a worker ends; what it had open is gone with it; the next one is a restart."""

    async def play(desk: Desk) -> None:
        dead, alive = Played(desk, 0, 3), Played(desk, 1, 4)
        await until(lambda: len(desk.fleet._workers) == 2)
        await desk.values()
        dead.channel.close()
        await until(lambda: len(desk.fleet._workers) == 1)
        assert await desk.values() == {"accepts": 7, "clients": 1, "refused": {("tls",): 7}}
        assert desk.fleet.faults() == []  # the next one may be on its way
        await pass_time(fleet_module.MISSING_S + 1)
        assert desk.fleet.faults() == ["1 of 2 workers do not run: 0"]
        new = Played(desk, 0, 1)
        await until(lambda: len(desk.fleet._workers) == 2)
        assert await desk.values() == {"accepts": 8, "clients": 2, "refused": {("tls",): 8}}
        assert desk.fleet.restarts == 1
        assert desk.fleet.faults() == []
        for worker in (alive, new):
            worker.channel.close()

    scenario(monkeypatch, play)


def test_a_worker_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page waits a second for it, no longer; after a while it is killed, and the other one is not."""

    async def play(desk: Desk) -> None:
        well, hanging = Played(desk, 0, 3), Played(desk, 1, 4)
        await until(lambda: len(desk.fleet._workers) == 2)
        await desk.values()
        hanging.hangs = True
        well.logins = 5
        assert (await desk.values())["accepts"] == 9
        assert desk.killed == []
        while not desk.killed:
            await pass_time(1)
        assert desk.killed == [(4001, signal.SIGKILL)]
        for worker in (well, hanging):
            worker.channel.close()

    scenario(monkeypatch, play)


def test_a_worker_that_does_not_read_its_link_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker says so: the two would believe different things about who is where."""

    async def play(desk: Desk) -> None:
        workers = [Played(desk, 0, 3), Played(desk, 1, 4)]
        await until(
            lambda: all(worker.pid for worker in desk.fleet._workers.values()) and len(desk.fleet._workers) == 2
        )
        workers[0].channel.send(DoesNotRead(1))
        await until(lambda: desk.killed)
        assert desk.killed == [(4001, signal.SIGKILL)]
        for worker in workers:
            worker.channel.close()

    scenario(monkeypatch, play)


def test_pages_are_made_for_workers_at_once_or_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer goes to the worker that asked, with its number; a page that fails is a 500."""

    def pages(request: Request) -> Any:
        if request.target == b"/fails":
            raise RuntimeError("a bug")
        if request.target == b"/later":
            future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, future.set_result, text(200, "late"))
            return future
        return text(200, "now")

    async def play(desk: Desk) -> None:
        worker = Played(desk, 0, 0)
        for number, target in enumerate((b"/now", b"/later", b"/fails")):
            worker.channel.send(PageRequest(number, Request(b"GET", target, b"1.1", [], "192.0.2.1")))
        answers: dict[int, Response] = {}
        while len(answers) < 3:
            await pass_time(0.25)
            answers = {each.number: each.response for each in worker.heard if isinstance(each, PageAnswer)}
        assert [answers[number].status for number in range(3)] == [200, 200, 500]
        assert answers[1].body.startswith(b"late")
        worker.channel.close()

    scenario(monkeypatch, play, pages)


def test_the_first_from_outside_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker has a first; only the first of all is one."""

    async def play(desk: Desk) -> None:
        reported: list[str] = []
        desk.events.on_first_outside = reported.append
        workers = [Played(desk, 0, 0), Played(desk, 1, 0)]
        for worker in workers:
            worker.channel.send(FirstOutside("192.0.2.1"))
        await until(lambda: len(desk.fleet._workers) == 2)
        await desk.values()
        assert reported == ["192.0.2.1"]
        for worker in workers:
            worker.channel.close()

    scenario(monkeypatch, play)


def test_without_a_supervisor_a_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the supervisor's channel ends the desk asks itself to end."""
    raised: list[int] = []
    monkeypatch.setattr("tailhub.server.handover.signal.raise_signal", raised.append)

    async def play(desk: Desk) -> None:
        desk.channel.close()
        await until(lambda: raised)
        assert raised == [signal.SIGTERM]

    scenario(monkeypatch, play)


def test_messages_of_any_size_arrive_in_order() -> None:
    """Also those that were sent before the loop had a chance to connect the two ends."""

    async def main() -> None:
        one, two = socket.socketpair()
        got: list[object] = []
        receiver = MessageChannel(two, got.append)
        sender = MessageChannel(one, got.append)
        messages = [os.urandom(size) for size in (0, 1, 70_000, 3_000_000, 5)]
        for message in messages:
            sender.send(message)
        await until(lambda: len(got) == len(messages))
        assert got == messages
        sender.close()
        receiver.close()

    run(main)
