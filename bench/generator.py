"""The load generator's process: ``python -m bench.generator`` reads an `Order` from stdin, prints a `Result`.

One thread, one epoll loop. It must not be the limit, so it never works for a single packet where it can work for a
batch (`bench.traffic`): one stamp, one encryption and one system call for all that a pair may send in a turn, one clock
reading and one histogram entry for all packets of a stamp in a read. When it was the limit all the same, it says so.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterable

from bench.connection import RECORD_LEN, Connection, GeneratorError, client_context
from bench.histogram import Histogram
from bench.load import Load, Order, Result
from bench.poller import WRITABLE, Poller
from bench.traffic import Batch, Ledger, PacketCounter
from bench.usage import Meter
from tailhub import box

_READ_LEN = 1 << 18  # bytes of one recv
_BUSY_CORES = 0.9  # above this the generator may have been the limit
_BATCH_BYTES = 1 << 18  # most that a pair sends in one write
_MAX_OWED_S = 0.02  # an open loop that is later than this skips packets instead of sending a heap of them
_STALL_S = 0.5  # without an arrival for this long, a full window is taken for lost
_DRAIN_S = 10.0  # how long packets may come in after the end
_QUIET_S = 1.0  # when nothing has come for this long, nothing will
_WARM_LOGINS = 16


def now_us() -> int:
    """Monotonic microseconds."""
    return time.monotonic_ns() // 1000


def raise_descriptor_limit() -> None:
    """Raise the soft limit on open files to the hard one, where there is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Clients:
    """Connections to one relay, the poller they are registered with, and the buffers they share."""

    def __init__(self, order: Order) -> None:
        self.poller = Poller()
        self.raw = memoryview(bytearray(_READ_LEN))
        self.text = bytearray(2 * _READ_LEN + RECORD_LEN)
        self.view = memoryview(self.text)
        self.latency = Histogram()
        self._address = (order.host, order.port)
        self._context = client_context()

    def log_in(self, count: int, at_once: int) -> list[Connection]:
        """Log in `count` clients, `at_once` at a time; `latency` takes each one's time from connect to ServerInfo."""
        keys = [box.generate() for _ in range(count)]
        started_us: dict[int, int] = {}
        under_way: dict[int, Connection] = {}
        done: list[Connection] = []
        while len(done) < count:
            while keys and len(under_way) < at_once:
                start_us = now_us()
                client = Connection(self._address, self._context, keys.pop(), self.poller)
                under_way[client.fd] = client
                started_us[client.fd] = start_us
            events = self.poller.wait(10)
            if not events:
                raise GeneratorError("no answer to a login for 10 s")
            for fd, ready in events:
                client = under_way[fd]
                if ready & WRITABLE:
                    client.flush()
                    self.poller.want_write(fd, bool(client.pending))
                if client.advance(self.raw, self.view):
                    self.latency.record(now_us() - started_us[fd])
                    done.append(under_way.pop(fd))
        return done


class Flow:
    """One pair: who sends, who receives, and the account of it."""

    __slots__ = ("batch", "counter", "last_us", "ledger", "piece_len", "receiver", "sender", "stamp")

    def __init__(self, sender: Connection, receiver: Connection, load: Load) -> None:
        self.sender = sender
        self.receiver = receiver
        frames = load.window if not load.rate else max(1, _BATCH_BYTES // (load.size + 37))
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
        self.sending = True
        self.latency = Histogram()
        self.late = Histogram()
        self.held_back = self.skipped = self.stalls = 0
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
        latency_us, late_us = percentiles(self.latency), percentiles(self.late)
        self._drain()
        return Result(
            seconds=seconds,
            done=delivered,
            sent=sum(ledger.sent for ledger in ledgers),
            lost=sum(ledger.lost for ledger in ledgers),
            held_back=self.held_back,
            stray=sum(ledger.stray for ledger in ledgers),
            stalls=self.stalls,
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
            if self.skipped > 0.02 * self.load.rate * seconds:
                return f"the generator was too late for {self.skipped:,} packets"
        elif own_cores > _BUSY_CORES:
            return f"the generator used {own_cores:.0%} of a core"
        return ""

    def _begin(self, stamp: int) -> None:
        self.latency, self.late = Histogram(), Histogram()
        self.held_back = self.skipped = self.stalls = 0
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
                self.stalls += 1
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
                self.late.record(int((count + owed - 1) / rate * 1e6))
                most = max(1, int(rate * _MAX_OWED_S))
                if count > most:
                    self.skipped += count - most
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
                self.held_back += part
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
            self.latency.record(now - stamp, count)

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


def percentiles(histogram: Histogram) -> dict[str, float]:
    """p50, p99 and p99.9 in microseconds; empty without counts."""
    values = {name: histogram.percentile_us(p) for name, p in (("p50", 50), ("p99", 99), ("p99.9", 99.9))}
    return {name: value for name, value in values.items() if value is not None}


def settle(pid: int, limit_s: float = 5.0) -> None:
    """Wait until a relay's memory stands still for half a second."""
    deadline = time.monotonic() + limit_s
    still_since = time.monotonic()
    last = Meter(pid)
    while time.monotonic() < min(deadline, still_since + 0.5):
        time.sleep(0.05)
        now = Meter(pid)
        if abs(now.rss_bytes - last.rss_bytes) > 1 << 16:
            last, still_since = now, time.monotonic()


def run_logins(order: Order) -> Result:
    """Clients log in and stay: logins a second, CPU of a login, memory of an idle connection."""
    load = order.load
    clients = Clients(order)
    clients.log_in(min(_WARM_LOGINS, load.connections), load.logins_at_once)  # what a relay loads once is not counted
    settle(order.pid)
    clients.latency = Histogram()
    meter = Meter(order.pid)
    rss_before = meter.rss_bytes
    begin_us = now_us()
    members = clients.log_in(load.connections, load.logins_at_once)
    seconds = (now_us() - begin_us) / 1e6
    _, own_cores, other_cores = meter.read(seconds)
    settle(order.pid)
    server, _, _ = meter.read(seconds)
    return Result(
        seconds=seconds,
        done=load.connections,
        sent=load.connections,
        lost=0,
        latency_us=percentiles(clients.latency),
        server_cpu_s=server.cpu_s,
        server_rss_bytes=server.rss_bytes,
        server_rss_each_bytes=(server.rss_bytes - rss_before) / load.connections,
        generator_cores=own_cores,
        other_cores=other_cores,
        cipher=members[0].cipher,
        limit=f"the generator used {own_cores:.0%} of a core" if own_cores > _BUSY_CORES else "",
    )


def main() -> int:
    """Read an order, carry it out, print the result."""
    import dataclasses
    import json

    order = Order.from_json(sys.stdin.read())
    raise_descriptor_limit()
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    gc.disable()  # nothing here makes cycles, and a collection would show up as latency
    try:
        result = run_logins(order) if order.load.connections else PacketRun(order).run()
    except GeneratorError as exc:
        print(f"generator: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
