"""Packets between pairs of clients, in a closed loop (so many in flight) or an open one (so many a second)."""

from __future__ import annotations

from collections.abc import Iterable

from bench.clients import Clients, now_us
from bench.connection import RECORD_LEN, Connection
from bench.histogram import Histogram
from bench.load import BUSY_CORES, Load, Order, Result
from bench.poller import WRITABLE
from bench.traffic import OVERHEAD, Batch, Ledger, PacketCounter
from bench.usage import Meter

_BATCH_BYTES = 1 << 18  # most that a pair sends in one write
_MAX_OWED_S = 0.02  # an open loop that is later than this skips packets instead of sending a heap of them
_STALL_S = 0.5  # without an arrival for this long, a full window is taken for lost
_DRAIN_S = 10.0  # how long packets may come in after the end
_QUIET_S = 1.0  # when nothing has come for this long, nothing will


class Flow:
    """One pair: who sends, who receives, and the account of it."""

    __slots__ = ("batch", "counter", "last_us", "ledger", "piece_len", "receiver", "sender", "stamp")

    def __init__(self, sender: Connection, receiver: Connection, load: Load) -> None:
        self.sender = sender
        self.receiver = receiver
        frames = load.window if not load.rate else max(1, _BATCH_BYTES // (load.size + OVERHEAD))
        self.batch = Batch(receiver.key, load.size, frames)
        self.piece_len = self.batch.frame_len if load.record_per_packet else RECORD_LEN
        self.counter = PacketCounter(sender.key, load.size)
        self.ledger = Ledger()
        self.stamp = 0
        self.last_us = now_us()  # of the last arrival

    def send(self, count: int, at_us: int) -> None:
        """Send `count` packets now."""
        self.stamp = stamp = max(at_us, self.stamp + 1)
        self.ledger.send(stamp, count)
        self.sender.write(self.batch.stamped(count, stamp), self.piece_len)


class Tally:
    """What is counted for the run as a whole while it is measured."""

    __slots__ = ("held_back", "late", "latency", "skipped", "stalls")

    def __init__(self) -> None:
        self.latency = Histogram()
        self.late = Histogram()  # how late packets of an open loop left
        self.held_back = 0  # packets that were not sent because the relay did not read
        self.skipped = 0  # packets that were not sent because the generator was too late
        self.stalls = 0  # windows that were lost as a whole


class PacketRun:
    """Packets between pairs: warm up, measure, drain."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.load = load = order.load
        self.clients = Clients(order)
        members = self.clients.log_in(2 * load.pairs, load.logins_at_once)
        self.flows = [Flow(a, b, load) for a, b in zip(members[::2], members[1::2], strict=True)]
        self.by_receiver = {flow.receiver.fd: flow for flow in self.flows}
        self.by_sender = {flow.sender.fd: flow for flow in self.flows}
        self.epoch_us = now_us()
        self.tally = Tally()
        self._turn = 0  # which flow an open loop serves next

    def run(self) -> Result:
        """The whole measurement."""
        order = self.order
        drive = self._open_loop if self.load.rate else self._closed_loop
        drive(now_us() + int(order.warm_s * 1e6))
        meter = Meter(order.pid)
        begin_us = now_us()
        self._begin(begin_us - self.epoch_us)
        drive(begin_us + int(order.seconds * 1e6))
        seconds = (now_us() - begin_us) / 1e6
        server, own_cores, other_cores = meter.read(seconds)
        ledgers = [flow.ledger for flow in self.flows]
        delivered = sum(ledger.received for ledger in ledgers)
        latency_us, late_us = self.tally.latency.percentiles(), self.tally.late.percentiles()
        self._drain()
        return Result(
            seconds=seconds,
            done=delivered,
            sent=sum(ledger.sent for ledger in ledgers),
            lost=sum(ledger.lost for ledger in ledgers),
            held_back=self.tally.held_back,
            stray=sum(ledger.stray for ledger in ledgers),
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
            flow.ledger.begin(stamp)

    def _closed_loop(self, until_us: int) -> None:
        window = self.load.window
        next_look_us = now_us() + 100_000
        touched: Iterable[Flow] = self.flows
        while (now := now_us()) < until_us:
            for flow in touched:
                free = window - flow.ledger.in_flight
                if free > 0 and not flow.sender.pending:
                    flow.send(free, now_us() - self.epoch_us)
            if now >= next_look_us:
                next_look_us = now + 100_000
                touched = self._stalled(now)
                continue
            touched = self._turn_once(min(50_000, until_us - now) / 1e6)

    def _stalled(self, now: int) -> list[Flow]:
        """Flows that have waited too long for a full window: their packets are given up."""
        stalled = []
        for flow in self.flows:
            waits = flow.ledger.in_flight and not flow.sender.pending
            if waits and now - max(flow.last_us, flow.stamp + self.epoch_us) > _STALL_S * 1e6:
                flow.ledger.give_up()
                self.tally.stalls += 1
                stalled.append(flow)
        return stalled

    def _open_loop(self, until_us: int) -> None:
        rate = self.load.rate
        owed = 0.0
        last = now_us()
        while (now := now_us()) < until_us:
            owed += rate * (now - last) / 1e6
            last = now
            count = int(owed)
            owed -= count
            if count:
                self.tally.late.record(int((count + owed - 1) / rate * 1e6))
                most = max(1, int(rate * _MAX_OWED_S))
                if count > most:
                    self.tally.skipped += count - most
                    count = most
                self._send_fairly(count)
            due_us = min(until_us, last + (1 - owed) / rate * 1e6)
            self._turn_once(max(0.0, due_us - now_us()) / 1e6)

    def _send_fairly(self, count: int) -> None:
        """Send `count` packets, one flow after the other, going on where the last call stopped."""
        flows = self.flows
        each, more = divmod(count, len(flows))
        for i in range(len(flows) if each else more):
            flow = flows[(self._turn + i) % len(flows)]
            part = each + (i < more)
            if flow.sender.pending:
                self.tally.held_back += part
                continue
            while part:
                now = min(part, flow.batch.capacity)
                flow.send(now, now_us() - self.epoch_us)
                part -= now
        self._turn = (self._turn + more) % len(flows)

    def _turn_once(self, timeout_s: float) -> list[Flow]:
        """Wait and handle what is ready; the flows that may send again."""
        touched = []
        for fd, ready in self.clients.poller.wait(timeout_s):
            flow = self.by_receiver.get(fd)
            if flow is not None:
                self._receive(flow)
                touched.append(flow)
                continue
            flow = self.by_sender[fd]
            if ready & WRITABLE:
                flow.sender.flush()
                touched.append(flow)
            if ready & ~WRITABLE:
                flow.sender.read(self.clients.raw, self.clients.view, 0)  # a keep-alive: nothing to count
        return touched

    def _receive(self, flow: Flow) -> None:
        clients = self.clients
        receiver = flow.receiver
        start = len(receiver.tail)
        clients.text[:start] = receiver.tail
        end = receiver.read(clients.raw, clients.view, start)
        stamps, stop = flow.counter.count(clients.text, end)
        receiver.tail = bytes(clients.view[stop:end])
        flow.last_us = now = now_us()
        now -= self.epoch_us
        for stamp, count in stamps:
            flow.ledger.receive(stamp, count)
            self.tally.latency.record(now - stamp, count)

    def _drain(self) -> None:
        """Take in what is still under way, as long as something comes; what does not is lost."""
        quiet_us, until_us = int(_QUIET_S * 1e6), now_us() + int(_DRAIN_S * 1e6)
        heard_us = now_us()
        while any(flow.ledger.in_flight for flow in self.flows):
            now = now_us()
            if now > min(until_us, heard_us + quiet_us):
                break
            if self._turn_once(0.05):
                heard_us = now_us()
        for flow in self.flows:
            flow.ledger.give_up()
