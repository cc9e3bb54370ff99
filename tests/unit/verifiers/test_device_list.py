"""A list of devices that is kept fresh, on a clock that jumps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from ipaddress import ip_address

import pytest

from support.jumping_loop import run_at_once
from tailhub import findings
from tailhub.exceptions import MachineError, RemoteError
from tailhub.findings import Finding
from tailhub.relay.admission import Answer, Verdict
from tailhub.verifiers.api_client import ApiStatusError
from tailhub.verifiers.device_list import WARN_S, Device, DeviceListVerifier
from tailhub.verifiers.refresh import KEEP_S, PAUSE_S, RefreshSchedule
from tailhub.verifiers.verifier import HasCredential, Watching

ONE, OTHER, STRANGER = bytes((1,)) * 32, bytes((2,)) * 32, bytes((3,)) * 32
ADDRESS = ip_address("192.0.2.7")
LAPTOP, PHONE = Device("laptop.example.ts.net", "amelie@example.com"), Device("phone.example.ts.net", "")
NAME = "https://api.example.com"
EVERY_S = 60.0


class ScriptedSource:
    """A list that a test changes. `times` has when it was read; each reading takes `takes_s`."""

    name = NAME

    def __init__(self) -> None:
        self.devices: dict[bytes, Device] = {ONE: LAPTOP}
        self.error: OSError | RemoteError | MachineError | None = None
        self.expires: float | None = None
        self.takes_s = 1.0
        self.times: list[float] = []

    async def read(self) -> Mapping[bytes, Device]:
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return dict(self.devices)

    async def expires_at(self) -> float | None:
        return self.expires

    def trouble(self, exc: OSError | RemoteError | MachineError) -> Finding:
        return findings.device_list_unusable(self.name, str(exc), "--headscale-url")

    def expiring(self, at: float, now: float) -> Finding:
        return findings.credential_expires(self.name, "soon", int((at - now) // 86400), "--tailscale-token")


class World:
    """A verifier, its source, and what it says of changes."""

    def __init__(self) -> None:
        self.source = ScriptedSource()
        self.verifier = DeviceListVerifier(self.source, EVERY_S, RefreshSchedule(EVERY_S, lambda: 0.5))
        self.changes: list[Collection[bytes] | None] = []
        self.verifier.on_change = self.changes.append

    async def ask(self, key: bytes = ONE) -> Verdict:
        return await self.verifier.verify(key, ADDRESS)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_who_is_on_the_list_is_admitted() -> None:
    """With device and owner; the first login waits for the first list, the next for nobody."""

    async def scenario() -> None:
        world = World()
        began = now()
        assert await world.ask() == Verdict(NAME, Answer.ADMITTED, LAPTOP.node, owner=LAPTOP.owner)
        assert now() == began + 1.0
        await world.ask()
        assert now() == began + 1.0
        assert world.changes == [{ONE}]
        world.verifier.stop()

    run_at_once(scenario)


def test_for_a_stranger_the_list_is_read_again() -> None:
    """Once for all who come at a time, and after a pause only; a device that is new on it is admitted."""

    async def scenario() -> None:
        world = World()
        world.source.takes_s = 0.1
        await world.ask()
        await asyncio.sleep(PAUSE_S)
        answers = await asyncio.gather(*(world.ask(key) for key in (STRANGER, STRANGER, OTHER)))
        assert {verdict.answer for verdict in answers} == {Answer.REFUSED}
        assert len(world.source.times) == 2
        world.source.devices[OTHER] = PHONE
        assert (await world.ask(OTHER)).answer is Answer.REFUSED
        assert len(world.source.times) == 2
        await asyncio.sleep(PAUSE_S)
        assert (await world.ask(OTHER)).node == PHONE.node
        assert len(world.source.times) == 3
        world.verifier.stop()

    run_at_once(scenario)


def test_a_question_that_nobody_waits_for_any_more() -> None:
    """Does not end the reading for others."""

    async def scenario() -> None:
        world = World()
        first, second = asyncio.create_task(world.ask()), asyncio.create_task(world.ask())
        await asyncio.sleep(0.5)
        first.cancel()
        assert (await second).answer is Answer.ADMITTED
        assert len(world.source.times) == 1
        world.verifier.stop()

    run_at_once(scenario)


def test_it_is_read_regularly_and_tells_of_changes() -> None:
    """Who came, went or is called otherwise, and nothing when all is as before."""

    async def scenario() -> None:
        world = World()
        await world.ask()
        world.source.devices = {ONE: LAPTOP._replace(node="desk"), OTHER: PHONE}
        await asyncio.sleep(EVERY_S + 2)
        assert world.changes == [{ONE}, {ONE, OTHER}]
        world.source.devices = {OTHER: PHONE}
        await asyncio.sleep(EVERY_S + 2)
        await asyncio.sleep(EVERY_S + 2)
        assert world.changes == [{ONE}, {ONE, OTHER}, {ONE}]
        assert len(world.source.times) == 4
        assert (await world.ask(ONE)).answer is Answer.REFUSED
        world.verifier.stop()

    run_at_once(scenario)


def test_a_stopped_one_reads_no_more() -> None:
    """Nor does it say anything; whoever waits is answered."""

    async def scenario() -> None:
        world = World()
        waiting = asyncio.create_task(world.ask())
        await asyncio.sleep(0.5)
        world.verifier.stop()
        assert (await waiting).answer is Answer.UNREACHABLE
        await asyncio.sleep(10 * EVERY_S)
        assert len(world.source.times) == 1
        assert world.changes == []

    run_at_once(scenario)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(111, "Connection refused"), Answer.UNREACHABLE),
        (TimeoutError(), Answer.UNREACHABLE),
        (ApiStatusError(401, "API token invalid", None), Answer.UNUSABLE),
        (RemoteError("no list of devices"), Answer.UNUSABLE),
        (MachineError(findings.file_missing("--headscale-api-key-file", "/etc/key", "/")), Answer.UNUSABLE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_while_it_cannot_be_read(error: OSError | RemoteError | MachineError, expected: Answer) -> None:
    """Who is on the last list is admitted for some minutes, and nobody is called a stranger; then nobody is known."""

    async def scenario() -> None:
        world = World()
        await world.ask()
        world.source.error = error
        await asyncio.sleep(EVERY_S + 2)
        assert (await world.ask()).answer is Answer.ADMITTED
        assert (await world.ask(STRANGER)).answer is expected
        await asyncio.sleep(KEEP_S)
        late = await world.ask()
        assert (late.answer, late.detail.isprintable(), bool(late.detail)) == (expected, True, True)
        world.source.error = None
        await asyncio.sleep(KEEP_S + 60)
        assert (await world.ask()).answer is Answer.ADMITTED
        assert world.changes == [{ONE}]
        world.verifier.stop()

    run_at_once(scenario)


def test_it_is_left_alone_for_as_long_as_it_wants() -> None:
    """After 429 with Retry-After nobody asks before that, strangers or not."""

    async def scenario() -> None:
        world = World()
        world.source.error = ApiStatusError(429, "slow down", 200.0)
        world.source.takes_s = 0.0
        began = now()
        for _ in range(15):
            assert (await world.ask(STRANGER)).answer is Answer.UNUSABLE
            await asyncio.sleep(10.0)
        assert world.source.times == [began]
        await asyncio.sleep(60.0)
        assert world.source.times == [began, began + 200.0]
        world.verifier.stop()

    run_at_once(scenario)


def test_trouble_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, as a finding, and so is its end."""

    async def scenario() -> None:
        world = World()
        world.source.error = ConnectionRefusedError(111, "Connection refused")
        await world.ask()
        await asyncio.sleep(600.0)
        world.source.error = None
        await asyncio.sleep(600.0)
        world.verifier.stop()

    with caplog.at_level(logging.INFO, "tailhub"):
        run_at_once(scenario)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert NAME in caplog.records[0].getMessage()


def test_what_it_knows_of_itself() -> None:
    """Whether its list can be read, since when not, and when its credential ends, is there for whoever looks."""

    async def scenario() -> None:
        world = World()
        verifier = world.verifier
        assert (verifier.has_read, verifier.trouble) == (False, None)
        world.source.error = ConnectionRefusedError(111, "Connection refused")
        before = time.time()
        await world.ask()
        since = verifier.trouble_since
        assert before <= since <= time.time()
        await asyncio.sleep(600.0)
        assert verifier.trouble is not None
        assert (verifier.trouble_since, verifier.has_read) == (since, False)
        world.source.error = None
        world.source.expires = at = time.time() + 86400.0
        await asyncio.sleep(600.0)
        assert (verifier.trouble, verifier.has_read) == (None, True)
        assert verifier.credential_expires == at
        finding = verifier.expiring(at - 3600.0)
        assert finding is not None
        assert finding.values["days"] == 0
        verifier.stop()

    run_at_once(scenario)


def test_an_error_of_ours_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the list is read again."""

    async def scenario() -> None:
        world = World()

        def fail(keys: Collection[bytes] | None) -> None:
            world.verifier.on_change = world.changes.append
            raise RuntimeError("ours")

        world.verifier.on_change = fail
        await world.ask()
        await asyncio.sleep(2 * EVERY_S)
        assert (await world.ask()).answer is Answer.ADMITTED
        assert len(world.source.times) > 1
        world.verifier.stop()

    run_at_once(scenario)
    assert "error while reading" in caplog.text


def test_a_credential_that_expires(caplog: pytest.LogCaptureFixture) -> None:
    """Is warned of once a day from 14 days before, and not earlier."""

    async def scenario(left_s: float, days: float) -> None:
        world = World()
        world.source.expires = time.time() + left_s
        await world.ask()
        await asyncio.sleep(days * 86400)
        world.verifier.stop()

    run_at_once(lambda: scenario(WARN_S + 86400, 1))
    assert not caplog.records
    run_at_once(lambda: scenario(WARN_S - 60, 2.5))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3
    assert "expires on soon, in 13 days" in told[0]


@pytest.mark.parametrize("expires", [None, 2e9])
def test_when_the_credential_expires_is_known(expires: float | None) -> None:
    """Once it has been looked at, whoever asks can be told when the credential expires, or that it never does."""

    async def scenario() -> None:
        world = World()
        assert isinstance(world.verifier, HasCredential)
        assert world.verifier.credential_expires is None
        world.source.expires = expires
        await world.ask()
        await asyncio.sleep(60)
        assert world.verifier.credential_expires == expires
        world.verifier.stop()

    run_at_once(scenario)


def test_the_probe() -> None:
    """Reads once and says what keeps it from that, or that the credential expires; all well says nothing.

    Nor does one that reads regularly, which has the log for it and keeps to its times.
    """

    async def scenario() -> None:
        world = World()
        assert await world.verifier.probe(3.0) is None
        world.source.expires = time.time() + 86400 + 60
        expiring = await world.verifier.probe(3.0)
        assert expiring is not None
        assert expiring.code == "TH255"
        world.source.takes_s = 10.0
        late = await world.verifier.probe(3.0)
        assert late is not None
        assert late.code == "TH254"
        assert world.changes == []
        await world.ask()
        readings = len(world.source.times)
        assert await world.verifier.probe(3.0) is None
        assert len(world.source.times) == readings
        world.verifier.stop()

    run_at_once(scenario)


def test_it_says_of_itself_that_it_learns_of_changes() -> None:
    """By which it is known to whoever wants to hear of them."""
    assert isinstance(World().verifier, Watching)
