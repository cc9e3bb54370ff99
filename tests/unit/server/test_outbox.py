from __future__ import annotations

import asyncio
import logging

import pytest

from support.jumping_loop import run_at_once
from tailhub.alerts.message import Message
from tailhub.server.alert_sender import Outcome
from tailhub.server.notify_config import Target
from tailhub.server.outbox import MOST_WAITING, PAUSES_S, Outbox

GOOD, BAD = Target("json://good", "notify", 1, 1), Target("json://bad/secret", "notify", 2, 2)
NO = Outcome(False, "HTTP 500")


def message(number: int = 0) -> Message:
    return Message(f"relay: {number}", "body", "info")


class Receivers:
    """`sent` has what was accepted and when; `refuses` has addresses that accept nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.tried: list[float] = []
        self.refuses: set[str] = set()
        self.breaks = False

    async def send(self, url: str, message: Message) -> Outcome:
        self.tried.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1.0)
        if self.breaks:
            raise RuntimeError("ours")
        if url in self.refuses:
            return NO
        self.sent.append((url, message.title))
        return Outcome(True)


def test_a_target_that_is_away_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Others get their messages at once; the one that is away gets them when it is back, in their order."""

    async def scenario() -> None:
        receivers = Receivers()
        receivers.refuses.add(BAD.url)
        outbox = Outbox((GOOD, BAD), receivers.send)
        outbox.put(message(1))
        outbox.put(message(2))
        await asyncio.sleep(5)
        assert receivers.sent == [(GOOD.url, "relay: 1"), (GOOD.url, "relay: 2")]
        receivers.refuses.clear()
        await asyncio.sleep(PAUSES_S[0] + 10)
        assert receivers.sent[2:] == [(BAD.url, "relay: 1"), (BAD.url, "relay: 2")]
        await outbox.stop()

    run_at_once(scenario)


def test_it_is_tried_again_and_given_up_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """A message that is not accepted is tried again after each pause; the log has one line, without the address."""

    async def scenario() -> None:
        receivers = Receivers()
        receivers.refuses.add(BAD.url)
        outbox = Outbox((BAD,), receivers.send)
        outbox.put(message(1))
        await asyncio.sleep(2 * sum(PAUSES_S))
        pauses = [after - before - 1.0 for before, after in zip(receivers.tried, receivers.tried[1:], strict=False)]
        assert tuple(pauses) == PAUSES_S
        outbox.put(message(2))
        await asyncio.sleep(5)
        await outbox.stop()

    with caplog.at_level(logging.INFO, "tailhub"):
        run_at_once(scenario)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "2 (json)" in line
    assert "HTTP 500" in line
    assert "secret" not in line


def test_a_trouble_that_comes_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """When a target has accepted something, its next failure is a line in the log."""

    async def scenario() -> None:
        receivers = Receivers()
        outbox = Outbox((BAD,), receivers.send)
        for is_away in (True, False, True):
            receivers.refuses = {BAD.url} if is_away else set()
            outbox.put(message())
            await asyncio.sleep(5 if is_away else 2 * sum(PAUSES_S))
        await outbox.stop()

    run_at_once(scenario)
    assert len(caplog.records) == 2


def test_its_line_is_bounded() -> None:
    """For a target that is away so many messages are kept, the newest."""

    async def scenario() -> None:
        receivers = Receivers()
        receivers.refuses.add(BAD.url)
        outbox = Outbox((BAD,), receivers.send)
        for number in range(2 * MOST_WAITING):
            outbox.put(message(number))
        receivers.refuses.clear()
        await asyncio.sleep(10 * MOST_WAITING)
        assert [title for _, title in receivers.sent] == [f"relay: {MOST_WAITING + one}" for one in range(MOST_WAITING)]
        await outbox.stop()

    run_at_once(scenario)


def test_an_error_of_ours_costs_one_try(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the message is tried again."""

    async def scenario() -> None:
        receivers = Receivers()
        receivers.breaks = True
        outbox = Outbox((GOOD,), receivers.send)
        outbox.put(message())
        await asyncio.sleep(5)
        receivers.breaks = False
        await asyncio.sleep(PAUSES_S[0])
        assert len(receivers.sent) == 1
        await outbox.stop()

    run_at_once(scenario)
    assert "error while sending" in caplog.text
