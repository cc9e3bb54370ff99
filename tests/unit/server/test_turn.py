"""The end of a turn: who is flushed when."""

from __future__ import annotations

import asyncio

import pytest

from tailhub.net.turn_selector import TurnSelector
from tailhub.server.turn import Turn


class Party:
    """A connection that notes its flushes."""

    def __init__(self, log: list[str], name: str, fails: bool = False) -> None:
        self.log = log
        self.name = name
        self.fails = fails
        self.wakes: list[tuple[Turn, Party]] = []

    def flush(self, now: float) -> None:
        self.log.append(f"flush {self.name}")
        for turn, other in self.wakes:
            turn.add(other)
        if self.fails:
            raise ZeroDivisionError

    def abort(self, reason: str) -> None:
        self.log.append(f"abort {self.name}: {reason}")


def run(scenario: object, with_selector: bool) -> list[str]:
    log: list[str] = []
    selector = TurnSelector() if with_selector else None

    async def main() -> None:
        turn = Turn(asyncio.get_running_loop(), selector)
        scenario(turn, log)  # type: ignore[operator]
        log.append("end of turn")
        for _ in range(3):
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(main())
    return log


@pytest.mark.parametrize("with_selector", [False, True])
def test_flush_comes_after_the_turn(with_selector: bool) -> None:
    """Connections are flushed in the order of their wakes, once what woke them has ended."""

    def scenario(turn: Turn, log: list[str]) -> None:
        turn.add(Party(log, "a"))
        turn.add(Party(log, "b"))

    assert run(scenario, with_selector) == ["end of turn", "flush a", "flush b"]


@pytest.mark.parametrize("with_selector", [False, True])
def test_a_wake_while_flushing_is_not_lost(with_selector: bool) -> None:
    """What is woken by a flush is flushed too."""

    def scenario(turn: Turn, log: list[str]) -> None:
        a = Party(log, "a")
        a.wakes.append((turn, Party(log, "b")))
        turn.add(a)

    assert run(scenario, with_selector) == ["end of turn", "flush a", "flush b"]


@pytest.mark.parametrize("with_selector", [False, True])
def test_an_error_of_one_does_not_cost_the_others_their_turn(
    with_selector: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A flush that raises ends that connection, is logged, and the next one is flushed."""

    def scenario(turn: Turn, log: list[str]) -> None:
        turn.add(Party(log, "a", fails=True))
        turn.add(Party(log, "b"))

    assert run(scenario, with_selector) == ["end of turn", "flush a", "abort a: internal error", "flush b"]
    assert "error while writing" in caplog.text


def test_work_at_the_end_of_a_turn_does_not_delay_timers() -> None:
    """A timer that a flush sets is seen although the loop had worked out its wait before."""
    selector = TurnSelector()

    class SetsTimer:
        def __init__(self, loop: asyncio.AbstractEventLoop, fired: asyncio.Event) -> None:
            self.loop = loop
            self.fired = fired

        def flush(self, now: float) -> None:
            self.loop.call_later(0, self.fired.set)

        def abort(self, reason: str) -> None:
            raise AssertionError(reason)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        fired = asyncio.Event()
        Turn(loop, selector).add(SetsTimer(loop, fired))
        async with asyncio.timeout(5):
            await fired.wait()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(main())
