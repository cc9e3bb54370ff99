"""The watchman on a relay that a test makes up, and on a clock that jumps."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.jumping_loop import run_at_once
from tailhub import findings
from tailhub.alerts.message import Message
from tailhub.alerts.reach import SelfTest
from tailhub.alerts.rules import DAY_S
from tailhub.alerts.seen import CertificateSeen, Seen, VerifierSeen
from tailhub.exceptions import RemoteError
from tailhub.server import update_check
from tailhub.server.config import RelayConfig
from tailhub.server.watchman import FILE, LOOK_S, UPDATE_S, Watchman

NOW = 20_000 * DAY_S
ENDING = Seen(certificates=(CertificateSeen("relay.test", "pin", NOW - 80 * DAY_S, NOW + 2 * DAY_S),))
QUIET = Seen()


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that jumps nobody waits for a thread."""

    async def at_once(work: Callable[[], Any]) -> Any:
        return work()

    monkeypatch.setattr(asyncio, "to_thread", at_once)


class MadeUp:
    """What is seen, as a test says. `own_port` counts how often the relay tried its own port."""

    relay_name = "relay.test"

    def __init__(self) -> None:
        self.seen = QUIET
        self.contacts = (False, 0)
        self.newest = ""
        self.own_port = 0
        self.told: list[frozenset[str]] = []

    async def look(self, now: float) -> Seen:
        return replace(self.seen, running="0.1.0", newest=self.newest)

    async def ask_silent(self, told: frozenset[str]) -> None:
        self.told.append(told)

    def contact(self) -> tuple[bool, int]:
        return self.contacts

    async def test_own_port(self) -> SelfTest:
        self.own_port += 1
        return SelfTest(here=True)


class World:
    """A watchman whose clock and relay are the test's; `titles` has what was sent."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.now = NOW
        self.watched: Any = MadeUp()
        self.messages: list[Message] = []
        config = RelayConfig(notify=("ntfy://topic",), notify_language="en", **settings)
        self.watchman = Watchman(config, self.watched, self, directory / FILE, lambda: self.now)  # type: ignore[arg-type]

    def put(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.messages]

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.now += LOOK_S
            await self.watchman.look()


def restarted(world: World, directory: Path, **settings: Any) -> World:
    """The same relay, started again: what it has kept is read."""
    again = World(directory, **settings)
    again.now, again.watched.seen = world.now, world.watched.seen
    again.watchman.restore()
    return again


def test_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    """What was told is in a file for its owner alone at once, and is not told again after a restart; its end is."""

    async def scenario() -> None:
        world = World(tmp_path)
        world.watched.seen = ENDING
        await world.look(3)
        assert world.titles == ["relay.test: certificate expires in 1 day"]
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        again = restarted(world, tmp_path)
        await again.look(3)
        assert not again.titles
        again.watched.seen = QUIET
        await again.look(10)
        assert again.titles == ["relay.test: certificate is good again"]

    run_at_once(scenario)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"told": 1}', '{"told": {"entries": [1]}}', "[" * 10_000])
def test_a_damaged_file(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is damaged is told of in the log, counts as none, and is written anew."""

    async def scenario() -> None:
        (tmp_path / FILE).write_text(text)
        world = restarted(World(tmp_path), tmp_path)
        world.watched.seen = ENDING
        await world.look()
        assert len(world.titles) == 1
        assert json.loads((tmp_path / FILE).read_text())["version"] == 1

    run_at_once(scenario)
    assert FILE in caplog.text


def test_only_what_somebody_wants(tmp_path: Path) -> None:
    """Of events that are not chosen nothing is told."""

    async def scenario() -> None:
        world = World(tmp_path, notify_events=("quota",))
        world.watched.seen = ENDING
        await world.look()
        assert not world.titles

    run_at_once(scenario)


def test_it_goes_on_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """Where the file cannot be written, messages are sent all the same, once in this life."""

    async def scenario() -> None:
        world = World(tmp_path / "missing")
        world.watched.seen = ENDING
        await world.look(3)
        assert len(world.titles) == 1

    run_at_once(scenario)


def test_silence_from_outside(tmp_path: Path) -> None:
    """When it falls silent the relay tries its own port once, does not take that for a visitor, and tells it once."""

    async def scenario() -> None:
        world = World(tmp_path)
        day = round(DAY_S / LOOK_S)
        world.watched.contacts = (True, 1)
        await world.look(3 * day)
        world.watched.contacts = (False, 0)
        await world.look(round(2.5 * 3600 / LOOK_S))
        assert world.titles == ["relay.test: nothing comes in from outside"]
        assert "answers on this machine" in world.messages[0].body
        assert world.watched.own_port == 1
        world.watched.contacts = (True, 1)
        await world.look(10)
        assert world.titles[1:] == ["relay.test: something comes in from outside again"]

    run_at_once(scenario)


def test_its_own_test_is_no_visitor(tmp_path: Path) -> None:
    """A connection to the relay's own public address, which may come back from outside, does not end the silence."""

    async def scenario() -> None:
        world = World(tmp_path)
        world.watched.contacts = (True, 1)
        await world.look(round(3 * DAY_S / LOOK_S))
        world.watched.contacts = (False, 0)
        while not world.watched.own_port:
            await world.look()
        world.watched.contacts = (True, 1)  # our own
        await world.look()
        world.watched.contacts = (False, 0)
        await world.look(10)
        assert world.titles == ["relay.test: nothing comes in from outside"]

    run_at_once(scenario)


def test_verifiers_that_were_told_of_are_asked(tmp_path: Path) -> None:
    """After a restart the watchman asks those of whom it was told that they do not answer."""

    async def scenario() -> None:
        world = World(tmp_path)
        world.watched.seen = Seen(verifiers=(VerifierSeen("v", False, NOW - 600, NOW),))
        await world.look()
        world.watched.seen = Seen(verifiers=(VerifierSeen("v", None),))
        again = restarted(world, tmp_path)
        await again.look(10)
        assert again.watched.told[0] == {"v"}
        assert not again.titles
        again.watched.seen = Seen(verifiers=(VerifierSeen("v", True, NOW, NOW),))
        await again.look(10)
        assert again.titles == ["relay.test: a verifier answers again"]

    run_at_once(scenario)


def test_the_index_is_asked_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """About once a day, also over a restart; that it cannot be asked is told once; a new version once."""
    asked: list[float] = []
    answers: list[str | Exception] = ["0.0.1", OSError(111, "Connection refused"), RemoteError("HTTP 500", "http")]

    async def newest(url: object) -> str:
        asked.append(asyncio.get_running_loop().time())
        answer = answers.pop(0) if answers else "99.0.0"
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(update_check, "newest_version", newest)

    async def scenario() -> None:
        world = World(tmp_path, update_check=True)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        world.watchman = Watchman(
            RelayConfig(notify=("ntfy://topic",), notify_language="en", update_check=True),
            world.watched,
            world,  # type: ignore[arg-type]
            tmp_path / FILE,
            lambda: NOW + loop.time() - begun,
        )
        running = loop.create_task(world.watchman.run())
        await asyncio.sleep(10 * UPDATE_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert 9 <= len(asked) <= 12
        assert world.titles == ["relay.test: tailhub 99.0.0 is there"]

    run_at_once(scenario)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    assert findings.update_index_unusable("x", "Connection refused", "y").what()[:17] in caplog.text


def test_an_error_of_ours_is_not_the_last_look(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong in a look is logged, and it looks again."""

    async def scenario() -> None:
        world = World(tmp_path)
        world.watched.seen = ENDING
        world.watched.relay_name = None
        broken, world.watched.contact = world.watched.contact, None
        running = asyncio.get_running_loop().create_task(world.watchman.run())
        await asyncio.sleep(3 * LOOK_S)
        world.watched.contact, world.watched.relay_name = broken, "relay.test"
        await asyncio.sleep(3 * LOOK_S)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(world.titles) == 1

    run_at_once(scenario)
    assert "error while looking" in caplog.text
