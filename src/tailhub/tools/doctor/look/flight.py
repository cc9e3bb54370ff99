"""Sends a flight of packets from one client to another, at a walking pace.

No queue of a healthy relay may be the cause of a loss: the original's holds 32 packets a client, ours half a second's.
So few are under way at a time, and of the largest one.
"""

from __future__ import annotations

import asyncio
import random
import struct
from dataclasses import dataclass, field

from tailhub.client.derp_client import DERPClient
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import ReceivedPacket
from tailhub.exceptions import ConnectionClosedError
from tailhub.tools.doctor.judge.flight import FlightSeen

__all__ = ["SIZES", "Plan", "fly", "plan_flights"]

SIZES = (60, 1400, 65_536)  # bytes: a small one, about what a tunnel sends, and the most that DERP carries
_INTERVALS_S = (0.01, 0.005, 0.02)
_MOST_PACKETS = (1 << 16, 1 << 16, 10)
_MOST_UNDER_WAY = 24
_MOST_BYTES_UNDER_WAY = 16 << 10  # beyond one packet
_FRAME_BYTES = 37  # of a SendPacket, beside the packet
_USED_SHARE = 0.8  # of the rate that a relay announces
_MOST_S = 6.0  # for one flight under a limit
_HEADER = struct.Struct(">IIQ")  # magic, number of the packet, number of the flight
_MAGIC = 0x7468_666C  # nothing that looks like disco, which relays treat apart
_VAIN_WAITS = 3  # in a row, then nothing comes any more
_MOST_WAITS = 5  # patience for a whole flight, in the same unit; more than `_MOST_S` of the usual patience


@dataclass(frozen=True, slots=True)
class Plan:
    """How a flight is sent."""

    size: int
    count: int
    interval_s: float

    @property
    def most_under_way(self) -> int:
        """Packets that were sent and neither came nor are known to be lost."""
        return max(1, min(_MOST_UNDER_WAY, _MOST_BYTES_UNDER_WAY // self.size))


def plan_flights(packets: int, info: ServerInfo | None) -> list[Plan]:
    """Flights of all sizes, of at most so many packets, within what the relay announces; `count` may be 0."""
    rate = info.rate_bytes_per_s * _USED_SHARE if info else 0.0
    burst = float(info.rate_burst_bytes) if info else 0.0
    plans = []
    for size, interval_s, most in zip(SIZES, _INTERVALS_S, _MOST_PACKETS, strict=True):
        count = min(packets, most)
        if rate:
            frame_bytes = size + _FRAME_BYTES
            interval_s = max(interval_s, frame_bytes / rate)
            in_time = int(_MOST_S / interval_s)
            if in_time == 0 and frame_bytes <= burst:
                burst -= frame_bytes
                in_time = 1
            count = min(count, in_time)
        plans.append(Plan(size, count, interval_s))
    return plans


@dataclass(slots=True)
class _Log:
    """What has become of the packets of a flight so far."""

    plan: Plan
    number: int
    sent_at: list[float] = field(default_factory=list)
    arrivals: list[tuple[float, float]] = field(default_factory=list)
    came: set[int] = field(default_factory=set)
    highest: int = -1
    """That came."""
    settled: int = 0
    """Packets below this number came, or count as lost."""
    duplicates: int = 0
    altered: int = 0
    overtaken: int = 0
    ended: str = ""
    progress: asyncio.Event = field(default_factory=asyncio.Event)

    def packet(self, index: int) -> bytes:
        header = _HEADER.pack(_MAGIC, index, self.number)
        return header + random.Random(self.number + index).randbytes(self.plan.size - len(header))

    def note(self, packet: bytes, now: float) -> None:
        if len(packet) < _HEADER.size:
            return
        magic, index, number = _HEADER.unpack_from(packet)
        if magic != _MAGIC or number != self.number or index >= len(self.sent_at):
            return
        if index in self.came:
            self.duplicates += 1
            return
        self.came.add(index)
        if packet == self.packet(index):
            self.arrivals.append((self.sent_at[index], now))
        else:
            self.altered += 1
        if index < self.highest:
            self.overtaken += 1
        self.highest = max(self.highest, index)
        self.settled = max(self.settled, index + 1)
        self.progress.set()

    def seen(self, *, is_stalled: bool) -> FlightSeen:
        return FlightSeen(
            self.plan.size,
            len(self.sent_at),
            tuple(self.arrivals),
            self.duplicates,
            self.altered,
            self.overtaken,
            is_stalled and not self.ended,
            self.ended,
        )


async def fly(sender: DERPClient, receiver: DERPClient, plan: Plan, patience_s: float) -> FlightSeen:
    """Send a flight. A packet that does not come within `patience_s` after all before it counts as lost.

    The flight ends early when nothing comes any more, or a connection ends. The two may be the same.
    """
    log = _Log(plan, random.getrandbits(64))
    listening = asyncio.create_task(_listen(receiver, sender.public_key, log))
    try:
        is_stalled = await _send_all(sender, receiver, log, patience_s)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return log.seen(is_stalled=is_stalled)


async def _listen(receiver: DERPClient, source: bytes, log: _Log) -> None:
    loop = asyncio.get_running_loop()
    try:
        while True:
            message = await receiver.recv()
            if isinstance(message, ReceivedPacket) and message.src == source:
                log.note(message.packet, loop.time())
    except ConnectionClosedError as exc:
        log.ended = str(exc)
        log.progress.set()


async def _send_all(sender: DERPClient, receiver: DERPClient, log: _Log, patience_s: float) -> bool:
    """Whether nothing came any more."""
    loop, plan = asyncio.get_running_loop(), log.plan
    last_at = loop.time() + _MOST_WAITS * patience_s
    due, vain = loop.time(), 0
    while not log.ended and (len(log.sent_at) < plan.count or log.settled < len(log.sent_at)):
        under_way = len(log.sent_at) - log.settled
        may_send = len(log.sent_at) < plan.count and loop.time() < last_at
        if may_send and under_way < plan.most_under_way:
            await asyncio.sleep(due - loop.time())
            due = max(due, loop.time()) + plan.interval_s
            packet = log.packet(len(log.sent_at))
            log.sent_at.append(loop.time())
            if not await _send(sender, receiver.public_key, packet, log, patience_s):
                return True
            continue
        if not under_way:  # time is up
            return False
        if loop.time() >= last_at + patience_s:  # they come, but ever later
            return True
        if await _comes(log, patience_s):
            vain = 0
            continue
        vain += 1
        if vain == _VAIN_WAITS:
            return True
        log.settled = len(log.sent_at)
    return False


async def _send(sender: DERPClient, to: bytes, packet: bytes, log: _Log, patience_s: float) -> bool:
    """Whether it was taken."""
    try:
        async with asyncio.timeout(_VAIN_WAITS * patience_s):
            await sender.send(to, packet)
    except TimeoutError:
        return False
    except ConnectionClosedError as exc:
        log.ended = str(exc)
    return True


async def _comes(log: _Log, patience_s: float) -> bool:
    """Whether a packet comes in time, or the connection ends."""
    log.progress.clear()
    try:
        async with asyncio.timeout(patience_s):
            await log.progress.wait()
    except TimeoutError:
        return False
    return True
