"""Driving a load of packets: warm up, measure, drain; in a closed loop or an open one.

Who sends to whom is the business of its two kinds: `bench.packets` (pairs) and `bench.spread`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bench.clients import Clients, now_us
from bench.connection import Connection, GeneratorError
from bench.histogram import Histogram
from bench.load import BUSY_CORES, Order, Result
from bench.poller import WRITABLE
from bench.usage import Meter

_MAX_OWED_S = 0.02  # an open loop that is later than this skips packets instead of sending a heap of them
_STALL_S = 0.5  # without an arrival for this long, a full window is taken for lost
_DRAIN_S = 10.0  # how long packets may come in after the end
_LINKS_LIMIT_S = 20.0
_QUIET_S = 1.0  # when nothing has come for this long, nothing will


class Account(Protocol):
    """What a flow has sent and what became of it; see `bench.traffic.Ledger`."""

    @property
    def in_flight(self) -> int:
        """Packets that are under way."""

    @property
    def sent(self) -> int:
        """Packets sent since `begin`."""

    @property
    def received(self) -> int:
        """Packets that have come since `begin`."""

    @property
    def lost(self) -> int:
        """Packets sent since `begin` that are lost."""

    @property
    def stray(self) -> int:
        """Packets that came twice or out of order."""

    def begin(self, stamp: int) -> None:
        """Count from here on: packets with this stamp or a later one."""

    def give_up(self) -> None:
        """Whatever is still out is lost."""


class AnyFlow(Protocol):
    """One sender, wherever its packets go."""

    sender: Connection
    stamp: int  # of its last write, microseconds since the run's start
    last_us: int  # of the last arrival

    @property
    def account(self) -> Account:
        """The account of it."""

    @property
    def capacity(self) -> int:
        """Most packets of one `send`."""

    def send(self, count: int, at_us: int) -> None:
        """Send `count` packets now."""


class Tally:
    """What is counted for the run as a whole while it is measured."""

    __slots__ = ("held_back", "late", "latency", "skipped", "stalls")

    def __init__(self) -> None:
        self.latency = Histogram()
        self.late = Histogram()  # how late packets of an open loop left
        self.held_back = 0  # packets that were not sent because the relay did not read
        self.skipped = 0  # packets that were not sent because the generator was too late
        self.stalls = 0  # windows that were lost as a whole


class Drive:
    """Packets from flows: warm up, measure, drain."""

    flows: Sequence[AnyFlow]

    def __init__(self, order: Order) -> None:
        self.order = order
        self.load = order.load
        self.clients = Clients(order)
        self.flows = self.connect()
        self.by_sender = {flow.sender.fd: flow for flow in self.flows}
        self.epoch_us = now_us()
        self.tally = Tally()
        self._turn = 0  # which flow an open loop serves next

    def connect(self) -> Sequence[AnyFlow]:
        """Log in the clients and say who sends."""
        raise NotImplementedError

    def receive(self, fd: int) -> Iterable[AnyFlow] | None:
        """Take in what has come on `fd`; the flows that it belongs to, or None when no receiver has it."""
        raise NotImplementedError

    def run(self) -> Result:
        """The whole measurement."""
        order = self.order
        drive = self._open_loop if self.load.rate else self._closed_loop
        if self.load.crossing:
            self._wait_for_links(drive)
        drive(now_us() + int(order.warm_s * 1e6))
        meter = Meter(*order.pids)
        begin_us = now_us()
        self._begin(begin_us - self.epoch_us)
        drive(begin_us + int(order.seconds * 1e6))
        seconds = (now_us() - begin_us) / 1e6
        server, own_cores, other_cores = meter.read(seconds)
        accounts = [flow.account for flow in self.flows]
        delivered = sum(account.received for account in accounts)
        latency_us, late_us = self.tally.latency.percentiles(), self.tally.late.percentiles()
        self._drain()
        return Result(
            seconds=seconds,
            done=delivered,
            sent=sum(account.sent for account in accounts),
            lost=sum(account.lost for account in accounts),
            held_back=self.tally.held_back,
            stray=sum(account.stray for account in accounts),
            stalls=self.tally.stalls,
            latency_us=latency_us,
            late_us=late_us,
            server_cpu_s=server.cpu_s,
            server_rss_bytes=server.rss_bytes,
            generator_cores=own_cores,
            other_cores=other_cores,
            cipher=self.flows[0].sender.cipher,
            limit=self._limit(own_cores, seconds),
        )

    def _wait_for_links(self, drive: Callable[[int], None]) -> None:
        """Send until packets of all flows come: relays need a while to find each other, and each other's clients."""
        until_us = now_us() + int(_LINKS_LIMIT_S * 1e6)
        while not all(flow.account.received for flow in self.flows):
            if now_us() > until_us:
                raise GeneratorError(f"no packet has got from one relay to the other for {_LINKS_LIMIT_S:.0f} s")
            drive(now_us() + 250_000)  # long enough for a look at those whose packets are lost

    def _limit(self, own_cores: float, seconds: float) -> str:
        if self.load.rate:
            if self.tally.skipped > 0.02 * self.load.rate * seconds:
                return f"the generator was too late for {self.tally.skipped:,} packets"
        elif own_cores > BUSY_CORES:
            return f"the generator used {own_cores:.0%} of a core"
        return ""

    def _begin(self, stamp: int) -> None:
        self.tally = Tally()
        for flow in self.flows:
            flow.account.begin(stamp)

    def _closed_loop(self, until_us: int) -> None:
        window = self.load.window
        next_look_us = now_us() + 100_000
        touched: Iterable[AnyFlow] = self.flows
        while (now := now_us()) < until_us:
            for flow in touched:
                free = window - flow.account.in_flight
                if free > 0 and not flow.sender.pending:
                    flow.send(free, now_us() - self.epoch_us)
            if now >= next_look_us:
                next_look_us = now + 100_000
                touched = self._stalled(now)
                continue
            touched = self._turn_once(min(50_000, until_us - now) / 1e6)

    def _stalled(self, now: int) -> list[AnyFlow]:
        """Flows that have waited too long for a full window: their packets are given up."""
        stalled: list[AnyFlow] = []
        for flow in self.flows:
            waits = flow.account.in_flight and not flow.sender.pending
            if waits and now - max(flow.last_us, flow.stamp + self.epoch_us) > _STALL_S * 1e6:
                flow.account.give_up()
                self.tally.stalls += 1
                stalled.append(flow)
        return stalled

    def _open_loop(self, until_us: int) -> None:
        rate, unit = self.load.rate, self.load.burst
        most = max(unit, int(rate * _MAX_OWED_S) // unit * unit)
        owed = 0.0  # packets
        last = now_us()
        while (now := now_us()) < until_us:
            owed += rate * (now - last) / 1e6
            last = now
            count = int(owed) // unit * unit
            if count:
                self.tally.late.record(int((owed - unit) / rate * 1e6))
                owed -= count
                if count > most:
                    self.tally.skipped += count - most
                    count = most
                self._send_fairly(count)
            due_us = min(until_us, last + (unit - owed) / rate * 1e6)
            self._turn_once(max(0.0, due_us - now_us()) / 1e6)

    def _send_fairly(self, count: int) -> None:
        """Send `count` packets, one flow after the other, going on where the last call stopped."""
        flows, unit = self.flows, self.load.burst
        each, more = divmod(count // unit, len(flows))
        for i in range(len(flows) if each else more):
            flow = flows[(self._turn + i) % len(flows)]
            part = (each + (i < more)) * unit
            if flow.sender.pending:
                self.tally.held_back += part
                continue
            while part:
                now = min(part, flow.capacity)
                flow.send(now, now_us() - self.epoch_us)
                part -= now
        self._turn = (self._turn + more) % len(flows)

    def _turn_once(self, timeout_s: float) -> list[AnyFlow]:
        """Wait and handle what is ready; the flows that may send again."""
        touched: list[AnyFlow] = []
        for fd, ready in self.clients.poller.wait(timeout_s):
            received = self.receive(fd)
            if received is not None:
                touched.extend(received)
                continue
            flow = self.by_sender[fd]
            if ready & WRITABLE:
                flow.sender.flush()
                touched.append(flow)
            if ready & ~WRITABLE:
                flow.sender.read(self.clients.raw, self.clients.view, 0)  # a keep-alive: nothing to count
        return touched

    def _drain(self) -> None:
        """Take in what is still under way, as long as something comes; what does not is lost."""
        quiet_us, until_us = int(_QUIET_S * 1e6), now_us() + int(_DRAIN_S * 1e6)
        heard_us = now_us()
        while any(flow.account.in_flight for flow in self.flows):
            now = now_us()
            if now > min(until_us, heard_us + quiet_us):
                break
            if self._turn_once(0.05):
                heard_us = now_us()
        for flow in self.flows:
            flow.account.give_up()
