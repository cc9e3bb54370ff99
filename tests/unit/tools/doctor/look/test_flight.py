"""How flights are planned, and what is noted of their packets; flights over a relay: `test_doctor_relaying`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.scripted_relay import run
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import ReceivedPacket
from tailhub.tools.doctor.look.flight import SIZES, Plan, fly, plan_flights

QUEUE_PACKETS = 32  # of the original, for a client
FRAME_BYTES = 37


def test_without_a_limit() -> None:
    """So many of each size as were asked for, but few of the largest."""
    assert [(plan.size, plan.count) for plan in plan_flights(200, None)] == [(60, 200), (1400, 200), (65_536, 10)]
    assert [plan.count for plan in plan_flights(3, ServerInfo())] == [3, 3, 3]


def test_no_queue_can_be_full() -> None:
    """Less is under way than the queue of the original holds, and no more than one of the largest."""
    most = [plan.most_under_way for plan in plan_flights(200, None)]
    assert all(1 <= count < QUEUE_PACKETS for count in most)
    assert most[-1] == 1


@pytest.mark.parametrize("rate", [5_000, 125_000, 1_250_000])
def test_within_the_rate(rate: int) -> None:
    """No flight sends faster than the relay announces, and none takes long."""
    for plan in plan_flights(200, ServerInfo(rate_bytes_per_s=rate, rate_burst_bytes=65_568)):
        if plan.count > 1:
            assert (plan.size + FRAME_BYTES) / plan.interval_s <= rate
        assert plan.count * plan.interval_s < 7 or plan.count == 1


@pytest.mark.parametrize(("burst", "counts"), [(0, [0, 0, 0]), (65_568, [1, 1, 0]), (70_000, [1, 1, 1])])
def test_a_rate_that_is_next_to_nothing(burst: int, counts: list[int]) -> None:
    """What the burst lets through is sent, and the rest left out."""
    plans = plan_flights(200, ServerInfo(rate_bytes_per_s=1, rate_burst_bytes=burst))
    assert [plan.count for plan in plans] == counts
    assert [plan.size for plan in plans] == list(SIZES)


def test_a_plan_of_one_size() -> None:
    """However large a packet is, one may be under way."""
    assert Plan(10**6, 1, 0.0).most_under_way == 1


class _EverLater:
    """A client whose packets come back, each a bit later behind the one before it."""

    public_key = bytes(32)

    def __init__(self) -> None:
        self._came: asyncio.Queue[ReceivedPacket] = asyncio.Queue()
        self._sent = 0

    async def send(self, to: bytes, packet: bytes) -> None:
        self._sent += 1
        came = ReceivedPacket(self.public_key, packet)
        asyncio.get_running_loop().call_later(0.01 * self._sent, self._came.put_nowait, came)

    async def recv(self) -> ReceivedPacket:
        return await self._came.get()


def test_packets_that_come_ever_later_are_not_waited_for() -> None:
    """A relay that lets them trickle would hold us for long."""
    client: Any = _EverLater()
    seen = run(fly(client, client, Plan(60, 200, 0.0), 0.015))
    assert seen.is_stalled
    assert 0 < seen.came < seen.sent < 200
