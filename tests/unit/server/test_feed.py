"""What the relay answers the process of the operator's pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import pytest

from support.waiting import run, until
from tailhub.admin.event_row import EventRow
from tailhub.admin.feed import (
    ActionAnswer,
    ActionRequest,
    ClientsLeft,
    EventsCame,
    Facts,
    Part,
    SnapshotEnd,
    SnapshotRequest,
    ValuesCame,
)
from tailhub.server.client_feed import Tell
from tailhub.server.feed import MAX_ACTIONS, Feed, FeedSources
from tailhub.web.metrics import MetricValues
from tailhub.web.operator_api import Call, OperatorApi, Route

LINES = [EventRow(float(number), "info", "login", f"line {number}", {}) for number in range(450)]


class World:
    """A feed, what it says, and where it gets that."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.asked: list[SnapshotRequest] = []
        self.lines: list[EventRow] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.stopped = 0
        routes = [Route("POST", "echo/*", self._echo), Route("GET", "wait", self._wait), Route("GET", "bug", self._bug)]
        api = OperatorApi(routes)
        sources = FeedSources(self._values, self._clients, self._stop, self._facts, self._events, lambda: api)
        self.feed = Feed(sources, self.said.append)

    async def ask(self, number: int, *parts: Part, whole: bool = False) -> list[Any]:
        """What is said until the snapshot's end."""
        before = len(self.said)
        self.feed.receive(SnapshotRequest(number, frozenset(parts), whole))
        await until(lambda: any(isinstance(one, SnapshotEnd) and one.number == number for one in self.said))
        return self.said[before:]

    async def act(self, number: int, method: str, path: str, query: str = "", body: bytes = b"") -> ActionAnswer:
        self.feed.receive(ActionRequest(number, method, path, query, body, "somebody"))
        await until(lambda: self.answers(number))
        return self.answers(number)[0]

    def answers(self, number: int) -> list[ActionAnswer]:
        return [one for one in self.said if isinstance(one, ActionAnswer) and one.number == number]

    async def _values(self) -> MetricValues:
        if self.fault is not None:
            raise self.fault
        return {"clients": 3}

    async def _clients(self, request: SnapshotRequest, tell: Tell) -> None:
        self.asked.append(request)
        tell(ClientsLeft([7]))

    def _stop(self) -> None:
        self.stopped += 1

    async def _facts(self) -> Mapping[str, object]:
        return {"state_dir": "/somewhere"}

    def _events(self, number: int) -> tuple[Sequence[EventRow], int]:
        return self.lines[number:], len(self.lines)

    async def _echo(self, call: Call) -> Mapping[str, Any]:
        return {"part": call.parts[0], "query": call.query("q"), "name": call.text("name"), "caller": call.caller}

    async def _wait(self, call: Call) -> Mapping[str, Any]:
        await self.gate.wait()
        return {}

    async def _bug(self, call: Call) -> Mapping[str, Any]:
        raise RuntimeError("a bug")


def scenario(play: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def played() -> None:
        world = World()
        await play(world)
        world.feed.close()
        assert world.stopped == 1

    run(played)


def test_facts_come_first() -> None:
    """Facts are told at once, before anybody has asked."""

    async def play(world: World) -> None:
        await until(lambda: world.said)
        assert world.said == [Facts({"state_dir": "/somewhere"})]

    scenario(play)


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        ((), [SnapshotEnd]),
        ((Part.VALUES,), [ValuesCame, SnapshotEnd]),
        ((Part.FACTS,), [Facts, SnapshotEnd]),
        ((Part.CLIENTS,), [ClientsLeft, SnapshotEnd]),
        ((Part.PAIRS, Part.VALUES), [ValuesCame, ClientsLeft, SnapshotEnd]),
        (tuple(Part), [ValuesCame, Facts, ClientsLeft, SnapshotEnd]),
    ],
)
def test_snapshots(parts: tuple[Part, ...], kinds: list[type]) -> None:
    """A snapshot has the parts that were asked for and no others, and its end is told last."""

    async def play(world: World) -> None:
        await until(lambda: world.said)
        assert [type(one) for one in await world.ask(1, *parts, whole=True)] == kinds
        assert all(request.whole for request in world.asked)

    scenario(play)


def test_lines_of_the_log() -> None:
    """Lines come with any snapshot, in pieces, each once."""

    async def play(world: World) -> None:
        world.lines = LINES[:]
        pieces = [one.rows for one in await world.ask(1, Part.VALUES) if isinstance(one, EventsCame)]
        assert [row for piece in pieces for row in piece] == LINES
        assert max(map(len, pieces)) <= 200
        assert not [one for one in await world.ask(2) if isinstance(one, EventsCame)]
        world.lines.append(LINES[0])
        assert [one.rows for one in await world.ask(3) if isinstance(one, EventsCame)] == [[LINES[0]]]

    scenario(play)


def test_a_fault_ends_a_snapshot(caplog: pytest.LogCaptureFixture) -> None:
    """When a part cannot be made the end is told all the same, the log says why, and the next question is answered."""

    async def play(world: World) -> None:
        await until(lambda: world.said)
        world.fault = RuntimeError("a bug")
        assert [type(one) for one in await world.ask(1, Part.VALUES)] == [SnapshotEnd]
        world.fault = None
        assert [type(one) for one in await world.ask(2, Part.VALUES)] == [ValuesCame, SnapshotEnd]

    scenario(play)
    assert any(record.exc_info and "a bug" in str(record.exc_info[1]) for record in caplog.records)


def test_actions() -> None:
    """A call is answered by its route, which knows path, query, body and who asks."""

    async def play(world: World) -> None:
        answer = await world.act(5, "POST", "echo/a%2Fb", "q=1", b'{"name": "x"}')
        expected = {"part": "a/b", "query": "1", "name": "x", "caller": "somebody"}
        assert (answer.status, json.loads(answer.body)) == (200, expected)
        assert (await world.act(6, "GET", "nothing")).status == 404
        assert (await world.act(7, "POST", "echo/a", body=b"{")).status == 400

    scenario(play)


def test_a_fault_in_an_action(caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails for a bug of ours is answered 500, as JSON, and the log says why."""

    async def play(world: World) -> None:
        answer = await world.act(1, "GET", "bug")
        assert answer.status == 500
        assert "log" in json.loads(answer.body)["error"]["what"]

    scenario(play)
    assert any(record.exc_info for record in caplog.records)


def test_many_actions() -> None:
    """So many calls may wait at a time; one more is answered at once that there are too many."""

    async def play(world: World) -> None:
        for number in range(MAX_ACTIONS):
            world.feed.receive(ActionRequest(number, "GET", "wait", "", b"", "somebody"))
        answer = await world.act(MAX_ACTIONS, "GET", "wait")
        assert answer.status == 503
        assert json.loads(answer.body)["error"]
        world.gate.set()
        await until(lambda: world.answers(MAX_ACTIONS - 1))

    scenario(play)
