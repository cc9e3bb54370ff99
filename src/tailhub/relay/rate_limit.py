"""How much each client may send: a token bucket of received bytes that paces reading. No clock, no sockets.

Nothing is dropped: whoever has sent too much is not read for a while, and TCP holds it up. Each connection has a bucket
of its own, also of those with the same key; mesh peers have none. What is counted is what the reference counts
(``sclient.rateLimit`` in ``derp/derpserver/derpserver.go``): the bodies of all frames, neither their headers nor TLS.
It counts each frame before it reads it; here a whole read is dealt with and then paid for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What each client may send: bytes a second, and how many at once beyond that."""

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

    def server_info(self) -> ServerInfo:
        """What a client is told, so that it slows down by itself.

        It drops what its bucket does not hold, so that must hold what TCP sends at a time: with 65,568 bytes at
        10 Mbit/s a quarter of the rate was left of a TCP connection in the tunnel, with those of a second nine tenths.
        """
        burst = max(self.burst_bytes, math.ceil(self.bytes_per_s * USUAL_BURST_S))
        return ServerInfo(rate_bytes_per_s=self.bytes_per_s, rate_burst_bytes=burst)


class Throttle:
    """The limit of one connection, beginning with a full bucket."""

    __slots__ = ("_bucket", "_stats", "limit")

    def __init__(self, limit: RateLimit, stats: Stats, now: float) -> None:
        self.limit = limit
        self._stats = stats
        self._bucket = TokenBucket(limit.bytes_per_s, limit.burst_bytes, now)

    def pause_after(self, size: int, items: Iterable[Item], skipped_frames: int, now: float) -> float:
        """A read brought `size` bytes of the DERP stream. For how many seconds is nothing more to be read (0: go on)?

        `items` and `skipped_frames`, of unknown types, are the frames that were decoded from it.
        """
        frames = skipped_frames
        for dst, _, count, _ in items:
            frames += 1 if dst is None else count
        wait_s = self._bucket.take(size - frames * HEADER_LEN, now)
        if wait_s < LEAST_PAUSE_S:
            return 0.0
        self._stats.rate_pauses += 1
        self._stats.rate_paused_s += wait_s
        return wait_s
