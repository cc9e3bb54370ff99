"""Every packet to another destination: senders that take turns among many receivers.

Nothing can be batched here on the way out: a relay finds another client for each packet, and writes to each singly.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.clients import now_us
from bench.connection import RECORD_LEN, Connection
from bench.drive import Drive
from bench.packets import read_on
from bench.traffic import MIN_SIZE, OVERHEAD, Batch, Ledger
from tailhub.derp.frames import HEADER, HEADER_LEN, FrameType

_SOURCE_LEN = 8  # bytes of a key that are enough to tell senders apart


class SpreadBatch:
    """Frames for one destination after the other, built once; only the stamps change."""

    __slots__ = ("_batches", "_next")

    def __init__(self, destinations: Sequence[bytes], size: int) -> None:
        self._batches = [Batch(destination, size, 1) for destination in destinations]
        self._next = 0

    def skip(self, count: int) -> None:
        """Let the next `count` destinations pass."""
        self._next = (self._next + count) % len(self._batches)

    def stamped(self, count: int, stamp: int) -> tuple[list[int], bytes]:
        """The next `count` frames, all with `stamp`, and the numbers of their destinations."""
        numbers = [(self._next + i) % len(self._batches) for i in range(count)]
        self.skip(count)
        return numbers, b"".join([self._batches[i].stamped(1, stamp) for i in numbers])


class SpreadCounter:
    """Finds the packets in the text of a connection, whoever sent them."""

    __slots__ = ("_first", "_frame")

    def __init__(self, size: int) -> None:
        rest = OVERHEAD - HEADER_LEN - _SOURCE_LEN + 4  # the rest of the key, and what a data packet starts with
        self._frame = struct.Struct(f"<{HEADER_LEN}x{_SOURCE_LEN}s{rest}xI{size - MIN_SIZE}x")
        self._first = HEADER.pack(FrameType.RECV_PACKET, self._frame.size - HEADER_LEN)

    def count(self, text: bytearray, end: int) -> tuple[Counter[tuple[bytes, int]], int]:
        """How many packets ``text[:end]`` holds by source and stamp, oldest first; where its last whole frame ends."""
        found: Counter[tuple[bytes, int]] = Counter()
        at = 0
        while end - at >= HEADER_LEN:
            stop = at + HEADER_LEN + HEADER.unpack_from(text, at)[1]
            if stop > end:
                break
            if text.startswith(self._first, at):
                source, stamp = self._frame.unpack_from(text, at)
                found[source, stamp] += 1
            at = stop
        return found, at


class SpreadLedger:
    """The account of one sender: a `Ledger` for each receiver, for order is kept towards each of them only."""

    __slots__ = ("in_flight", "lanes")

    def __init__(self, receivers: int) -> None:
        self.lanes = [Ledger() for _ in range(receivers)]
        self.in_flight = 0

    @property
    def sent(self) -> int:
        """See `bench.drive.Account`."""
        return sum(lane.sent for lane in self.lanes)

    @property
    def received(self) -> int:
        """See `bench.drive.Account`."""
        return sum(lane.received for lane in self.lanes)

    @property
    def lost(self) -> int:
        """See `bench.drive.Account`."""
        return sum(lane.lost for lane in self.lanes)

    @property
    def stray(self) -> int:
        """See `bench.drive.Account`."""
        return sum(lane.stray for lane in self.lanes)

    def begin(self, stamp: int) -> None:
        """See `bench.drive.Account`."""
        for lane in self.lanes:
            lane.begin(stamp)

    def send(self, stamp: int, numbers: Sequence[int]) -> None:
        """A packet leaves for each of the receivers with these numbers."""
        for number in numbers:
            self.lanes[number].send(stamp, 1)
        self.in_flight += len(numbers)

    def receive(self, number: int, stamp: int, count: int) -> None:
        """`count` packets with `stamp` have come to this receiver."""
        lane = self.lanes[number]
        before = lane.in_flight
        for _ in range(count):
            lane.receive(stamp, 1)  # one by one: a batch longer than the turn has one entry a packet
        self.in_flight += lane.in_flight - before

    def give_up(self) -> None:
        """See `bench.drive.Account`."""
        for lane in self.lanes:
            lane.give_up()
        self.in_flight = 0


class SpreadFlow:
    """One sender."""

    __slots__ = ("batch", "capacity", "last_us", "ledger", "sender", "stamp")

    def __init__(self, sender: Connection, receivers: Sequence[Connection], size: int, capacity: int) -> None:
        self.sender = sender
        self.batch = SpreadBatch([receiver.key for receiver in receivers], size)
        self.capacity = capacity
        self.ledger = SpreadLedger(len(receivers))
        self.stamp = 0
        self.last_us = now_us()

    @property
    def account(self) -> SpreadLedger:
        """See `bench.drive.AnyFlow`."""
        return self.ledger

    def send(self, count: int, at_us: int) -> None:
        """See `bench.drive.AnyFlow`."""
        self.stamp = stamp = max(at_us, self.stamp + 1)
        numbers, text = self.batch.stamped(count, stamp)
        self.ledger.send(stamp, numbers)
        self.sender.write(memoryview(text), RECORD_LEN)


class SpreadRun(Drive):
    """Packets from few to many."""

    flows: list[SpreadFlow]

    def connect(self) -> list[SpreadFlow]:
        """See `Drive`."""
        load = self.load
        members = self.clients.log_in(load.pairs + load.receivers, load.logins_at_once)
        senders, receivers = members[: load.pairs], members[load.pairs :]
        self._counter = SpreadCounter(load.size)
        self._receivers = {receiver.fd: (i, receiver) for i, receiver in enumerate(receivers)}
        flows = [SpreadFlow(sender, receivers, load.size, load.window) for sender in senders]
        for i, flow in enumerate(flows):
            flow.batch.skip(i * load.receivers // load.pairs)  # so that they do not march in step
        self._by_source = {flow.sender.key[:_SOURCE_LEN]: flow for flow in flows}
        return flows

    def receive(self, fd: int) -> Iterable[SpreadFlow] | None:
        """See `Drive`."""
        found = self._receivers.get(fd)
        if found is None:
            return None
        number, receiver = found
        end = read_on(self.clients, receiver)
        packets, stop = self._counter.count(self.clients.text, end)
        receiver.tail = bytes(self.clients.view[stop:end])
        now = now_us()
        touched = {}
        for (source, stamp), count in packets.items():
            flow = self._by_source[source]
            flow.last_us = now
            flow.ledger.receive(number, stamp, count)
            self.tally.latency.record(now - self.epoch_us - stamp, count)
            touched[source] = flow
        return touched.values()
