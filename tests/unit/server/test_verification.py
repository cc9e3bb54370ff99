"""Asking verifiers: in time, for a bounded number at once, and no longer than somebody waits."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path

import pytest

from support.verifiers import ScriptedVerifier
from support.waiting import run, until
from tailhub import findings
from tailhub.findings import Finding
from tailhub.relay.admission import AdmissionPolicy, Answer, TenantPolicy, Verdict
from tailhub.relay.memory import DAY_S, AdmissionMemory, Remembered
from tailhub.server.config import RelayConfig
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Decision, OnChange, unheeded
from tailhub.server.tenant_config import TenantConfig
from tailhub.server.tenant_verifiers import look_at_verifiers
from tailhub.server.verification import MAX_QUESTIONS, Verification, VerifierState

ONE, OTHER = bytes(32), bytes((1,)) * 32
HERE, THERE = ip_address("192.0.2.7"), ip_address("2001:db8::7")
LIMIT_S = 5.0


class Desk:
    """A `Verification` with its decisions as they came."""

    def __init__(
        self,
        *verifiers: ScriptedVerifier,
        policy: AdmissionPolicy | None = None,
        limit_s: float = LIMIT_S,
        most: int = MAX_QUESTIONS,
        memory: AdmissionMemory | None = None,
    ) -> None:
        self.now = KEPT
        self.events = Events(asyncio.get_running_loop())
        policy = policy or AdmissionPolicy()
        self.verification = Verification(verifiers, policy, self.events, limit_s, most, memory, lambda: self.now)
        self.decisions: list[Decision] = []
        self.ask = lambda key=ONE, address=HERE: self.verification.ask(key, address, self.decisions.append)

    async def decided(self, count: int = 1) -> list[bool]:
        await until(lambda: len(self.decisions) >= count)
        return [decision.admits for decision in self.decisions]


@pytest.mark.parametrize("answer", [Answer.ADMITTED, Answer.REFUSED])
def test_the_answer_decides(answer: Answer) -> None:
    """What the verifier says comes back with its verdict, and is counted."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = Desk(script)
        desk.ask()
        await until(lambda: script.open_questions)
        assert desk.verification.waiting == 1
        script.answer(answer)
        assert await desk.decided() == [answer is Answer.ADMITTED]
        assert desk.verification.waiting == 0
        assert desk.decisions[0].verdicts == (Verdict("script", answer),)
        assert desk.events.verdicts == {("script", answer.value): 1}

    run(scenario)


def test_one_yes_ends_the_question() -> None:
    """As soon as one verifier has admitted the key the others are not waited for, and their questions end."""

    async def scenario() -> None:
        slow, quick = ScriptedVerifier("slow"), ScriptedVerifier("quick")
        desk = Desk(slow, quick)
        desk.ask()
        await until(lambda: quick.open_questions and slow.open_questions)
        quick.answer(Answer.ADMITTED)
        assert await desk.decided() == [True]
        await until(lambda: slow.cancelled)

    run(scenario)


def test_all_must_say_yes_where_that_is_asked_for() -> None:
    """With `needs_all` a single no ends the question."""

    async def scenario() -> None:
        one, other = ScriptedVerifier("one"), ScriptedVerifier("other")
        desk = Desk(one, other, policy=AdmissionPolicy(tenants=(TenantPolicy(needs_all=True),)))
        desk.ask()
        await until(lambda: one.open_questions and other.open_questions)
        one.answer(Answer.ADMITTED)
        other.answer(Answer.REFUSED)
        assert await desk.decided() == [False]

    run(scenario)


def of_tenants(memory: AdmissionMemory | None = None) -> tuple[ScriptedVerifier, ScriptedVerifier, Desk]:
    """Two tenants with a verifier each."""
    one, two = ScriptedVerifier("script one"), ScriptedVerifier("script two")
    one.tenant, two.tenant = "one", "two"
    return (
        one,
        two,
        Desk(one, two, policy=AdmissionPolicy(tenants=(TenantPolicy("one"), TenantPolicy("two"))), memory=memory),
    )


@pytest.mark.parametrize("answer", [Answer.ADMITTED, Answer.REFUSED])
def test_a_later_tenants_yes_waits_for_an_earlier_one(answer: Answer) -> None:
    """All tenants are asked at once; whoever answers first, the first in order that says yes has the key."""

    async def scenario() -> None:
        one, two, desk = of_tenants()
        desk.ask()
        await until(lambda: one.open_questions and two.open_questions)
        two.answer(Answer.ADMITTED)
        await until(lambda: desk.events.verdicts)
        assert desk.decisions == []
        one.answer(answer)
        await desk.decided()
        assert desk.decisions[0].tenant == ("one" if answer is Answer.ADMITTED else "two")
        assert [verdict.tenant for verdict in desk.decisions[0].verdicts] == ["two", "one"]

    run(scenario)


def test_a_tenant_whose_verifier_is_slow_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A yes waits a moment for earlier tenants, and then it counts."""
    monkeypatch.setattr("tailhub.server.verification.EARLIER_S", 0.01)

    async def scenario() -> None:
        one, two, desk = of_tenants()
        desk.ask()
        await until(lambda: one.open_questions and two.open_questions)
        two.answer(Answer.ADMITTED)
        assert await desk.decided() == [True]
        assert desk.decisions[0].tenant == "two"
        await until(lambda: one.cancelled)

    run(scenario)


def test_a_device_stays_in_its_tenant_while_that_cannot_be_asked() -> None:
    """Known to two tenants, it is the first one's; when only the second answers, the memory keeps it where it was."""

    async def scenario() -> None:
        one, two, desk = of_tenants(memory=AdmissionMemory(7))
        for answers in ((Answer.ADMITTED, Answer.ADMITTED), (Answer.UNREACHABLE, Answer.ADMITTED)):
            desk.ask()
            await until(lambda: one.open_questions and two.open_questions)
            one.answer(answers[0])
            two.answer(answers[1])
            await until(lambda: not desk.verification.waiting)
        assert [(decision.tenant, decision.from_memory) for decision in desk.decisions] == [
            ("one", False),
            ("one", True),
        ]
        desk.ask(OTHER)  # which the first has never admitted
        await until(lambda: one.open_questions and two.open_questions)
        one.answer(Answer.UNREACHABLE)
        two.answer(Answer.ADMITTED)
        await desk.decided(3)
        assert (desk.decisions[2].tenant, desk.decisions[2].from_memory) == ("two", False)

    run(scenario)


def test_verifiers_of_tenants(tmp_path: Path) -> None:
    """Each tenant's verifiers are its own and told apart by name, also where two ask the same program."""
    lab = TenantConfig("lab", verify_tailscaled=True, verify_socket=(Path("/run/a.sock"), Path("/run/b.sock")))
    friends = TenantConfig("friends", verify_url="http://127.0.0.1:1/x", verify_url_fail_open=True)
    config = RelayConfig(
        verify_tailscaled=True,
        verify_socket=(tmp_path / "none.sock",),
        verify_url="http://127.0.0.1:1/x",
        more_tenants=(lab, friends),
    )

    async def scenario() -> None:
        names, found = await look_at_verifiers(config)
        assert names == (
            "tailscaled",
            "http://127.0.0.1:1/x",
            "tailscaled at /run/a.sock of lab",
            "tailscaled at /run/b.sock of lab",
            "http://127.0.0.1:1/x of friends",
        )
        assert [finding.code for finding in found] == ["TH213", "TH210", "TH212", "TH210", "TH210", "TH212"]

    run(scenario)


def test_logins_with_one_key_from_one_address_share_a_question() -> None:
    """They get the same answer; another key, or another address, is another question."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = Desk(script)
        for _ in range(3):
            desk.ask()
        desk.ask(OTHER)
        desk.ask(ONE, THERE)
        await until(lambda: script.open_questions == 3)
        script.answer(Answer.ADMITTED)
        assert await desk.decided(3) == [True] * 3
        assert script.asked == [ONE, OTHER, ONE]
        desk.ask()  # the answer is not remembered
        await until(lambda: len(script.asked) == 4)
        desk.verification.stop()

    run(scenario)


def test_a_question_for_which_nobody_waits_ends() -> None:
    """When the last of its logins is gone it is broken off; who comes then asks anew."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = Desk(script)
        first, second = desk.ask(), desk.ask()
        await until(lambda: script.open_questions == 1)
        first.cancel()
        await asyncio.sleep(0)
        assert script.cancelled == 0
        second.cancel()
        desk.ask()  # in the same turn: the question that ends is not joined
        await until(lambda: script.cancelled == 1 and script.open_questions == 1)
        script.answer(Answer.ADMITTED)
        assert await desk.decided() == [True]
        assert len(desk.decisions) == 1

    run(scenario)


def test_no_answer_in_time_is_unreachable() -> None:
    """It refuses, or admits where the verifier fails open, and is told once in a while."""

    async def scenario() -> None:
        for fails_open in (False, True):
            script = ScriptedVerifier()
            policy = AdmissionPolicy(tenants=(TenantPolicy(fails_open=frozenset(["script"] if fails_open else [])),))
            desk = Desk(script, policy=policy, limit_s=0.02)
            desk.ask()
            assert await desk.decided() == [fails_open]
            assert str(desk.decisions[0]) == "script: unreachable (no answer within 0.02 s)"
            assert not desk.decisions[0].is_known
            assert script.cancelled == 1

    run(scenario)


def test_so_many_questions_at_once() -> None:
    """More wait for their turn, which comes when one has been answered."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = Desk(script)
        for number in range(MAX_QUESTIONS + 1):
            desk.ask(bytes((number,)) * 32)
        await until(lambda: script.open_questions == MAX_QUESTIONS)
        assert desk.verification.waiting == MAX_QUESTIONS + 1
        script.answer(Answer.ADMITTED)
        await until(lambda: len(script.asked) == MAX_QUESTIONS + 1)
        desk.verification.stop()

    run(scenario)


def test_whose_turn_does_not_come_is_refused() -> None:
    """Who waits too long for a turn is refused, also where the verifier fails open: a crowd must not open the door."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        opened = AdmissionPolicy(tenants=(TenantPolicy(fails_open=frozenset(["script"])),))
        desk = Desk(script, policy=opened, limit_s=0.05, most=1)
        desk.ask(ONE)
        desk.ask(OTHER)
        await desk.decided(2)
        assert script.asked == [ONE]
        assert sorted(map(str, desk.decisions)) == [
            "relay: unusable (too many logins wait for a verifier)",
            "script: unreachable (no answer within 0.05 s)",
        ]
        assert [decision.admits for decision in desk.decisions if decision.verdicts[0].verifier == "relay"] == [False]

    run(scenario)


def test_a_crowd_does_not_keep_out_who_was_admitted_before() -> None:
    """Who is remembered is admitted from memory when its turn does not come, as when its verifier was away."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        memory = AdmissionMemory(7)
        memory.note(OTHER, Verdict("script", Answer.ADMITTED, node="laptop"), KEPT)
        desk = Desk(script, limit_s=0.05, most=1, memory=memory)
        desk.ask(ONE)
        desk.ask(OTHER)
        await desk.decided(2)
        assert script.asked == [ONE]
        assert [(one.admits, one.from_memory, one.node) for one in desk.decisions if one.admits] == [
            (True, True, "laptop")
        ]

    run(scenario)


def test_an_error_of_ours_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """A verifier that raises costs the login, with a traceback in the log, and nothing else."""

    class Broken(ScriptedVerifier):
        async def verify(self, key: bytes, address: object) -> Verdict:  # type: ignore[override]
            raise RuntimeError("a bug")

    async def scenario() -> None:
        desk = Desk(Broken())
        desk.ask()
        assert await desk.decided() == [False]

    run(scenario)
    assert "a bug" in caplog.text


def test_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A verifier that gives no verdict is warned of once a minute, with what that means for clients."""
    caplog.set_level(logging.INFO, "tailhub")

    async def scenario() -> None:
        events = Events(asyncio.get_running_loop())
        away = Verdict("url", Answer.UNREACHABLE, detail="Connection refused")
        for _ in range(3):
            events.verdict(away, opens=False)
        events.verdict(Verdict("other", Answer.UNREACHABLE), opens=True)
        events.verdict(Verdict("third", Answer.UNUSABLE, detail="HTTP 502"), opens=True)
        events.verdict(Verdict("third", Answer.REFUSED), opens=True)
        events.refused(ONE, THERE, 41641, Decision(False, (away,)))
        events.stop()
        assert events.failures == {"no verifier answered": 1}

    run(scenario)
    assert [record.message for record in caplog.records] == [
        "verifier url: unreachable (Connection refused); meanwhile whom it alone knows is refused",
        "verifier other: unreachable; meanwhile everyone is let in",
        "verifier third: unusable (HTTP 502); meanwhile whom it alone knows is refused",
        "refused [AAAAA] from [2001:db8::7]:41641; url: unreachable (Connection refused)",
        "verifier url: unreachable (2 more in the last minute)",
    ]


KEPT = 1_700_000_000.0  # a time since 1970


def remembering(*verifiers: ScriptedVerifier, days: float = 7, is_kept: bool = False, **options: object) -> Desk:
    """A desk that remembers, whose days a test counts in `clock`."""
    return Desk(*verifiers, memory=AdmissionMemory(days, is_kept=is_kept), **options)  # type: ignore[arg-type]


async def decision(desk: Desk, key: bytes = ONE) -> Decision:
    """The decision of a login now."""
    count = len(desk.decisions)
    desk.ask(key)
    await desk.decided(count + 1)
    return desk.decisions[-1]


def test_a_transcript_of_a_verifier_that_goes_away() -> None:
    """Admitted; away: from memory, and a stranger is refused; too long away: cut; a no when it is back: cut at once."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = remembering(script)
        script.always = Answer.ADMITTED
        assert (await decision(desk)).admits
        script.always = Answer.UNREACHABLE
        desk.now += 7 * DAY_S
        remembered = await decision(desk)
        assert (remembered.admits, remembered.from_memory, remembered.cuts) == (True, True, False)
        stranger = await decision(desk, OTHER)
        assert (stranger.admits, stranger.cuts) == (False, False)
        desk.now += 1
        over = await decision(desk)
        assert (over.admits, over.cuts) == (False, True)
        script.always = Answer.ADMITTED
        assert not (await decision(desk)).from_memory
        script.always = Answer.REFUSED
        assert (await decision(desk)).cuts
        script.always = Answer.UNREACHABLE
        assert not (await decision(desk)).admits
        assert desk.events.memory_admissions == 1

    run(scenario)


@pytest.mark.parametrize("needs_all", [False, True])
def test_of_two_verifiers_one_is_away(needs_all: bool) -> None:
    """The yes of the one that is away stands in, and the other's word counts: where one is enough its no does not."""

    async def scenario() -> None:
        here, away = ScriptedVerifier("here"), ScriptedVerifier("away")
        desk = remembering(here, away, policy=AdmissionPolicy(tenants=(TenantPolicy(needs_all=needs_all),)))
        here.always = Answer.REFUSED if not needs_all else Answer.ADMITTED
        away.always = Answer.ADMITTED
        assert (await decision(desk)).admits
        away.always = Answer.UNREACHABLE
        assert (await decision(desk)).from_memory
        here.always = Answer.REFUSED
        last = await decision(desk)
        assert last.admits is not needs_all
        assert last.cuts is needs_all

    run(scenario)


def test_names_come_with_the_decision() -> None:
    """Device, owner and tenant are as the verifier told them, also from memory."""

    class Named(ScriptedVerifier):
        async def verify(self, key: bytes, address: object) -> Verdict:  # type: ignore[override]
            if self.always is Answer.ADMITTED:
                return Verdict(self.name, Answer.ADMITTED, "laptop", owner="ada", tenant="friends")
            return Verdict(self.name, Answer.UNREACHABLE, tenant="friends")

    async def scenario() -> None:
        script = Named()
        script.tenant = "friends"
        desk = remembering(script, policy=AdmissionPolicy(tenants=(TenantPolicy("friends"),)))
        for answer in (Answer.ADMITTED, Answer.UNREACHABLE):
            script.always = answer
            found = await decision(desk)
            assert (found.node, found.owner, found.tenant) == ("laptop", "ada", "friends")

    run(scenario)


def test_a_login_waits_for_a_memory_that_is_not_loaded() -> None:
    """Only where it matters: when the verifier answers, nobody waits."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = remembering(script, is_kept=True)
        script.always = Answer.ADMITTED
        assert (await decision(desk, OTHER)).admits
        script.always = Answer.UNREACHABLE
        desk.ask(ONE)
        await until(lambda: len(script.asked) == 2)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(desk.decisions) == 1
        desk.verification.load_memory([Remembered(ONE, "script", desk.now)])
        assert await desk.decided(2) == [True, True]
        assert desk.decisions[-1].from_memory

    run(scenario)


def test_a_memory_that_never_comes() -> None:
    """It is waited for as long as a verifier may take, and nobody who is in is cut for want of it."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        script.always = Answer.UNREACHABLE
        desk = remembering(script, is_kept=True, limit_s=0.02)
        found = await decision(desk)
        assert (found.admits, found.cuts) == (False, False)

    run(scenario)


def test_what_is_said_of_memory(caplog: pytest.LogCaptureFixture) -> None:
    """Who is admitted from memory is named once an hour, with the verifier that is away; all of them are counted."""
    caplog.set_level(logging.INFO, "tailhub")

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = remembering(script)
        script.always = Answer.ADMITTED
        await decision(desk)
        script.always = Answer.UNREACHABLE
        for _ in range(3):
            await decision(desk)
        assert desk.events.memory_admissions == 3

    run(scenario)
    assert [message for message in caplog.messages if "memory" in message] == [
        "[AAAAA] is admitted from memory; script: admitted (remembered, now unreachable)",
    ]
    assert any("refused, unless it was admitted before" in message for message in caplog.messages)


def test_why_a_verifier_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """When it cannot be reached it is looked at, and what is found is told with its remedy; then, that it is back."""
    caplog.set_level(logging.INFO, "tailhub")

    class Broken(ScriptedVerifier):
        async def probe(self, limit_s: float) -> Finding | None:
            return findings.verify_url_unreachable("https://x.example/verify", "No route to host", "--verify-url")

    async def scenario() -> None:
        script = Broken()
        desk = Desk(script)
        assert desk.verification.reachable == {"script": True}
        for always in (Answer.UNREACHABLE, Answer.UNREACHABLE, Answer.ADMITTED, Answer.UNREACHABLE):
            script.always = always
            await decision(desk)
            assert desk.verification.reachable == {"script": always is not Answer.UNREACHABLE}
        await until(lambda: caplog.text.count("cannot be reached: No route to host") == 2)

    run(scenario)
    assert caplog.text.count("verifier script answers again") == 1


def test_how_long_a_verifier_is_silent() -> None:
    """Since when a verifier gives no answer, however it fails, and when it was seen last; a probe tells it is back."""

    async def scenario() -> None:
        script = ScriptedVerifier()
        desk = Desk(script)
        assert desk.verification.state_of(script) == VerifierState()
        course = ((Answer.ADMITTED, "ok"), (Answer.REFUSED, "ok"), (Answer.UNREACHABLE, "unreachable"))
        for number, (answer, word) in enumerate((*course, (Answer.UNUSABLE, "error")), 1):
            script.always, desk.now = answer, KEPT + 10.0 * number
            desk.ask()
            await desk.decided(number)
            state = desk.verification.state_of(script)
            assert (state.state, state.seen_at) == (word, desk.now)
            assert state.silent_since == (0.0 if word == "ok" else KEPT + 30.0)
        desk.now = KEPT + 50.0
        await desk.verification.probe(script)
        state = desk.verification.state_of(script)
        assert (state.state, state.since, state.silent_since) == ("ok", KEPT + 50.0, 0.0)

    run(scenario)


def test_how_a_verifier_answers() -> None:
    """It is known how each verifier answered last, and since when; one that was not asked is unknown."""

    async def scenario() -> None:
        script, silent = ScriptedVerifier("script"), ScriptedVerifier("silent")
        desk = Desk(script, silent)
        verification = desk.verification
        assert verification.state_of(script).state == "unknown"

        async def answered(answer: Answer) -> None:
            before = len(desk.decisions)
            desk.ask()
            await until(lambda: script.open_questions and silent.open_questions)
            script.answer(answer)
            silent.answer(Answer.REFUSED)
            await desk.decided(before + 1)
            desk.now += 10

        seen = []
        for answer in (Answer.REFUSED, Answer.REFUSED, Answer.UNREACHABLE, Answer.UNUSABLE, Answer.REFUSED):
            await answered(answer)
            state = verification.state_of(script)
            seen.append((state.state, state.since - KEPT))
        assert seen == [("ok", 0), ("ok", 0), ("unreachable", 20), ("error", 30), ("ok", 40)]
        assert verification.state_of(silent).state == "ok"

    run(scenario)


def test_a_relay_without_verifiers_loads_none() -> None:
    """What asks verifiers is imported by a relay that has some, and by no other."""
    code = (
        "import sys, tailhub.cli.relay, tailhub.server.service, tailhub.server.worker; "
        "print([name for name in sys.modules if 'verif' in name and name.startswith('tailhub')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


class WatchingVerifier(ScriptedVerifier):
    """One that learns of changes by itself."""

    is_stopped = False

    def __init__(self) -> None:
        super().__init__()
        self.on_change: OnChange = unheeded

    def stop(self) -> None:
        self.is_stopped = True


def test_a_verifier_that_learns_of_changes() -> None:
    """What it learns reaches whoever has clients, who is asking is asked about anew, and it ends with all else."""

    async def scenario() -> None:
        watching = WatchingVerifier()
        desk = Desk(watching)
        heard: list[Collection[bytes] | None] = []
        desk.verification.on_change = heard.append
        desk.ask()
        await until(lambda: watching.open_questions)
        watching.on_change({ONE})
        await until(lambda: len(watching.asked) == 2)
        assert heard == [{ONE}]
        watching.on_change({OTHER})
        assert heard == [{ONE}, {OTHER}]
        assert not watching.is_stopped
        desk.verification.stop()
        assert watching.is_stopped
        assert watching.asked == [ONE, ONE]

    run(scenario)
