"""Asks verifiers about clients that log in, away from the packet path, within a time and for so many at once.

A question ends when it is decided (`AdmissionPolicy.decide`), not when all have answered, and when nobody waits for it
any more. Logins with one key from one address share a question. Nothing is remembered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from tailhub import findings
from tailhub.findings import Finding
from tailhub.relay.admission import AdmissionPolicy, Answer, Verdict
from tailhub.server.config import RelayConfig
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Address, Decision, OnChange, Waiting, longest_wait_s, unheeded, verify_limit_s
from tailhub.verifiers.verifier import Verifier

__all__ = ["Verification", "look_at_verifiers", "make_verification"]

MAX_QUESTIONS = 64  # at a time, in all workers together; who comes meanwhile waits for a turn

PROBE_S = 3.0  # that a start or a check of the configuration waits for verifiers

_log = logging.getLogger("tailhub")


class _Question:
    """One question that is being asked, and who waits for its answer."""

    __slots__ = ("task", "waiting")

    def __init__(self) -> None:
        self.task: asyncio.Task[Decision] | None = None
        self.waiting: dict[Waiting, None] = {}


class Verification:
    """The verifiers of a relay, and the questions that wait for them. A `Gatekeeper`.

    `on_decided` is told of each decision about a key that asks to be let in.
    """

    def __init__(
        self,
        verifiers: Sequence[Verifier],
        policy: AdmissionPolicy,
        events: Events,
        limit_s: float,
        most_questions: int = MAX_QUESTIONS,
    ) -> None:
        """`limit_s`: how long a login may wait for its turn, and as long again for the answer."""
        self.on_change: OnChange = unheeded
        self.on_decided: Callable[[bytes, Address, Decision], None] = lambda key, address, decision: None
        self._verifiers = verifiers
        self._policy = policy
        self._events = events
        self._limit_s = limit_s
        self._turns = asyncio.Semaphore(most_questions)
        self._questions: dict[tuple[bytes, Address], _Question] = {}

    @property
    def longest_s(self) -> float:
        """After so long there surely is a decision."""
        return longest_wait_s(self._limit_s)

    @property
    def waiting(self) -> int:
        """How many logins wait."""
        return sum(len(question.waiting) for question in self._questions.values())

    def ask(
        self, key: bytes, address: Address, on_decision: Callable[[Decision], None], *, again: bool = False
    ) -> Waiting:
        """Ask whether the node with this `key`, at `address`, may relay; `again`: it was asked about before."""
        asked = (key, address)
        question = self._questions.get(asked)
        if question is None:
            question = self._questions[asked] = _Question()
            self._begin(asked, question)
        waiting = Waiting(on_decision, lambda waiting: self._leave(asked, question, waiting), again=again)
        question.waiting[waiting] = None
        return waiting

    def changed(self, keys: Collection[bytes] | None) -> None:
        """These keys may have another answer now (None: any). Whoever is asking is asked about anew."""
        for asked, question in list(self._questions.items()):
            if (keys is None or asked[0] in keys) and question.task is not None:
                question.task.cancel()
                self._begin(asked, question)
        self.on_change(keys)

    def stop(self) -> None:
        """Ask nobody any more."""
        for question in list(self._questions.values()):
            if question.task is not None:
                question.task.cancel()
        self._questions.clear()

    def _begin(self, asked: tuple[bytes, Address], question: _Question) -> None:
        task = question.task = asyncio.get_running_loop().create_task(self._decide(*asked))
        task.add_done_callback(lambda task: self._answer(asked, question, task))

    def _leave(self, asked: tuple[bytes, Address], question: _Question, waiting: Waiting) -> None:
        question.waiting.pop(waiting, None)
        if not question.waiting and question.task is not None:
            self._forget(asked, question)
            question.task.cancel()

    def _forget(self, asked: tuple[bytes, Address], question: _Question) -> None:
        """Let nobody join a question that has ended."""
        if self._questions.get(asked) is question:
            del self._questions[asked]

    def _answer(self, asked: tuple[bytes, Address], question: _Question, task: asyncio.Task[Decision]) -> None:
        if task is not question.task:  # asked anew meanwhile
            return
        self._forget(asked, question)
        if task.cancelled():
            return
        decision = replace(task.result(), again=all(waiting.again for waiting in question.waiting))
        self._tell(lambda: self.on_decided(*asked, decision))
        for waiting in list(question.waiting):
            self._tell(lambda waiting=waiting: waiting.on_decision(decision))  # type: ignore[misc]

    def _tell(self, tell: Callable[[], None]) -> None:
        """What one listener does wrong must not leave the others unanswered."""
        try:
            tell()
        except Exception:  # ours: it costs this login, not the relay
            _log.exception("error while acting on a decision")

    async def _decide(self, key: bytes, address: Address) -> Decision:
        try:
            async with asyncio.timeout(self._limit_s):
                await self._turns.acquire()
        except TimeoutError:
            verdict = Verdict("relay", Answer.UNUSABLE, detail="too many logins wait for a verifier")
            self._note(verdict)
            return Decision(False, (verdict,))
        try:
            return await self._ask_all(key, address)
        finally:
            self._turns.release()

    async def _ask_all(self, key: bytes, address: Address) -> Decision:
        tasks = [asyncio.create_task(self._ask_one(verifier, key, address)) for verifier in self._verifiers]
        verdicts: list[Verdict] = []
        try:
            for earliest in asyncio.as_completed(tasks):
                verdict = await earliest
                self._note(verdict)
                verdicts.append(verdict)
                admits = self._policy.decide(verdicts, len(tasks) - len(verdicts))
                if admits is not None:
                    return Decision(admits, tuple(verdicts))
            return Decision(False, tuple(verdicts))
        finally:
            for task in tasks:
                task.cancel()

    async def _ask_one(self, verifier: Verifier, key: bytes, address: Address) -> Verdict:
        try:
            async with asyncio.timeout(self._limit_s):
                return await verifier.verify(key, address)
        except TimeoutError:
            return Verdict(verifier.name, Answer.UNREACHABLE, detail=f"no answer within {self._limit_s:g} s")
        except Exception:  # ours: it costs this login, not the relay
            _log.exception("error while asking %s", verifier.name)
            return Verdict(verifier.name, Answer.UNUSABLE, detail="internal error")

    def _note(self, verdict: Verdict) -> None:
        self._events.verdict(verdict, opens=verdict.verifier in self._policy.fails_open)


def make_verification(config: RelayConfig, policy: AdmissionPolicy, events: Events) -> Verification:
    """The verification that the configuration asks for."""
    verifiers = make_verifiers(config)
    opening = frozenset(verifier.name for verifier in verifiers if verifier.fails_open)
    policy = replace(policy, needs_all=config.verify_all, fails_open=opening)
    return Verification(verifiers, policy, events, verify_limit_s(config))


async def look_at_verifiers(config: RelayConfig) -> tuple[tuple[str, ...], list[Finding]]:
    """The verifiers that the configuration names, and what is wrong or doubtful about them, within `PROBE_S`."""
    verifiers = make_verifiers(config)
    found = [
        findings.verify_fails_open(verifier.name, config.place("verify_url_fail_open"))
        for verifier in verifiers
        if verifier.fails_open
    ]
    notes = await asyncio.gather(*(verifier.probe(PROBE_S) for verifier in verifiers))
    return tuple(verifier.name for verifier in verifiers), found + [note for note in notes if note is not None]


def make_verifiers(config: RelayConfig) -> list[Verifier]:
    """The verifiers that the configuration names, in the reference's order."""
    verifiers: list[Verifier] = []
    if config.verify_tailscaled:
        from tailhub.verifiers.tailscaled import TailscaledVerifier, default_socket

        path = config.verify_socket or default_socket()
        verifiers.append(TailscaledVerifier(path, config.place("verify_socket")))
    if config.verify_url:
        from tailhub.verifiers.url import UrlVerifier, parse_url

        url, fails_open = parse_url(config.verify_url), config.verify_url_fail_open
        verifiers.append(UrlVerifier(url, config.place("verify_url"), fails_open=fails_open))
    return verifiers
