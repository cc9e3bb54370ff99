"""The workers of a relay as the desk sees them: counts what they count, answers pages for them, ends one that hangs.

The desk asks every worker for its numbers now and then, and whenever somebody asks the desk. What a worker had counted
when it was last asked outlives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from tailhub.admin.feed import ClientsCame, ClientsCounted, ClientsLeft, PairsUsed, SnapshotEnd, SnapshotRequest
from tailhub.log_event import log_event
from tailhub.net.message_channel import MessageChannel
from tailhub.relay.closing import ClosingTime
from tailhub.relay.health import Notice
from tailhub.relay.usage import UsageRow
from tailhub.server.admission_desk import AdmissionDesk, AdmissionQuestion
from tailhub.server.client_debug import LogState
from tailhub.server.context import Responder
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Gatekeeper
from tailhub.server.handover import Handovers, LinkTo, OnHandover
from tailhub.server.known_worker import KnownWorker, WorkerState
from tailhub.server.recent_events import LinesWritten, RecentEvents
from tailhub.server.snapshot import ServiceSnapshot, counters_only, sum_values
from tailhub.server.steering_desk import (
    ClientCame,
    ClientWent,
    EvacuationPhase,
    KeysChanged,
    LoginArrived,
    LoginLeft,
    LoginNoted,
    SteeredWorker,
)
from tailhub.server.steersman import LocalSteersman
from tailhub.web.message import Request, Response, text
from tailhub.web.metrics import MetricValues

if TYPE_CHECKING:
    from tailhub.server.client_feed import Tell

COUNT_EVERY_S = 5.0
ANSWER_S = 1.0  # that a page waits for numbers; a worker that takes longer is shown as it was
MISSING_S = 5.0  # without a worker: the next one should long be there
HANGS_S = 20.0  # without a word from a worker: it is ended, and the supervisor starts another one

_log = logging.getLogger("tailhub")


# --- messages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """From a worker, first of all."""

    pid: int


@dataclass(frozen=True, slots=True)
class CountRequest:
    """To a worker: what have you counted? With the number of the question; `traffic`: of each client, too."""

    number: int
    traffic: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Its answer."""

    number: int
    snapshot: ServiceSnapshot


@dataclass(frozen=True, slots=True)
class PageRequest:
    """From a worker: what does this page say?"""

    number: int
    request: Request


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer."""

    number: int
    response: Response


@dataclass(frozen=True, slots=True)
class Disconnect:
    """To a worker: close the connections of a key."""

    key: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class FirstOutside:
    """From a worker: somebody connected who is not on this machine."""

    ip: str


@dataclass(frozen=True, slots=True)
class PinRejected:
    """From a worker: a client refused the certificate."""

    ip: str
    alert: str


@dataclass(frozen=True, slots=True)
class DoesNotRead:
    """From a worker: worker `number` does not read what it is told."""

    number: int


@dataclass(frozen=True, slots=True)
class Used:
    """From a worker: what its clients have used since it last told."""

    rows: Sequence[UsageRow]


@dataclass(frozen=True, slots=True)
class NoticesHold:
    """To a worker: what users are told."""

    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class ClosingTimeHolds:
    """To a worker: close all by the end of this time, and take nobody; None: serve everyone."""

    time: ClosingTime | None


# --- the desk's side ------------------------------------------------------------------------------------------------


class Fleet:
    """So many `workers`, whose channels come on `handovers` from the supervisor."""

    def __init__(self, workers: int, handovers: socket.socket) -> None:
        self.count = workers
        self.restarts = 0
        self.past: MetricValues = {}  # what workers have counted that are no more
        self.on_used: Callable[[Sequence[UsageRow]], None] = lambda rows: None  # learns what clients have used
        self.recent: RecentEvents | None = None  # learns of the lines that workers log
        self.log_state: Callable[[], LogState] | None = None  # what they are to log beyond the settings
        self._handovers = handovers
        self._workers: dict[int, KnownWorker] = {}
        self._seen: set[int] = set()
        self._asked = count(1)  # numbers of questions
        self._counted = asyncio.Event()
        self._counting: dict[bool, asyncio.Task[None]] = {}  # by whether traffic is asked for
        self._listener: Tell | None = None  # learns of the workers' clients, while the operator's pages are shown
        self._admission: AdmissionDesk | None = None
        self._steersman: LocalSteersman | None = None
        self._supervisor = os.getppid()
        # What every worker is told, those that are started later too, and those that knew an earlier desk.
        holding: list[object] = [EvacuationPhase(None), ClosingTimeHolds(None), NoticesHold(())]
        self._standing = {type(message): message for message in holding}

    def start(self, events: Events, pages: Responder, on_handover: OnHandover) -> None:
        """Take the workers' channels, and watch them; `on_handover` gets what else the supervisor says."""
        self._loop = asyncio.get_running_loop()
        self._missing = dict.fromkeys(range(self.count), self._loop.time())  # workers that do not run, since when
        self._events = events
        self._pages = pages
        self._on_handover = on_handover
        self.supervisor = Handovers(self._handovers, self._take)
        self._watching = self._loop.create_task(self._watch())

    def answer_by(self, gatekeeper: Gatekeeper) -> None:
        """Answer them by this one who may relay, also those that run."""
        admission = self._admission = AdmissionDesk(gatekeeper, self.broadcast)
        for worker in self._workers.values():
            worker.asking = admission.worker(worker.channel.send)

    def steer_by(self, steersman: LocalSteersman) -> None:
        """Have this one steer their clients. Before `start`."""
        self._steersman = steersman

    @property
    def clients(self) -> int:
        """How many connections they had when they were last asked."""
        counts = (snapshot.values[name] for snapshot in self.snapshots for name in ("connections", "held_connections"))
        return sum(int(cast(float, count)) for count in counts)

    def establish(self, message: object) -> None:
        """Tell all workers what holds from now on, those that are started later too; the last of each kind holds."""
        self._standing[type(message)] = message
        self.broadcast(message)

    def broadcast(self, message: object) -> None:
        """Tell all workers."""
        for worker in self._workers.values():
            worker.channel.send(message)

    def end_relay(self) -> bool:
        """Have the supervisor end all processes of the relay, this one last. False if it is no more."""
        if os.getppid() != self._supervisor:
            return False
        os.kill(self._supervisor, signal.SIGTERM)
        return True

    def stop(self) -> None:
        """Let them be."""
        self._watching.cancel()
        self.supervisor.close()
        for worker in self._workers.values():
            self._close(worker)

    # --- numbers ------------------------------------------------------------------------------------------------------

    @property
    def snapshots(self) -> list[ServiceSnapshot]:
        """The last of each worker."""
        return [worker.snapshot for worker in self._workers.values() if worker.snapshot is not None]

    def faults(self) -> list[str]:
        """What is wrong with them; empty when all is well."""
        before = self._loop.time() - MISSING_S
        missing = [str(number) for number, since in sorted(self._missing.items()) if since < before]
        return [f"{len(missing)} of {self.count} workers do not run: {', '.join(missing)}"] if missing else []

    @property
    def traffic(self) -> list[ServiceSnapshot]:
        """The last of each worker that has its clients."""
        return [worker.traffic for worker in self._workers.values() if worker.traffic is not None]

    @property
    def states(self) -> list[WorkerState]:
        """How they do."""
        return [worker.state(number) for number, worker in sorted(self._workers.items())]

    def after_counting(self, make: Callable[[], Response]) -> asyncio.Future[Response]:
        """A page that shows numbers, made when all workers have said theirs."""

        async def answer() -> Response:
            await self.counted(traffic=True)
            return make()

        return self._loop.create_task(answer())

    async def counted(self, *, traffic: bool = False) -> None:
        """Have all workers say their numbers, those of their clients too (`traffic`), unless one takes long."""
        # One question serves all who ask meanwhile; a page that gives up must not end it for the others.
        counting = self._counting.get(traffic)
        if counting is None or counting.done():
            counting = self._counting[traffic] = self._loop.create_task(self._count(traffic=traffic))
        await asyncio.shield(counting)

    async def _count(self, *, traffic: bool = False) -> None:
        number = next(self._asked)
        self.broadcast(CountRequest(number, traffic))
        await self._all(lambda worker: worker.answered >= number)

    async def _all(self, has_answered: Callable[[KnownWorker], bool]) -> None:
        """Wait until all workers have, unless one takes long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while not all(map(has_answered, self._workers.values())):
                    self._counted.clear()
                    await self._counted.wait()

    # --- for the operator's pages -------------------------------------------------------------------------------------

    async def tell(self, request: SnapshotRequest, tell: Tell) -> None:
        """Have the workers tell of their clients; what a late one has to say is told when it comes."""
        number = next(self._asked)
        self._listener = tell
        self.broadcast(replace(request, number=number))
        await self._all(lambda worker: worker.told >= number)

    def stop_telling(self) -> None:
        """Nobody wants to know any more."""
        self._listener = None

    def _tell(self, message: object) -> None:
        if self._listener is not None:
            self._listener(message)

    # --- workers come, speak and go -----------------------------------------------------------------------------------

    def _take(self, message: Any, sockets: list[socket.socket]) -> None:
        match message:
            case LinkTo(number):
                self._join(number, *sockets)
            case _:
                self._on_handover(message, sockets)

    def _join(self, number: int, sock: socket.socket) -> None:
        if number in self._seen:
            self.restarts += 1
        self._seen.add(number)
        self._leave(number)  # the new one may be there before the old one's end was noticed
        worker = KnownWorker(
            MessageChannel(sock, lambda message: self._receive(number, worker, message), lambda: self._left(worker)),
            self._loop.time(),
        )
        if self._admission is not None:
            worker.asking = self._admission.worker(worker.channel.send)
        if self._steersman is not None:
            worker.steered = SteeredWorker(self._steersman, worker.channel.send)
        for message in self._standing.values():
            worker.channel.send(message)
        if self.log_state is not None:
            worker.channel.send(self.log_state())
        self._workers[number] = worker
        self._missing.pop(number, None)

    def _left(self, worker: KnownWorker) -> None:
        for number, known in self._workers.items():
            if known is worker:
                self._leave(number)
                return

    def _leave(self, number: int) -> None:
        worker = self._workers.pop(number, None)
        if worker is None:
            return
        self._close(worker)
        self._missing[number] = self._loop.time()
        if worker.snapshot is not None:
            self.past = sum_values([self.past, counters_only(worker.snapshot.values)])
        self._tell(ClientsLeft(worker=number))
        self._counted.set()

    def _close(self, worker: KnownWorker) -> None:
        worker.channel.close()
        if worker.asking is not None:
            worker.asking.end()
        if worker.steered is not None:
            worker.steered.end()

    def _receive(self, number: int, worker: KnownWorker, message: object) -> None:
        worker.heard_at = self._loop.time()
        match message:
            case Hello(pid):
                worker.pid = pid
            case Counted(answered, snapshot):
                worker.counted(answered, snapshot, self._loop.time())
                self._counted.set()
            case ClientsCame() | ClientsCounted() | ClientsLeft() | PairsUsed():
                self._tell(message)
            case SnapshotEnd(told):
                worker.told = told
                self._counted.set()
            case PageRequest(asked, request):
                self._answer(worker, asked, request)
            case AdmissionQuestion() if worker.asking is not None:
                worker.asking.receive(message)
            case LoginArrived() | LoginNoted() | LoginLeft() | ClientCame() | ClientWent() | KeysChanged() if (
                worker.steered is not None
            ):
                worker.steered.receive(message)
            case FirstOutside(ip):
                if self._events.on_first_outside is not None:
                    report, self._events.on_first_outside = self._events.on_first_outside, None
                    report(ip)
            case PinRejected(ip, alert):
                if self._events.on_pin_rejected is not None:
                    reject, self._events.on_pin_rejected = self._events.on_pin_rejected, None
                    reject(ip, alert)
            case Used(rows):
                self.on_used(rows)
            case LinesWritten(lines) if self.recent is not None:
                self.recent.add(lines)
            case DoesNotRead(other):
                self._end(other, f"it does not read what worker {number} tells it")

    def _answer(self, worker: KnownWorker, number: int, request: Request) -> None:
        try:
            response = self._pages(request)
        except Exception:  # our bug; whoever asked must not wait
            _log.exception("error while making a page")
            response = text(500, "This page cannot be made now; the relay's log says why.")
        if isinstance(response, Response):
            worker.channel.send(PageAnswer(number, response))
            return

        def done(future: asyncio.Future[Response]) -> None:
            if not future.cancelled() and future.exception() is None:
                worker.channel.send(PageAnswer(number, future.result()))

        response.add_done_callback(done)

    async def _watch(self) -> None:
        """Keep the numbers fresh; end whoever has said nothing for long."""
        while True:
            asked_at = self._loop.time()
            await asyncio.sleep(COUNT_EVERY_S)
            now = self._loop.time()
            if now - asked_at > HANGS_S / 2:  # the whole machine slept, or we did
                for worker in self._workers.values():
                    worker.heard_at = now
            for number, worker in list(self._workers.items()):
                if now - worker.heard_at > HANGS_S:
                    self._end(number, f"it has said nothing for {HANGS_S:.0f} s")
            await self._count()

    def _end(self, number: int, reason: str) -> None:
        worker = self._workers.get(number)
        if worker is not None and worker.pid:
            extra = log_event("worker", process=f"w{number}", pid=worker.pid, reason=reason)
            _log.error("worker %d (pid %d) is ended: %s", number, worker.pid, reason, extra=extra)
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
            self._leave(number)
