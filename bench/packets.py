"""Packets between pairs of clients: the first of each pair sends to the second."""

from __future__ import annotations

from collections.abc import Iterable

from bench.clients import Clients, now_us
from bench.connection import RECORD_LEN, Connection
from bench.drive import Drive
from bench.load import Load
from bench.traffic import OVERHEAD, Batch, Ledger, PacketCounter

_BATCH_BYTES = 1 << 18  # most that a pair sends in one write


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

    @property
    def account(self) -> Ledger:
        """See `bench.drive.AnyFlow`."""
        return self.ledger

    @property
    def capacity(self) -> int:
        """See `bench.drive.AnyFlow`."""
        return self.batch.capacity

    def send(self, count: int, at_us: int) -> None:
        """Send `count` packets now."""
        self.stamp = stamp = max(at_us, self.stamp + 1)
        self.ledger.send(stamp, count)
        self.sender.write(self.batch.stamped(count, stamp), self.piece_len)


class PacketRun(Drive):
    """Packets between pairs."""

    flows: list[Flow]

    def connect(self) -> list[Flow]:
        """See `Drive`."""
        load = self.load
        senders = self.clients.log_in(load.pairs, load.logins_at_once)
        receivers = self.clients.log_in(load.pairs, load.logins_at_once, self.order.far_port)
        flows = [Flow(*ends, load) for ends in zip(senders, receivers, strict=True)]
        self._by_receiver = {flow.receiver.fd: flow for flow in flows}
        return flows

    def receive(self, fd: int) -> Iterable[Flow] | None:
        """See `Drive`."""
        flow = self._by_receiver.get(fd)
        if flow is None:
            return None
        end = read_on(self.clients, flow.receiver)
        stamps, stop = flow.counter.count(self.clients.text, end)
        flow.receiver.tail = bytes(self.clients.view[stop:end])
        flow.last_us = now = now_us()
        now -= self.epoch_us
        for stamp, count in stamps:
            flow.ledger.receive(stamp, count)
            self.tally.latency.record(now - stamp, count)
        return (flow,)


def read_on(clients: Clients, receiver: Connection) -> int:
    """Put the tail of the last read and what has come since into the shared text; where it ends."""
    start = len(receiver.tail)
    clients.text[:start] = receiver.tail
    return receiver.read(clients.raw, clients.view, start)
