"""Asking the desk who may relay: verifiers, allow list and memory are there, for all workers.

The worker's side is a `Gatekeeper`. Questions that are open when the desk ends are put to the next one, and answered
with "unreachable" when that takes too long. A new desk may know of changes that the old one has not told: all are then
asked about again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from tailhub.relay.admission import Answer, Verdict
from tailhub.server.gatekeeper import Address, Decision, Gatekeeper, OnChange, Waiting, longest_wait_s, unheeded

__all__ = ["AdmissionAnswer", "AdmissionChange", "AdmissionDesk", "AdmissionQuestion", "AskingWorker", "DeskGatekeeper"]


# --- messages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AdmissionQuestion:
    """From a worker: may this key relay? Without a key: question `number` need not be answered any more."""

    number: int
    key: bytes
    address: Address | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class AdmissionAnswer:
    """The answer."""

    number: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class AdmissionChange:
    """To all workers: these keys may have another answer now; None: any."""

    keys: frozenset[bytes] | None


# --- the desk's side ------------------------------------------------------------------------------------------------


class AskingWorker:
    """What one worker has asked."""

    __slots__ = ("_gatekeeper", "_send", "_waiting")

    def __init__(self, gatekeeper: Gatekeeper, send: Callable[[Any], None]) -> None:
        self._gatekeeper = gatekeeper
        self._send = send
        self._waiting: dict[int, Waiting] = {}

    def receive(self, question: AdmissionQuestion) -> None:
        """A question, or one that is taken back."""
        number = question.number
        if question.address is None:
            self._drop(number)
            return

        def decided(decision: Decision) -> None:
            self._waiting.pop(number, None)
            self._send(AdmissionAnswer(number, decision))

        self._waiting[number] = self._gatekeeper.ask(question.key, question.address, decided, again=question.again)

    def _drop(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.cancel()

    def end(self) -> None:
        """The worker is gone."""
        for number in list(self._waiting):
            self._drop(number)


class AdmissionDesk:
    """Answers workers, by `gatekeeper`; `broadcast` sends a message to all of them."""

    def __init__(self, gatekeeper: Gatekeeper, broadcast: Callable[[Any], None]) -> None:
        self._gatekeeper = gatekeeper
        self._broadcast = broadcast
        gatekeeper.on_change = self._changed

    def worker(self, send: Callable[[Any], None]) -> AskingWorker:
        """For a worker that is new."""
        return AskingWorker(self._gatekeeper, send)

    def _changed(self, keys: Collection[bytes] | None) -> None:
        self._broadcast(AdmissionChange(None if keys is None else frozenset(keys)))


# --- the worker's side ----------------------------------------------------------------------------------------------


class _Asked:
    """One question that is open."""

    __slots__ = ("question", "timer", "waiting")

    def __init__(self, question: AdmissionQuestion, waiting: Waiting, timer: asyncio.TimerHandle) -> None:
        self.question = question
        self.waiting = waiting
        self.timer = timer


class DeskGatekeeper:
    """Asks the desk, where one verifier may take `limit_s`."""

    def __init__(self, limit_s: float) -> None:
        self.on_change: OnChange = unheeded
        self.set_limit(limit_s)
        self._loop = asyncio.get_running_loop()
        self._send: Callable[[Any], None] | None = None  # to the desk, while there is one
        self._has_had_desk = False
        self._numbers = itertools.count(1)
        self._open: dict[int, _Asked] = {}

    def set_limit(self, limit_s: float) -> None:
        """From now on one verifier may take so long."""
        self._desk_s = longest_wait_s(limit_s) + 1  # the desk itself answers earlier

    @property
    def longest_s(self) -> float:
        """As `Gatekeeper`."""
        return self._desk_s + 1

    @property
    def waiting(self) -> int:
        """How many logins wait."""
        return len(self._open)

    def ask(
        self, key: bytes, address: Address, on_decision: Callable[[Decision], None], *, again: bool = False
    ) -> Waiting:
        """Ask the desk that is there, or the next one."""
        number = next(self._numbers)
        waiting = Waiting(on_decision, lambda _: self._leave(number))
        question = AdmissionQuestion(number, key, address, again)
        self._open[number] = _Asked(question, waiting, self._loop.call_later(self._desk_s, self._give_up, number))
        if self._send is not None:
            self._send(question)
        return waiting

    def desk_came(self, send: Callable[[Any], None]) -> None:
        """There is a desk now, to which `send` sends. It is asked whatever is open."""
        self._send = send
        for asked in self._open.values():
            send(asked.question)
        if self._has_had_desk:
            self.on_change(None)
        self._has_had_desk = True

    def desk_left(self) -> None:
        """Until the next one comes nobody is asked."""
        self._send = None

    def receive(self, message: AdmissionAnswer | AdmissionChange) -> None:
        """What the desk says."""
        if isinstance(message, AdmissionChange):
            self.on_change(message.keys)
        else:
            self._answer(message.number, message.decision)

    def admit_all(self) -> None:
        """Everyone may relay from now on: let those in who wait."""
        for number in list(self._open):
            self._answer(number, Decision(True, ()))

    def stop(self) -> None:
        """Ask nobody any more."""
        for asked in self._open.values():
            asked.timer.cancel()
        self._open.clear()

    def _answer(self, number: int, decision: Decision) -> None:
        asked = self._open.pop(number, None)
        if asked is not None:
            asked.timer.cancel()
            asked.waiting.tell(decision)

    def _give_up(self, number: int) -> None:
        self._answer(number, Decision(False, (Verdict("relay", Answer.UNREACHABLE, detail="its desk is away"),)))

    def _leave(self, number: int) -> None:
        asked = self._open.pop(number, None)
        if asked is not None:
            asked.timer.cancel()
            if self._send is not None:
                self._send(AdmissionQuestion(number, b"", None))
