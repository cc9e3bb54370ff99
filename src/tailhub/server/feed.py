"""Answers one process of the operator's pages: what it asks for (`tailhub.admin.feed`), in pieces, and its actions.

Made when such a process has been started, and at most one at a time. Not here: what the numbers are
(`tailhub.server.snapshot`, `client_feed`, `facts`), and what the actions do (`tailhub.web.operator_api`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tailhub.admin.feed import (
    ActionAnswer,
    ActionRequest,
    EventRow,
    EventsCame,
    Facts,
    Part,
    SnapshotEnd,
    SnapshotRequest,
    ValuesCame,
)
from tailhub.server.client_feed import PIECE, Tell
from tailhub.web.message import Request, Response
from tailhub.web.metrics import MetricValues
from tailhub.web.operator_api import PREFIX, OperatorApi

__all__ = ["Feed", "FeedSources"]

MAX_ACTIONS: Final = 256  # at a time

_log = logging.getLogger("tailhub")


@dataclass(frozen=True, slots=True)
class FeedSources:
    """Where it gets what it tells.

    `clients` tells of clients and pairs; `stop_clients` is called when nobody wants that any more. `events` has the log
    lines after one, and the number of the last.
    """

    values: Callable[[], Awaitable[MetricValues]]
    clients: Callable[[SnapshotRequest, Tell], Awaitable[None]]
    stop_clients: Callable[[], None]
    facts: Callable[[], Awaitable[Mapping[str, object]]]
    events: Callable[[int], tuple[Sequence[EventRow], int]]
    api: Callable[[], OperatorApi]  # the one of now: a reload may make another


class Feed:
    """A `Conversation` of `tailhub.server.pages_process`; `send` sends to the pages."""

    def __init__(self, sources: FeedSources, send: Tell) -> None:
        self._sources = sources
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._actions = 0
        self._asking = asyncio.Lock()  # one snapshot after the other
        self._told_events = 0
        self._run(self._tell_facts())

    def receive(self, message: object) -> None:
        """The pages ask for something."""
        match message:
            case SnapshotRequest():
                self._run(self._snapshot(message))
            case ActionRequest():
                self._run(self._act(message))

    def close(self) -> None:
        """The pages are gone."""
        for task in self._tasks:
            task.cancel()
        self._sources.stop_clients()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:  # ours: it costs this answer only
            _log.error("error while answering the operator's pages", exc_info=exc)

    # --- snapshots ----------------------------------------------------------------------------------------------------

    async def _snapshot(self, request: SnapshotRequest) -> None:
        async with self._asking:
            try:
                await self._tell(request)
            finally:
                self._send(SnapshotEnd(request.number, time.time()))

    async def _tell(self, request: SnapshotRequest) -> None:
        if Part.VALUES in request.parts:
            self._send(ValuesCame(await self._sources.values()))
        if Part.FACTS in request.parts:
            await self._tell_facts()
        if request.parts & {Part.CLIENTS, Part.PAIRS}:
            await self._sources.clients(request, self._send)
        rows, self._told_events = self._sources.events(self._told_events)
        for start in range(0, len(rows), PIECE):
            self._send(EventsCame(rows[start : start + PIECE]))
            await asyncio.sleep(0)

    async def _tell_facts(self) -> None:
        self._send(Facts(await self._sources.facts()))

    # --- actions ------------------------------------------------------------------------------------------------------

    async def _act(self, action: ActionRequest) -> None:
        status, body = 503, b'{"error": {"what": "Service Unavailable: too many calls wait"}}\n'
        if self._actions < MAX_ACTIONS:
            self._actions += 1
            try:
                response = await self._respond(action)
                status, body = response.status, response.body
            except Exception:  # ours; whoever asked must not wait
                _log.exception("error in a call of the operator's API")
                status, body = 500, b'{"error": {"what": "Internal Server Error: the relay\'s log says why"}}\n'
            finally:
                self._actions -= 1
        self._send(ActionAnswer(action.number, status, body))

    async def _respond(self, action: ActionRequest) -> Response:
        target = PREFIX + action.path.encode() + (b"?" + action.query.encode() if action.query else b"")
        request = Request(action.method.encode(), target, b"1.1", (), "", action.body)
        response = self._sources.api().respond(request, action.caller)
        return response if isinstance(response, Response) else await response
