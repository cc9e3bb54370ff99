"""How much clients may send: token buckets of received bytes that pace reading. No clock, no sockets.

Nothing is dropped: whoever has sent too much is not read for a while, and TCP holds it up. A connection pays each read
into up to three buckets: its key's, its tenant's and the relay's (`tailhub.relay.accounts`); mesh peers pay nothing.
What is counted is what the reference counts (``sclient.rateLimit`` in ``derp/derpserver/derpserver.go``): the bodies of
all frames, neither their headers nor TLS. It counts each frame before it reads it; here a whole read is dealt with and
then paid for, and before the next one it is seen whether there is a debt.

Who waits at a bucket stands in a line. When the debt is paid those go on who have had least of the bucket (start-time
fair queueing: P. Goyal, H. M. Vin, H. Cheng, 1996): everybody gets the same share in bytes, however large its reads
are, and who sends little passes the others. As each one waits before it reads, the debt is never deeper than what a
few reads bring, however many share the bucket.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final, Self

from tailhub.derp.frames import HEADER_LEN, KEY_LEN, MAX_PACKET_LEN
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.runs import Item
from tailhub.ratelimit import TokenBucket
from tailhub.relay.stats import Stats

MIN_BURST_BYTES: Final = KEY_LEN + MAX_PACKET_LEN  # the reference's
MIN_BURST_S: Final = 0.02  # what comes in while the event loop is with others must fit, or less than the rate passes
USUAL_BURST_S: Final = 1.0
MOST_BYTES: Final = 1 << 53  # as far as every reader of JSON can count
LEAST_PAUSE_S: Final = 0.01  # a debt that is paid sooner is let stand: a pause costs a timer and two system calls
READ_BYTES: Final = 65536  # what a read brings at most, about
GRANT_S: Final = 0.1  # who has been let go and does not read within this time has had its turn
PAID_BYTES: Final = -1.0  # so little of a debt is none: timers and sums are not that exact


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What somebody may send or receive: bytes a second, and how many at once beyond that."""

    bytes_per_s: int
    burst_bytes: int

    @classmethod
    def of(cls, bytes_per_s: float, burst_bytes: float = 0) -> Self | None:
        """The limit as somebody asks for it: None without a rate; a burst that is too small is raised, 0 is the usual.

        The usual burst is what comes in a second.
        """
        if bytes_per_s <= 0:
            return None
        rate = min(math.ceil(bytes_per_s), MOST_BYTES)
        least = max(MIN_BURST_BYTES, math.ceil(rate * (MIN_BURST_S if burst_bytes else USUAL_BURST_S)))
        return cls(rate, min(max(math.ceil(burst_bytes), least), MOST_BYTES))

    def share(self, workers: int) -> RateLimit:
        """The part of each of several workers that share it."""
        return RateLimit.of(self.bytes_per_s / workers, self.burst_bytes / workers) or self

    def server_info(self) -> ServerInfo:
        """What a client is told, so that it slows down by itself.

        It drops what its bucket does not hold, so that must hold what TCP sends at a time: with 65,568 bytes at
        10 Mbit/s a quarter of the rate was left of a TCP connection in the tunnel, with those of a second nine tenths.
        """
        burst = max(self.burst_bytes, math.ceil(self.bytes_per_s * USUAL_BURST_S))
        return ServerInfo(rate_bytes_per_s=self.bytes_per_s, rate_burst_bytes=burst)


class SendBucket(TokenBucket):
    """A bucket that several connections may pay into, and the line of those that wait until its debt is paid."""

    __slots__ = ("_joined", "_line", "clock", "waiting")

    def __init__(self, limit: RateLimit, now: float) -> None:
        super().__init__(limit.bytes_per_s, limit.burst_bytes, now)
        self.clock = 0.0  # bytes that everybody who waits has had, or more: the share of who was let go last
        self.waiting = 0
        self._joined = 0
        self._line: list[tuple[float, int, Throttle]] = []  # a heap: bytes that it has had, its place, who

    def is_short(self, now: float) -> bool:
        """Must whoever wants to read now wait?"""
        if self.waiting:
            return True
        self._refill(now)
        return self.tokens < -self.rate * LEAST_PAUSE_S

    def join(self, had: float, throttle: Throttle) -> int:
        """Put one in the line, that has had so many bytes of this bucket; returns its place."""
        self._joined += 1
        self.waiting += 1
        heappush(self._line, (max(had, self.clock), self._joined, throttle))
        return self._joined

    def leave(self) -> None:
        """One of those that wait, whose place is no more its own, has gone."""
        self.waiting -= 1
        if len(self._line) > 2 * self.waiting + 64:
            self._line = [entry for entry in self._line if entry[2].place == entry[1]]
            heapify(self._line)

    def due_in(self, now: float) -> float:
        """For how many seconds `release` lets nobody go."""
        self._refill(now)
        return -self.tokens / self.rate if self.tokens < PAID_BYTES else LEAST_PAUSE_S

    def release(self, now: float) -> list[Throttle]:
        """Those whose turn it is, out of the line: who has had least first; nobody while there is a debt."""
        self._refill(now)
        if self.tokens < PAID_BYTES or not self.waiting:
            return []
        ahead = self.tokens + self.rate * LEAST_PAUSE_S
        count = min(self.waiting, max(1, int(ahead // READ_BYTES)))
        released: list[Throttle] = []
        while len(released) < count:
            had, place, throttle = heappop(self._line)
            if throttle.place == place:
                self.clock = max(self.clock, had)
                throttle.let_go(max(READ_BYTES, ahead / count), now)
                released.append(throttle)
        self.waiting -= count
        return released


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What holds one key: its own limit, its tenant's and the relay's of what is sent, and its own of what it gets."""

    own: RateLimit | None = None
    tenant: RateLimit | None = None
    relay: RateLimit | None = None
    receive: RateLimit | None = None

    @property
    def told(self) -> RateLimit | None:
        """The least of what applies to sending, which a client is told."""
        limits = [limit for limit in (self.own, self.tenant, self.relay) if limit is not None]
        if not limits:
            return None
        return RateLimit(min(limit.bytes_per_s for limit in limits), min(limit.burst_bytes for limit in limits))


class Account:
    """What one key pays into, and what it has had of each so far. All connections of the key share it."""

    __slots__ = ("buckets", "connections", "had", "limits", "own", "receive")

    def __init__(self, limits: KeyLimits, shared: tuple[SendBucket, ...], now: float) -> None:
        """`shared` are the buckets that others pay into too."""
        self.limits = limits
        self.own = SendBucket(limits.own, now) if limits.own is not None else None
        receive = limits.receive
        self.receive = TokenBucket(receive.bytes_per_s, receive.burst_bytes, now) if receive is not None else None
        self.buckets = (self.own, *shared) if self.own is not None else shared
        # Behind those that wait already, or ever new keys would keep them waiting.
        self.had = [bucket.clock + READ_BYTES for bucket in self.buckets]
        self.connections = 0

    def is_new(self, now: float) -> bool:
        """Does a new account of the key differ from it in nothing?"""
        return all(
            bucket is None or (bucket.take(0, now) == 0 and bucket.tokens == bucket.burst)
            for bucket in (self.own, self.receive)
        )


class Throttle:
    """What holds one connection to its key's limits. `on_go` is called when it may read again after it had to wait."""

    __slots__ = ("_account", "_bucket", "_grant", "_granted_by", "_granted_until", "_since", "_stats", "on_go", "place")

    def __init__(self, account: Account, stats: Stats) -> None:
        self._account = account
        self._stats = stats
        self.on_go: Callable[[], None] = lambda: None
        self.place = 0  # in the line of `_bucket`; 0 while it does not wait
        self._bucket: SendBucket | None = None
        self._since = 0.0
        self._granted_by: SendBucket | None = None  # which has let it go, for so many bytes, until then
        self._grant = self._granted_until = 0.0

    @property
    def is_waiting(self) -> bool:
        """Is nothing to be read now?"""
        return self.place != 0

    def charge(self, size: int, items: Iterable[Item], skipped_frames: int, now: float) -> None:
        """A read brought `size` bytes of the DERP stream.

        `items` and `skipped_frames`, of unknown types, are the frames that were decoded from it.
        """
        frames = skipped_frames
        for dst, _, count, _ in items:
            frames += 1 if dst is None else count
        cost = size - frames * HEADER_LEN
        had = self._account.had
        for number, bucket in enumerate(self._account.buckets):
            bucket.take(cost, now)
            # While nobody waits nobody goes short: what one has then is not held against it later.
            had[number] = (max(had[number], bucket.clock) if bucket.waiting else bucket.clock) + cost
        self._grant -= cost

    def wait(self, now: float) -> SendBucket | None:
        """Look whether the next read must wait: for which bucket, in whose line it then stands; None: go on."""
        for number, bucket in enumerate(self._account.buckets):
            if bucket is self._granted_by and self._grant > 0 and now < self._granted_until:
                continue
            if bucket.is_short(now):
                self._bucket, self._since = bucket, now
                self.place = bucket.join(self._account.had[number], self)
                self._stats.rate_pauses += 1
                return bucket
        return None

    def let_go(self, grant: float, now: float) -> None:
        """Its turn has come: it may read so many bytes. Called by the bucket, which takes it out of its line."""
        self._stop_waiting(now)
        self._granted_by, self._grant, self._granted_until = self._bucket, grant, now + GRANT_S

    def end(self, now: float) -> SendBucket | None:
        """The connection is over, or gets another throttle: it waits no more. Returns at which bucket it did."""
        if not self.is_waiting or self._bucket is None:
            return None
        self._stop_waiting(now)
        self._bucket.leave()
        return self._bucket

    def _stop_waiting(self, now: float) -> None:
        self.place = 0
        self._stats.rate_paused_s += now - self._since
