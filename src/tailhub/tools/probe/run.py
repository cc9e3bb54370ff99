"""Measures: connects both ends of each way, sends at a steady rate, and hands what happens to `Measurement`. I/O.

A packet is due by the clock, not when the last one has gone: one that was due while the relay took nothing is missed,
and the delay of the next is not made to look better by that. What this machine itself slept through is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from tailhub.client.stun import stun_query
from tailhub.derp.messages import ReceivedPacket
from tailhub.exceptions import StunError
from tailhub.keys import NodePrivate
from tailhub.server.probe_key import receiver_key, sender_key
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tailcfg.map_words import NO_ADDRESS
from tailhub.tools.probe.bandwidth import FILL_SIZE, Flood
from tailhub.tools.probe.ends import End
from tailhub.tools.probe.measurement import Measurement, Row
from tailhub.tools.probe.packet import MIN_SIZE, Kind, ProbePacket, parse, serialize
from tailhub.tools.probe.paths import Path
from tailhub.tools.target import STUN_PORT

__all__ = ["Probe", "ProbeOptions"]

_SETTLE_S = 0.1
_GRACE_S = 10.0  # for the first connection; from then on what is due is missed
_STUN_S = 2.0
_MOST_SENDING = 1000  # packets that wait for a relay to take them


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """`rate` packets a second and way, of `size` bytes; lost is what is not there after `timeout_s`.

    `tls`: False for relays that speak without. `stun_every_s`: 0: not at all. `bandwidth_s`: before all else, flood
    each way for so long.
    """

    rate: float = 10.0
    size: int = 100
    interval_s: float = 1.0
    timeout_s: float = 5.0
    stun_every_s: float = 1.0
    bandwidth_s: float = 0.0
    tls: bool = True


class Probe:
    """One measurement of some `paths`.

    ::

        async with Probe(paths_to([host_target("derp.example.com")]), own_key()).running() as probe:
            await asyncio.sleep(60)
        print(probe.measurement.measured[0].series.loss)

    `base` is the key of which the two ends' are derived, `slot` keeps apart those that run at the same time.
    `on_row` is given each interval when it is over.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        base: NodePrivate,
        options: ProbeOptions | None = None,
        *,
        slot: int = 0,
        on_row: Callable[[Row], None] = lambda row: None,
    ) -> None:
        self.options = options or ProbeOptions()
        self.on_row = on_row
        self._loop = asyncio.get_running_loop()
        self._run = secrets.randbits(64)
        start = self._loop.time()
        self.measurement = Measurement(paths, start, self.options.interval_s, self.options.timeout_s)
        self._all: dict[tuple[DERPNode, bytes], End] = {}
        sender = sender_key(base, slot)
        self._senders = [self._end(path.sender, sender, self._answered) for path in paths]
        self._receivers = [
            self._end(path.receiver, receiver_key(base, slot, path.node_number), self._arrived) for path in paths
        ]
        self.has_begun = asyncio.Event()  # the steady measurement
        self._has_news = asyncio.Event()  # a connection has come or gone
        self._flood: tuple[int, Flood] | None = None
        self._sending: set[asyncio.Task[bool]] = set()

    def _end(self, node: DERPNode, key: NodePrivate, on_packet: Callable[[ReceivedPacket], None]) -> End:
        found = self._all.get((node, key.raw))
        if found is None:
            found = End(node, key, self._changed, on_packet, tls=self.options.tls)
            self._all[node, key.raw] = found
        return found

    # --- running ------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Probe]:
        """Connect and measure, until the block ends; the last intervals are then given to `on_row`."""
        tasks = [self._loop.create_task(end.run()) for end in self._all.values()]
        tasks += [self._loop.create_task(self._begin()), self._loop.create_task(self._settle())]
        for number in range(len(self._senders)):
            tasks.append(self._loop.create_task(self._send_steadily(number)))
            if self.options.stun_every_s:
                tasks.append(self._loop.create_task(self._ask_stun(number)))
        try:
            yield self
        finally:
            await asyncio.gather(*(end.close() for end in self._all.values()))
            for task in (*tasks, *self._sending):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for row in self.measurement.finish(self._loop.time()):
                self.on_row(row)

    async def _begin(self) -> None:
        """Floods first, one after the other: they would spoil everything else."""
        if self.options.bandwidth_s:
            await self.wait_until_up()
            for number, one in enumerate(self.measurement.measured):
                if one.path.is_through_one:
                    await self.flood(number, self.options.bandwidth_s)
        self.has_begun.set()

    def is_up(self, number: int) -> bool:
        """Are both ends of a way connected?"""
        return self._senders[number].is_up and self._receivers[number].is_up

    async def wait_until_up(self, limit_s: float = _GRACE_S) -> bool:
        """Until all ways have their connections; False when that takes longer."""
        return await self._wait(lambda: all(map(self.is_up, range(len(self._senders)))), limit_s)

    async def _wait(self, is_so: Callable[[], bool], limit_s: float) -> bool:
        """Until it is so, which only connections change; False when that takes longer."""
        try:
            async with asyncio.timeout(limit_s):
                while not is_so():
                    self._has_news.clear()
                    await self._has_news.wait()
        except TimeoutError:
            return False
        return True

    async def flood(self, number: int, seconds: float) -> None:
        """Measure the bandwidth of a way; where there is no connection, nothing."""
        sender, receiver, measured = self._senders[number], self._receivers[number], self.measurement.measured[number]
        if not self.is_up(number):
            return
        flood = Flood(self._loop.time)

        async def send(one: int) -> bool:
            packet = ProbePacket(self._run, Kind.FILL, number, number, one)
            return await sender.send(receiver.public_key, serialize(packet, FILL_SIZE))

        self._flood = number, flood
        try:
            measured.bandwidth = await flood.run(seconds, sender.rate_bytes_per_s, send)
        finally:
            self._flood = None

    # --- sending ------------------------------------------------------------------------------------------------------

    async def _send_steadily(self, number: int) -> None:
        period_s = 1 / self.options.rate
        await self.has_begun.wait()
        await self._wait(lambda: self.is_up(number), _GRACE_S)
        due = self._loop.time() + period_s * number / len(self._senders)
        sending: asyncio.Task[bool] | None = None
        while True:
            now = self._loop.time()
            if now < due:
                await asyncio.sleep(due - now)
            due += period_s * (1 + max(0, int((self._loop.time() - due) / period_s)))  # slept through: left out
            if sending is not None and not sending.done():  # the relay takes nothing
                self._miss(number)
            elif self.is_up(number):
                sending = self._spawn(self._send(number))
            else:
                self._miss(number)

    def _spawn(self, sending: Coroutine[Any, Any, bool]) -> asyncio.Task[bool]:
        """Send without waiting for whoever takes it."""
        task = self._loop.create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    def _asks(self, number: int) -> int:
        """Whose turn it is to ask through this way: each home in turn, where there are several."""
        homes = self.measurement.homes
        series = self.measurement.measured[number].series
        return homes[(series.next_number + series.missed) % len(homes)] if number in homes else number

    def _miss(self, number: int) -> None:
        now, pair = self._loop.time(), self.measurement.pairs.get((self._asks(number), number))
        self.measurement.measured[number].series.miss(now)
        if pair is not None:
            pair.miss(now)

    async def _send(self, number: int) -> bool:
        now, asks = self._loop.time(), self._asks(number)
        pair = self.measurement.pairs.get((asks, number))
        answer_number = pair.send(now) if pair is not None else 0
        one = self.measurement.measured[number].series.send(now)
        packet = ProbePacket(self._run, Kind.MEASURE, number, asks, one, answer_number)
        return await self._senders[number].send(
            self._receivers[number].public_key, serialize(packet, self.options.size)
        )

    # --- receiving ----------------------------------------------------------------------------------------------------

    def _arrived(self, message: ReceivedPacket) -> None:
        """At an end that receives."""
        now = self._loop.time()
        packet = self._ours(message)
        if packet is None:
            return
        number = packet.path
        if message.src != self._senders[number].public_key:
            return
        if packet.kind is Kind.FILL:
            if self._flood is not None and self._flood[0] == number:
                self._flood[1].receive(packet.number, len(message.packet))
        elif packet.kind is Kind.MEASURE and self.measurement.measured[number].series.receive(packet.number, now):
            self._answer(packet, len(message.packet))

    def _answer(self, packet: ProbePacket, size: int) -> None:
        """Between regions: through the home of who asked."""
        asks = packet.answer_path
        if (asks, packet.path) not in self.measurement.pairs or len(self._sending) >= _MOST_SENDING:
            return
        answer = serialize(packet._replace(kind=Kind.ANSWER), max(MIN_SIZE, size))
        self._spawn(self._receivers[asks].send(self._senders[asks].public_key, answer))

    def _answered(self, message: ReceivedPacket) -> None:
        """At an end that sends."""
        packet = self._ours(message)
        if packet is None or packet.kind is not Kind.ANSWER:
            return
        if message.src != self._receivers[packet.answer_path].public_key:
            return
        pair = self.measurement.pairs.get((packet.answer_path, packet.path))
        if pair is not None:
            pair.receive(packet.answer_number, self._loop.time())

    def _ours(self, message: ReceivedPacket) -> ProbePacket | None:
        packet = parse(message.packet)
        if packet is None or packet.run != self._run:
            return None
        return packet if max(packet.path, packet.answer_path) < len(self._senders) else None

    # --- beside -------------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """A connection has come or gone."""
        self._has_news.set()
        now = self._loop.time()
        for number, one in enumerate(self.measurement.measured):
            sender, receiver = self._senders[number], self._receivers[number]
            one.notice = sender.notice or receiver.notice
            if self.is_up(number):
                one.outages.up(now)
                one.limit_bytes_per_s = sender.rate_bytes_per_s
            else:
                one.outages.down(now, sender.reason or receiver.reason)

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(min(_SETTLE_S, self.options.interval_s))
            for row in self.measurement.settle(self._loop.time()):
                self.on_row(row)

    async def _ask_stun(self, number: int) -> None:
        one = self.measurement.measured[number]
        node = one.path.receiver
        if node.stun_port < 0:
            return
        address = next((ip for ip in (node.stun_test_ip, node.ipv4, node.ipv6) if ip and ip != NO_ADDRESS), "")
        while True:
            try:
                result = await stun_query(address or node.host_name, node.stun_port or STUN_PORT, timeout_s=_STUN_S)
            except (OSError, StunError):
                one.stun_lost += 1
                one.stun_last_s = None
            else:
                one.stun.add(result.rtt_s)
                one.stun_last_s = result.rtt_s
            await asyncio.sleep(self.options.stun_every_s)
