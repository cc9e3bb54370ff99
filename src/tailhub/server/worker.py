"""A worker: one process of several that serve clients on the public port of one relay.

It has links to the other workers, by which packets for their clients go, and a channel to the desk, which makes the
small pages and counts what all workers count.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from tailhub.admin.feed import SnapshotEnd, SnapshotRequest
from tailhub.net.message_channel import MessageChannel
from tailhub.net.turn_selector import TurnSelector
from tailhub.relay.stats import Stats
from tailhub.server.admission_desk import AdmissionAnswer, AdmissionChange, DeskGatekeeper
from tailhub.server.client_debug import LogState
from tailhub.server.config import RelayConfig
from tailhub.server.fleet import (
    ClosingTimeHolds,
    Counted,
    CountRequest,
    Disconnect,
    DoesNotRead,
    FirstOutside,
    Hello,
    NoticesHold,
    PageAnswer,
    PageRequest,
    PinRejected,
    Used,
)
from tailhub.server.foundation import Foundation, Standing
from tailhub.server.gatekeeper import verify_limit_s
from tailhub.server.handover import DESK, Handovers, LinkTo
from tailhub.server.limits_config import quotas_of
from tailhub.server.recent_events import LinesWritten, RecentEvents
from tailhub.server.service import RelayService
from tailhub.server.snapshot import take_snapshot
from tailhub.server.steering_desk import DeskSteersman, EvacuationPhase, LoginOrder
from tailhub.server.worker_socket import WorkerSocket
from tailhub.web.message import Request, Response

if TYPE_CHECKING:
    from tailhub.server.client_feed import ClientFeed
    from tailhub.server.quota_states import QuotaStates

PAGE_S = 3.0  # that a page may take
MAX_PAGES = 256  # that the desk is asked for at a time
LINES_EVERY_S = 1.0  # how often the desk is told what was logged


class Worker:
    """Worker `number` of `count`. Made in the loop that runs it."""

    def __init__(
        self, foundation: Foundation, number: int, count: int, handovers: socket.socket, selector: TurnSelector
    ) -> None:
        self._loop = asyncio.get_running_loop()
        listeners = foundation.listeners.shares[number]
        self._number = number
        self._client_feed: ClientFeed | None = None  # made when the operator's pages are asked for
        self._telling: set[asyncio.Task[None]] = set()
        self._service = RelayService(foundation, listeners, selector, share=count, number=number)
        self._service.context.pages = self._ask
        self._foundation = foundation
        self._desk: MessageChannel | None = None
        self._gatekeeper: DeskGatekeeper | None = None
        self._guard(foundation.config)
        self._steersman = DeskSteersman(steers_refused=foundation.config.steer)
        self._service.steer(self._steersman)
        events = self._service.context.events
        events.on_first_outside = lambda ip: self._tell(FirstOutside(ip))
        events.on_pin_rejected = lambda ip, alert: self._tell(PinRejected(ip, alert))
        if foundation.config.counts_usage:
            self._service.count_usage(lambda rows: self._tell(Used(rows)), lambda: self._desk is not None)
        self._quota_states: QuotaStates | None = None  # where there are quotas
        self._keep_quotas(foundation.config)
        self._recent = RecentEvents()
        self._lines_told = 0  # the number of the last line that the desk knows
        self._recent.on_news = self._line_came
        self._links: dict[int, WorkerSocket] = {}
        self._past_links = Stats()  # what was lost on links that are no more
        self._asked = itertools.count(1)  # numbers of questions
        self._questions: dict[int, asyncio.Future[Response]] = {}
        self._handovers = Handovers(handovers, self._take)

    async def run(self) -> None:
        """Serve until SIGTERM."""
        ended = asyncio.Event()
        self._loop.add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        self._handovers.close()
        await self._service.stop()
        self._recent.detach()
        self._tell_lines()
        if self._desk is not None:
            self._desk.close()

    def _take(self, message: Any, sockets: list[socket.socket]) -> None:
        """Something from the supervisor."""
        match message:
            case LinkTo(number):
                self._link_to(number, *sockets)
            case _:
                from tailhub.server.reload_orders import Obeys

                relay = self._service.context.relay
                Obeys(self._foundation, self._number, relay, self._handovers.send, self).take(message, sockets)

    def follow(self, before: Standing) -> None:
        """Go by what the foundation stands on now; it stood on `before`."""
        config = self._foundation.config
        self._guard(config)
        self._service.set_steering(config.steer)
        self._service.take(before, self._foundation.listeners.shares[self._number])
        self._keep_quotas(config)

    def _link_to(self, number: int, sock: socket.socket) -> None:
        """A socket to another process, in the place of an earlier one to it."""
        if number != DESK:
            if number in self._links:
                self._links[number].abort("there is a new one")
            context = self._service.context
            link = WorkerSocket(context.relay, context.turn, sock, lambda reason: self._link_closed(number, reason))
            self._links[number] = link
            return
        if self._desk is not None:
            self._desk.close()
        self._desk = MessageChannel(sock, self._receive, self._desk_gone)
        self._desk.send(Hello(os.getpid()))
        if self._gatekeeper is not None:
            self._gatekeeper.desk_came(self._desk.send)
        self._steersman.desk_came(self._desk.send)
        self._tell_lines()

    def _link_closed(self, number: int, reason: str) -> None:
        link = self._links.pop(number, None)
        if link is None:
            return
        self._past_links.add_drops(link.link.stats)
        if reason.startswith("write: the other worker"):
            self._tell(DoesNotRead(number))

    def _guard(self, config: RelayConfig) -> None:
        """Ask the desk, from the first time that there is somebody to ask."""
        if self._gatekeeper is not None and not config.asks_verifiers:
            from tailhub.server.everyone import Everyone

            self._gatekeeper.admit_all()
            self._gatekeeper = None
            self._service.guard(Everyone(self._loop))
        elif self._gatekeeper is not None:
            self._gatekeeper.set_limit(verify_limit_s(config))
        elif config.asks_verifiers:
            self._gatekeeper = DeskGatekeeper(verify_limit_s(config))
            self._service.guard(self._gatekeeper)
            if self._desk is not None:
                self._gatekeeper.desk_came(self._desk.send)

    def _keep_quotas(self, config: RelayConfig) -> None:
        """Hold clients to their quotas, as far as the desk tells how they stand."""
        quotas = quotas_of(config, lambda tenant, key: (0, 0))
        if quotas is not None:
            from tailhub.server.quota_states import QuotaStates

            states = QuotaStates()
            self._quota_states = self._quota_states or states
            self._service.keep(quotas, lambda tenant, key: (self._quota_states or states).state_of(tenant, key))
        else:
            self._quota_states = None
            self._service.end_quotas()

    # --- the desk -----------------------------------------------------------------------------------------------------

    def _tell(self, message: object) -> None:
        if self._desk is not None:
            self._desk.send(message)

    def _line_came(self) -> None:
        """Called in whatever thread has logged it."""
        self._loop.call_soon_threadsafe(lambda: self._loop.call_later(LINES_EVERY_S, self._tell_lines))

    def _tell_lines(self) -> None:
        """Tell the desk what has been logged here; without one it waits."""
        if self._desk is not None:
            rows, self._lines_told = self._recent.after(self._lines_told)
            self._desk.send(LinesWritten(tuple(rows)))

    def _receive(self, message: object) -> None:
        match message:
            case CountRequest(number, traffic):
                links = [self._past_links, *(link.link.stats for link in self._links.values())]
                self._tell(Counted(number, take_snapshot(self._service, links, traffic=traffic)))
            case SnapshotRequest():
                telling = self._loop.create_task(self._tell_clients(message))
                self._telling.add(telling)
                telling.add_done_callback(self._telling.discard)
            case Disconnect(key, reason):
                self._service.context.relay.close_peer(key, reason)
            case _ if self._quota_states is not None and isinstance(message, type(self._quota_states)):
                self._quota_states = message
            case PageAnswer(number, response):
                question = self._questions.get(number)
                if question is not None and not question.done():
                    question.set_result(response)
            case AdmissionAnswer() | AdmissionChange() if self._gatekeeper is not None:
                self._gatekeeper.receive(message)
            case LoginOrder():
                self._steersman.receive(message)
            case EvacuationPhase(phase):
                self._service.set_evacuation(phase)
            case NoticesHold(notices):
                self._service.set_notices(notices)
            case ClosingTimeHolds(time):
                self._service.set_closing_time(time)
            case LogState():
                self._service.context.debug.apply(message)

    async def _tell_clients(self, request: SnapshotRequest) -> None:
        if self._client_feed is None:
            from tailhub.server.client_feed import ClientFeed

            self._client_feed = ClientFeed(self._service, self._number)
        await self._client_feed.tell(request, self._tell)
        self._tell(SnapshotEnd(request.number, time.time()))

    def _desk_gone(self) -> None:
        """The supervisor starts another one, which is told where we are."""
        self._desk = None
        if self._gatekeeper is not None:
            self._gatekeeper.desk_left()
        self._steersman.desk_left()
        for question in self._questions.values():
            question.cancel()

    def _ask(self, request: Request) -> asyncio.Future[Response]:
        """Have the desk make a page. Cancelled when it cannot."""
        return self._loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> Response:
        if self._desk is None or len(self._questions) >= MAX_PAGES:
            raise OSError("the pages are not there just now")
        number = next(self._asked)
        question: asyncio.Future[Response] = self._loop.create_future()
        self._questions[number] = question
        self._desk.send(PageRequest(number, request))
        try:
            async with asyncio.timeout(PAGE_S):
                return await question
        finally:
            with contextlib.suppress(KeyError):
                del self._questions[number]
