"""Several relays are looked at in one go."""

from __future__ import annotations

import asyncio

import pytest

from support.scripted_relay import run
from tailhub.tools.doctor import look, outside
from tailhub.tools.doctor.judge.packets import PacketsSeen
from tailhub.tools.doctor.seen import Options, Seen
from tailhub.tools.report import Report
from tailhub.tools.target import Target, host_target

TARGETS = [host_target(f"127.0.0.{number}:1", -1) for number in range(1, 4)]


def test_relays_are_looked_at_at_once_and_told_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits here until all are looked at."""

    async def scenario() -> list[Report]:
        all_here = asyncio.Barrier(len(TARGETS))

        async def examine(target: Target, *_: object) -> Report:
            await all_here.wait()
            return Report(str(target), (), ())

        monkeypatch.setattr(outside, "examine", examine)
        return await outside.examine_all(TARGETS)

    assert [report.subject for report in run(scenario())] == [str(target) for target in TARGETS]


def test_packets_go_through_one_relay_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would be measured while others are sent."""
    under_way: list[int] = [0]

    async def packets(seen: Seen, options: Options) -> PacketsSeen:
        under_way.append(under_way[-1] + 1)
        await asyncio.sleep(0)
        under_way.append(under_way[-1] - 1)
        return PacketsSeen()

    monkeypatch.setattr(look, "packets", packets)
    run(outside.examine_all(TARGETS, Options(timeout_s=0.2)))
    assert under_way == [0] + [1, 0] * len(TARGETS)
