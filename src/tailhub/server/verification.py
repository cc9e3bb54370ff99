"""Asks verifiers about clients that log in, away from the packet path, within a time and for so many at once.

A question ends when it is decided (`AdmissionPolicy.decide`), not when all have answered, and when nobody waits for it
any more. Logins with one key from one address share a question. Who was admitted before stays so while its verifier
cannot be asked (`tailhub.relay.memory`). The verifiers of all tenants are asked at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tailhub.log_event import log_event
from tailhub.relay.admission import AdmissionPolicy, Answer, Ruling, Verdict
from tailhub.relay.memory import AdmissionMemory, Remembered
from tailhub.relay.refusals import Refusals
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Address, Decision, OnChange, Waiting, longest_wait_s, unheeded
from tailhub.verifiers.verifier import HasCredential, Losing, Verifier, Watching

if TYPE_CHECKING:
    pass

__all__ = ["Verification", "VerifierState", "label_of"]

MAX_QUESTIONS = 64  # at a time, in all workers together; who comes meanwhile waits for a turn
EARLIER_S = 1.0  # that a yes waits for the verifiers of earlier tenants

PROBE_S = 3.0  # that a start or a check of the configuration waits for verifiers

_log = logging.getLogger("tailhub")


@dataclass(frozen=True, slots=True)
class VerifierState:
    """How a verifier answers, and since when (seconds since 1970; 0: it has not been asked yet).

    That was seen last at `seen_at`. It has given no answer since `silent_since`, however it failed; 0: it answers.
    """

    state: str = "unknown"  # or "ok", "unreachable", "error"
    since: float = 0.0
    detail: str = ""
    seen_at: float = 0.0
    silent_since: float = 0.0


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
        memory: AdmissionMemory | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`limit_s`: how long a login may wait for its turn, and as long again for the answer.

        Without a `memory` nothing is remembered; `clock` is its own: seconds since 1970.
        """
        self.memory = memory if memory is not None else AdmissionMemory(0)
        self.refusals = Refusals()
        self._memory_loaded = asyncio.Event()
        self._clock = clock
        self._states: dict[str, VerifierState] = {}  # by name, of those that were asked
        self._away: set[str] = set()  # verifiers that could not be reached when they were last asked
        self._looking: set[asyncio.Task[None]] = set()
        self.on_change: OnChange = unheeded
        self.on_decided: Callable[[bytes, Address, Decision], None] = lambda key, address, decision: None
        self.verifiers: Sequence[Verifier] = ()
        self._events = events
        self._is_for_everyone = False
        self._set(verifiers, policy, limit_s)
        self._turns = asyncio.Semaphore(most_questions)
        self._questions: dict[tuple[bytes, Address], _Question] = {}

    def take(
        self,
        verifiers: Sequence[Verifier],
        policy: AdmissionPolicy,
        limit_s: float,
        remember_days: float,
    ) -> None:
        """Go by these from now on, and ask anew; without `verifiers` everyone may relay."""
        before = self.verifiers
        self._set(verifiers, policy, limit_s)
        self._is_for_everyone = not verifiers
        self.memory.set_days(remember_days)
        for verifier in before:
            if isinstance(verifier, Watching) and verifier not in verifiers:
                verifier.stop()
        self.changed(None)

    def _set(self, verifiers: Sequence[Verifier], policy: AdmissionPolicy, limit_s: float) -> None:
        self.verifiers = verifiers
        for verifier in verifiers:
            if isinstance(verifier, Watching):
                verifier.on_change = self.changed
            if isinstance(verifier, Losing):
                verifier.has_admitted = partial(self._has_admitted, label_of(verifier))
        self._policy = policy
        self._limit_s = limit_s

    @property
    def longest_s(self) -> float:
        """After so long there surely is a decision."""
        return longest_wait_s(self._limit_s)

    @property
    def tenants(self) -> Collection[str]:
        """The names of the tenants that there are; the relay's own settings have none."""
        return [policy.name for policy in self._policy.tenants if policy.name]

    @property
    def reachable(self) -> dict[str, bool]:
        """Each verifier by name: could it be reached when it was last asked? So it is taken to be until then."""
        return {label_of(one): self.state_of(one).state != "unreachable" for one in self.verifiers}

    @property
    def credentials_expire(self) -> dict[str, float]:
        """When the credentials of verifiers end that have one, in seconds since 1970, as far as that is known."""
        return {
            label_of(one): one.credential_expires
            for one in self.verifiers
            if isinstance(one, HasCredential) and one.credential_expires is not None
        }

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

    def state_of(self, verifier: Verifier) -> VerifierState:
        """How one of the verifiers answered when it was last asked."""
        return self._states.get(label_of(verifier), VerifierState())

    def changed(self, keys: Collection[bytes] | None) -> None:
        """These keys may have another answer now (None: any). Whoever is asking is asked about anew."""
        for asked, question in list(self._questions.items()):
            if (keys is None or asked[0] in keys) and question.task is not None:
                question.task.cancel()
                self._begin(asked, question)
        self.on_change(keys)

    def load_memory(self, kept: Iterable[Remembered]) -> None:
        """Take what was kept of the memory. Logins for which it matters wait for it, no longer than a verifier may."""
        self.memory.load(kept)
        self._memory_loaded.set()

    def stop(self) -> None:
        """Ask nobody any more."""
        for looking in self._looking:
            looking.cancel()
        for question in list(self._questions.values()):
            if question.task is not None:
                question.task.cancel()
        self._questions.clear()
        for verifier in self.verifiers:
            if isinstance(verifier, Watching):
                verifier.stop()

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
        for waiting in list(question.waiting):
            waiting.tell(decision)
        self.on_decided(*asked, decision)

    async def _decide(self, key: bytes, address: Address) -> Decision:
        if self._is_for_everyone:
            return Decision(True, ())
        try:
            async with asyncio.timeout(self._limit_s):
                await self._turns.acquire()
        except TimeoutError:
            return await self._conclude_unasked(key)
        try:
            verdicts = await self._ask_all(key, address)
        finally:
            self._turns.release()
        return await self._conclude(key, verdicts)

    async def _ask_all(self, key: bytes, address: Address) -> list[Verdict]:
        """What they say, as far as it matters."""
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(self._ask_one(verifier, key, address)): verifier for verifier in self.verifiers}
        verdicts: list[Verdict] = []
        late_at: float | None = None
        try:
            while tasks:
                awaited = Counter(verifier.tenant for verifier in tasks.values())
                if self._is_yes(verdicts, awaited) or self._is_no(verdicts, awaited):
                    break
                if late_at is None and self._is_yes(verdicts, awaited, is_late=True):
                    late_at = loop.time() + EARLIER_S
                left = None if late_at is None else late_at - loop.time()
                if left is not None and left <= 0:  # for the memory, they are as good as away
                    return verdicts + [_no_answer(verifier, "no answer yet") for verifier in tasks.values()]
                await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in tasks if task.done()]:
                    del tasks[task]
                    verdicts.append(task.result())
                    self._note(verdicts[-1])
                    self.memory.note(key, verdicts[-1], self._clock())
            return verdicts
        finally:
            for task in tasks:
                task.cancel()

    def _is_yes(self, verdicts: Sequence[Verdict], awaited: Mapping[str, int], *, is_late: bool = False) -> bool:
        ruling = self._policy.decide(verdicts, awaited, is_late=is_late)
        return ruling is not None and ruling.admits

    def _is_no(self, verdicts: Sequence[Verdict], awaited: Mapping[str, int]) -> bool:
        """Would it be a no even if all said yes from whom no answer comes?"""
        kindest = [verdict if verdict.is_answer else replace(verdict, answer=Answer.ADMITTED) for verdict in verdicts]
        ruling = self._policy.decide(kindest, awaited)
        return ruling is not None and not ruling.admits

    async def _conclude(self, key: bytes, verdicts: Sequence[Verdict]) -> Decision:
        """The decision; who was admitted before stays so, in its tenant, while nobody says no."""
        if self._is_no(verdicts, {}):
            return Decision(False, tuple(verdicts), cuts=True)
        ruling = self._policy.decide(verdicts, {})
        if ruling is not None and not ruling.admits:
            ruling = None
        if ruling is None:
            await self._wait_for_memory()
        now, memory = self._clock(), self.memory
        remembered = [memory.recall(key, verdict, now) or verdict for verdict in verdicts]
        recalled = self._policy.decide(remembered, {})
        if recalled is not None and recalled.admits and (ruling is None or recalled.tenant != ruling.tenant):
            decision = _yes(recalled, remembered, from_memory=True)
            self._events.from_memory(key, decision)
            return decision
        if ruling is not None:
            return _yes(ruling, verdicts)
        return Decision(False, tuple(verdicts), cuts=any(memory.is_over(key, verdict, now) for verdict in verdicts))

    async def _conclude_unasked(self, key: bytes) -> Decision:
        """Nobody could be asked: a crowd of strangers must not keep out who was admitted before, nor let itself in."""
        verdict = Verdict("relay", Answer.UNUSABLE, detail="too many logins wait for a verifier")
        self._note(verdict)
        unasked = [replace(verdict, verifier=label_of(one), tenant=one.tenant) for one in self.verifiers]
        decision = await self._conclude(key, unasked)
        return decision if decision.admits else Decision(False, (verdict,))

    async def _has_admitted(self, verifier: str) -> bool:
        """Is anybody remembered whom this one has admitted?"""
        await self._wait_for_memory()
        return self.memory.has_of(verifier)

    async def _wait_for_memory(self) -> None:
        """What is kept of it may not have been read yet."""
        if not self.memory.is_loaded:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limit_s):
                    await self._memory_loaded.wait()

    async def ask_everyone(self, key: bytes, address: Address) -> tuple[Verdict, ...]:
        """What each of them says of this key now, for somebody who wants to know; nothing follows from it."""
        return tuple(await asyncio.gather(*(self._ask_one(verifier, key, address) for verifier in self.verifiers)))

    async def _ask_one(self, verifier: Verifier, key: bytes, address: Address) -> Verdict:
        try:
            async with asyncio.timeout(self._limit_s):
                verdict = await verifier.verify(key, address)
        except TimeoutError:
            return _no_answer(verifier, f"no answer within {self._limit_s:g} s")
        except Exception:  # ours: it costs this login, not the relay
            _log.exception("error while asking %s", verifier.name)
            verdict = Verdict(verifier.name, Answer.UNUSABLE, detail="internal error")
        return replace(verdict, verifier=label_of(verifier), tenant=verdict.tenant or verifier.tenant)

    def _note(self, verdict: Verdict) -> None:
        opens = self._policy.fails_open(verdict)
        self._events.verdict(verdict, opens=opens, remembers=self.memory.is_on)
        self._note_state(verdict)
        if verdict.answer is Answer.UNREACHABLE:
            self._look_at(verdict.verifier)
        elif verdict.verifier in self._away:
            self._away.discard(verdict.verifier)
            extra = log_event("verifier", verifier=verdict.verifier, answer=verdict.answer.value)
            _log.info("verifier %s answers again", verdict.verifier, extra=extra)

    def _note_state(self, verdict: Verdict) -> None:
        words = {Answer.UNREACHABLE: "unreachable", Answer.UNUSABLE: "error"}
        self._set_state(verdict.verifier, words.get(verdict.answer, "ok"), verdict.detail)

    def _set_state(self, name: str, state: str, detail: str) -> None:
        now, before = self._clock(), self._states.get(name, VerifierState())
        since = before.since if before.state == state else now
        if state == "ok":
            self._states[name] = VerifierState(state, since, seen_at=now)
        else:
            self._states[name] = VerifierState(state, since, detail, now, before.silent_since or now)

    def label(self, verifier: Verifier) -> str:
        """What it is called in verdicts: one name each."""
        return label_of(verifier)

    async def probe(self, verifier: Verifier) -> None:
        """See whether one that nobody asks now can be reached; its `state_of` then says so."""
        finding = await verifier.probe(PROBE_S)
        state = "ok" if finding is None else "unreachable"
        self._set_state(label_of(verifier), state, finding.what() if finding is not None else "")

    def _look_at(self, name: str) -> None:
        """Say once, with what to do, why a verifier cannot be reached."""
        verifier = next((verifier for verifier in self.verifiers if label_of(verifier) == name), None)
        if verifier is None or name in self._away:
            return
        self._away.add(name)
        task = asyncio.get_running_loop().create_task(_tell_why(verifier))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)


async def _tell_why(verifier: Verifier) -> None:
    finding = await verifier.probe(PROBE_S)
    if finding is not None:
        _log.warning("%s", finding)


def label_of(verifier: Verifier) -> str:
    """What a verifier is called in verdicts: one name each, though several tenants may ask the same program."""
    return f"{verifier.name} of {verifier.tenant}" if verifier.tenant else verifier.name


def _no_answer(verifier: Verifier, detail: str) -> Verdict:
    return Verdict(label_of(verifier), Answer.UNREACHABLE, detail=detail, tenant=verifier.tenant)


def _yes(ruling: Ruling, verdicts: Sequence[Verdict], *, from_memory: bool = False) -> Decision:
    return Decision(True, tuple(verdicts), ruling.tenant, ruling.node, ruling.owner, from_memory)
