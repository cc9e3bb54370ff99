"""Token buckets driven by the caller's clock: one, and one for each source address."""

from __future__ import annotations


class TokenBucket:
    """`rate` tokens a second, at most `burst` saved. `now` is monotonic seconds and never goes back."""

    __slots__ = ("burst", "rate", "tokens", "updated")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.updated = now

    def allow(self, cost: float, now: float) -> bool:
        """Take `cost` tokens if they are there."""
        self._refill(now)
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True

    def take(self, cost: float, now: float) -> float:
        """Take `cost` tokens in any case; return how long to wait, in seconds, until the debt is paid (0: none)."""
        self._refill(now)
        self.tokens -= cost
        return 0.0 if self.tokens >= 0 else -self.tokens / self.rate

    def _refill(self, now: float) -> None:
        if now > self.updated:
            self.tokens = min(self.burst, self.tokens + (now - self.updated) * self.rate)
            self.updated = now


_V4_IN_V6 = bytes(10) + b"\xff\xff"


class SourceBuckets:
    """One token bucket for each IPv4 address and each IPv6 /64, for the `max_sources` that asked last.

    A source that falls out of the table starts afresh: who wants that for its victim pays with as many packets, or
    connections, as the table has rows.
    """

    __slots__ = ("_buckets", "_max_sources", "burst", "rate")

    def __init__(self, rate: float, burst: float, max_sources: int) -> None:
        self.rate = rate
        self.burst = burst
        self._max_sources = max_sources
        self._buckets: dict[bytes, TokenBucket] = {}  # the one that asked longest ago first

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, ip_packed: bytes, now: float) -> bool:
        """Whether the source with this address (4 or 16 bytes) may have one more now; if so it is counted."""
        source = _source(ip_packed)
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            if len(self._buckets) >= self._max_sources:
                del self._buckets[next(iter(self._buckets))]
            bucket = TokenBucket(self.rate, self.burst, now)
        self._buckets[source] = bucket
        return bucket.allow(1.0, now)


def _source(ip_packed: bytes) -> bytes:
    if len(ip_packed) == 4:
        return ip_packed
    return ip_packed[12:] if ip_packed.startswith(_V4_IN_V6) else ip_packed[:8]
