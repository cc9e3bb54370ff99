"""The rate limit's decision as transcripts of reads, under a simulated clock."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterable

import pytest

from tailhub.derp import frames
from tailhub.derp.frames import HEADER_LEN
from tailhub.derp.runs import RunDecoder
from tailhub.relay.rate_limit import (
    LEAST_PAUSE_S,
    MIN_BURST_BYTES,
    READ_BYTES,
    Account,
    KeyLimits,
    RateLimit,
    SendBucket,
    Throttle,
)
from tailhub.relay.stats import Stats

WINDOW_S = 30.0
SOURCE, OTHER = bytes(range(32)), bytes(range(32, 64))


def limit(bytes_per_s: float, burst_bytes: float = 0) -> RateLimit:
    found = RateLimit.of(bytes_per_s, burst_bytes)
    assert found is not None
    return found


class Sender:
    """A client's connection, always with more to read unless `per_s` bounds what it has; `reads` are (time, bytes)."""

    def __init__(self, world: World, account: Account, per_s: float = math.inf) -> None:
        self.world = world
        self.throttle = Throttle(account, world.stats)
        self.throttle.on_go = self.look
        self.per_s = per_s
        self.since = world.now
        self.had = 0.0
        self.reads: list[tuple[float, int]] = []
        self.looked: list[float] = []  # how long each read has waited for its turn
        self.ready_at = 0.0
        self.first_pause_at = math.inf
        world.at(world.now, self.look)

    def look(self) -> None:
        """Something can be read, or its turn has come."""
        world = self.world
        waiting = (world.now - self.since) * self.per_s - self.had if self.per_s < math.inf else math.inf
        if waiting < 1:
            world.at(self.since + (self.had + 1200) / self.per_s, self.became_ready)
            return
        bucket = self.throttle.wait(world.now)
        if bucket is not None:
            self.first_pause_at = min(self.first_pause_at, world.now)
            world.begin(bucket)
            return
        size = int(min(waiting, world.draw.choice((READ_BYTES, READ_BYTES, 20_000, 1_500))))
        self.had += size
        self.reads.append((world.now, size))
        self.looked.append(world.now - self.ready_at)
        self.throttle.charge(size, (), 0, world.now)
        self.ready_at = world.now + 0.0002
        world.at(self.ready_at, self.look)

    def became_ready(self) -> None:
        """The next packet is there."""
        self.ready_at = self.world.now
        self.look()

    @property
    def sent(self) -> int:
        """Bytes so far."""
        return sum(size for _, size in self.reads)


class World:
    """A loop's timers under a simulated clock; those of buckets are up to `latest_s` late."""

    def __init__(self, seed: int = 1, latest_s: float = 0.0) -> None:
        self.now = 0.0
        self.stats = Stats()
        self.draw = random.Random(seed)
        self._latest_s = latest_s
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._timers: set[SendBucket] = set()

    def at(self, when: float, do: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now), self._count, do))

    def begin(self, bucket: SendBucket) -> None:
        """As `Pauses.begin`."""
        if bucket not in self._timers:
            self._timers.add(bucket)
            due_at = self.now + bucket.due_in(self.now) + self.draw.uniform(0, self._latest_s)
            self.at(due_at, lambda: self._go_on(bucket))

    def _go_on(self, bucket: SendBucket) -> None:
        self._timers.discard(bucket)
        released = bucket.release(self.now)
        if bucket.waiting:
            self.begin(bucket)
        for throttle in released:
            throttle.on_go()

    def run(self, seconds: float) -> None:
        while self._events and self._events[0][0] < seconds:
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = seconds


def alone(rate_limit: RateLimit, now: float = 0.0) -> Account:
    """The account of a key that shares its bucket with nobody."""
    return Account(KeyLimits(own=rate_limit), (), now)


def most_in_a_window(reads: Iterable[tuple[float, int]], after: float) -> int:
    """The most bytes in any `WINDOW_S` that begin after that time."""
    later = sorted(read for read in reads if read[0] > after)
    most = current = start = 0
    for at, size in later:
        current += size
        while later[start][0] <= at - WINDOW_S:
            current -= later[start][1]
            start += 1
        most = max(most, current)
    return most


@pytest.mark.parametrize("latest_s", [0.0, 0.002, 0.015])
@pytest.mark.parametrize("burst_bytes", [0, 1, 300_000])
@pytest.mark.parametrize("bytes_per_s", [1_250_000, 12_500_000, 125_000_000])
def test_whoever_always_sends(bytes_per_s: int, burst_bytes: int, latest_s: float) -> None:
    """After its burst it gets from 95 to 105 % of the rate, in any 30 s and in all, however late timers are."""
    seconds = 70.0
    world = World(bytes_per_s + burst_bytes, latest_s)
    sender = Sender(world, alone(limit(bytes_per_s, burst_bytes)))
    world.run(seconds)
    assert most_in_a_window(sender.reads, sender.first_pause_at) <= 1.05 * bytes_per_s * WINDOW_S
    after = sum(size for at, size in sender.reads if at > sender.first_pause_at)
    assert after >= 0.95 * bytes_per_s * (seconds - sender.first_pause_at)


@pytest.mark.parametrize("latest_s", [0.0, 0.015])
@pytest.mark.parametrize("bytes_per_s", [1_250_000, 125_000_000])
@pytest.mark.parametrize("count", [2, 50])
def test_a_bucket_that_many_share(count: int, bytes_per_s: int, latest_s: float) -> None:
    """Together they get from 95 to 105 % of the rate in any 30 s, and each an equal share, within a twentieth."""
    seconds = 40.0
    world = World(count, latest_s)
    shared = SendBucket(limit(bytes_per_s), 0.0)
    limits = KeyLimits(tenant=limit(bytes_per_s))
    senders = [Sender(world, Account(limits, (shared,), 0.0)) for _ in range(count)]
    world.run(seconds)
    reads = [read for sender in senders for read in sender.reads]
    begun = min(sender.first_pause_at for sender in senders)
    assert most_in_a_window(reads, begun) <= 1.05 * bytes_per_s * WINDOW_S
    assert sum(size for at, size in reads if at > begun) >= 0.95 * bytes_per_s * (seconds - begun)
    shares = [sum(size for at, size in sender.reads if at > begun) for sender in senders]
    slack = 3 * READ_BYTES  # what one may be ahead of the others, whenever one looks
    assert max(shares) - min(shares) <= 0.05 * sum(shares) / count + slack


def test_who_sends_little_passes_those_who_send_much() -> None:
    """Among 50 that always send, one that sends a hundredth of its share gets all of it through, soon each time."""
    world = World()
    shared = SendBucket(limit(1_250_000), 0.0)
    limits = KeyLimits(relay=limit(1_250_000))
    for _ in range(50):
        Sender(world, Account(limits, (shared,), 0.0))
    quiet = Sender(world, Account(limits, (shared,), 0.0), per_s=1_000)
    world.run(60)
    assert quiet.sent >= 0.95 * 60 * 1_000
    late = sorted(quiet.looked)
    assert late[len(late) // 2] < 0.12  # two large reads of others; in a plain line of all it were 2.6 s
    assert late[-3] < 0.5  # but for the first two, when all are new


def test_a_new_key_passes_nobody_who_waits() -> None:
    """A key that comes while others wait has its turn behind them, or ever new keys would keep the old ones waiting."""
    stats, shared = Stats(), SendBucket(limit(1_250_000), 0.0)
    limits = KeyLimits(relay=limit(1_250_000))
    old = [Throttle(Account(limits, (shared,), 0.0), stats) for _ in range(3)]
    shared.take(1_250_000, 0.0)
    for throttle in old:
        throttle.charge(20_000, (), 0, 0.0)
    assert all(throttle.wait(0.0) is shared for throttle in old)
    new = Throttle(Account(limits, (shared,), 0.0), stats)
    assert new.wait(0.0) is shared
    order: list[Throttle] = []
    now = 0.0
    while shared.waiting:
        now += shared.due_in(now)
        order += shared.release(now)
    assert order == [*old, new]


def test_what_one_had_while_nobody_waited() -> None:
    """Who has sent much while there was enough for all has the same share as the others once there is not."""
    world = World()
    shared = SendBucket(limit(1_250_000), 0.0)
    limits = KeyLimits(relay=limit(1_250_000))
    busy = Sender(world, Account(limits, (shared,), 0.0), per_s=1_000_000)
    world.run(60)
    before = busy.sent
    other = Sender(world, Account(limits, (shared,), world.now))
    world.run(120)
    assert before > 59 * 1_000_000
    assert busy.sent - before == pytest.approx(60 * 625_000, rel=0.05)
    assert other.sent == pytest.approx(60 * 625_000, rel=0.05)


def test_two_limits_at_once() -> None:
    """A key that may send less than its share of the tenant's is held to that, and the others have the rest."""
    world = World()
    shared = SendBucket(limit(1_250_000), 0.0)
    small = Sender(world, Account(KeyLimits(limit(100_000), limit(1_250_000)), (shared,), 0.0))
    others = [Sender(world, Account(KeyLimits(tenant=limit(1_250_000)), (shared,), 0.0)) for _ in range(2)]
    world.run(60)
    assert small.sent == pytest.approx(60 * 100_000, rel=0.06)
    assert sum(sender.sent for sender in (small, *others)) == pytest.approx(61 * 1_250_000, rel=0.02)


def test_who_leaves_holds_up_nobody() -> None:
    """Of those that wait half go away; the others go on, and the line is empty in the end."""
    world = World()
    account = alone(limit(1, 65_568))
    account.buckets[0].take(65_569 + READ_BYTES, 0.0)
    throttles = [Throttle(account, world.stats) for _ in range(400)]
    bucket = account.buckets[0]
    assert all(throttle.wait(0.0) is bucket for throttle in throttles)
    assert all(throttle.end(1.0) is bucket for throttle in throttles[::2])
    assert throttles[0].end(1.0) is None
    assert bucket.waiting == 200
    released: list[Throttle] = []
    now = 0.0
    while bucket.waiting:
        now += bucket.due_in(now)
        released += bucket.release(now)
    assert released == throttles[1::2]


@pytest.mark.parametrize("bytes_per_s", [125_000, 1_250_000])
def test_whoever_keeps_to_what_it_is_told(bytes_per_s: int) -> None:
    """A client that drops what its own bucket does not hold, as real ones do, is never held up."""
    rate_limit = limit(bytes_per_s)
    info, stats = rate_limit.server_info(), Stats()
    throttle, packet_bytes = Throttle(alone(rate_limit), stats), 1_200
    tokens, now, sent = float(info.rate_burst_bytes), 0.0, 0
    while now < 40:
        now += 0.0005  # 19 Mbit/s are offered
        tokens = min(info.rate_burst_bytes, tokens + 0.0005 * info.rate_bytes_per_s)
        if tokens >= packet_bytes + HEADER_LEN:  # the client counts the header too
            tokens -= packet_bytes + HEADER_LEN
            assert throttle.wait(now) is None
            throttle.charge(packet_bytes, (), 0, now)
            sent += packet_bytes
    assert sent > 0.95 * 40 * bytes_per_s
    assert stats.rate_pauses == 0


def test_the_burst() -> None:
    """It passes at once; the read that exceeds it is paid for by a pause as long as the rate needs for what exceeds."""
    stats = Stats()
    throttle = Throttle(alone(limit(1_000_000, 100_000)), stats)
    for size in (60_000, 40_000, READ_BYTES):
        assert throttle.wait(0.0) is None
        throttle.charge(size, (), 0, 0.0)
    bucket = throttle.wait(0.0)
    assert bucket is not None
    assert bucket.due_in(0.0) == pytest.approx(0.065536)
    assert bucket.release(0.06) == []
    assert bucket.release(0.065536) == [throttle]
    assert (stats.rate_pauses, stats.rate_paused_s) == (1, pytest.approx(0.065536))
    assert throttle.wait(0.065536) is None


def test_single_packets_cost_no_pause_each() -> None:
    """A client that sends a little too much in single packets is held up at most once in the least pause."""
    world, seconds = World(), 10.0
    sender = Sender(world, alone(limit(1_250_000, 65_568)), per_s=1_300_000)
    world.run(seconds)
    assert 0 < world.stats.rate_pauses <= seconds / LEAST_PAUSE_S
    assert len(sender.reads) > 5 * world.stats.rate_pauses


def test_what_is_counted() -> None:
    """Counted are the bodies of all frames, as the original counts them, in whatever pieces they are read."""
    stream, bodies = bytearray(), 0
    for frame in (
        *(frames.send_packet(OTHER, bytes(size)) for size in (0, 1, 1_200, 1_200, 40_000)),
        frames.send_packet(SOURCE, b"TS\xf0\x9f\x92\xac" + bytes(60)),
        frames.ping(b"12345678"),
        frames.note_preferred(True),
        frames.serialize(0x7F, bytes(70_000)),
    ):
        stream += frame
        bodies += len(frame) - HEADER_LEN
    for seed in range(20):
        account = alone(limit(1, MIN_BURST_BYTES))
        throttle = Throttle(account, Stats())
        throttle.charge(MIN_BURST_BYTES, (), 0, 0.0)  # nothing left: the debt says what is counted
        draw, decoder, pos = random.Random(seed), RunDecoder(SOURCE), 0
        while pos < len(stream):
            piece = stream[pos : pos + draw.randint(1, 30_000)]
            pos += len(piece)
            buffer = bytearray(100_000)
            start = decoder.prepare(buffer)
            buffer[start : start + len(piece)] = piece
            items = decoder.decode(buffer, start + len(piece))
            throttle.charge(len(piece), items, decoder.skipped_frames, 0.0)
            decoder.skipped_frames = 0
        assert account.buckets[0].due_in(0.0) == bodies


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((0, 0), None),
        ((0, 100_000), None),
        ((1_250_000, 0), (1_250_000, 1_250_000)),
        ((1_000, 0), (1_000, MIN_BURST_BYTES)),
        ((1_250_000, 1), (1_250_000, MIN_BURST_BYTES)),
        ((1_250_000, 200_000), (1_250_000, 200_000)),
        ((125_000_000, 200_000), (125_000_000, 2_500_000)),
        ((0.5, 0), (1, MIN_BURST_BYTES)),
        ((2**64, 2**64), (2**53, 2**53)),
    ],
)
def test_what_somebody_asks_for(asked: tuple[float, float], found: tuple[int, int] | None) -> None:
    """Without a rate there is no limit; a burst is never under 65,568 bytes or 20 ms, and usually those of a second."""
    rate_limit = RateLimit.of(*asked)
    assert (None if rate_limit is None else (rate_limit.bytes_per_s, rate_limit.burst_bytes)) == found


def test_what_a_client_is_told() -> None:
    """The rate, and as burst at least what comes in a second and a whole packet: it drops what does not fit."""
    for bytes_per_s, burst_bytes in ((1_250_000, 65_568), (1_000, 0), (1_000_000, 3_000_000)):
        info = limit(bytes_per_s, burst_bytes).server_info()
        assert info.rate_bytes_per_s == bytes_per_s
        assert info.rate_burst_bytes == max(65_568, bytes_per_s, burst_bytes)
