"""How often one source may send plain RFC 8489 requests.

Their answers are up to 2.2 times as long as the questions, and the source of a UDP packet is easily forged: without a
limit a relay could be used to multiply a flood towards somebody else. Tailscale's own requests are not limited: their
answers are at most a tenth longer than the questions.
"""

from __future__ import annotations

from tailhub.ratelimit import TokenBucket

ANSWERS_PER_S = 10.0
BURST = 30.0
MAX_SOURCES = 4096

_V4_IN_V6 = bytes(10) + b"\xff\xff"


class SourceLimit:
    """One token bucket for each IPv4 address and each IPv6 /64, for the `max_sources` that asked last.

    A source that falls out of the table starts afresh: who wants that for its victim pays with as many packets as the
    table has rows.
    """

    __slots__ = ("_buckets", "_max_sources", "answers_per_s", "burst")

    def __init__(
        self, answers_per_s: float = ANSWERS_PER_S, burst: float = BURST, max_sources: int = MAX_SOURCES
    ) -> None:
        self.answers_per_s = answers_per_s
        self.burst = burst
        self._max_sources = max_sources
        self._buckets: dict[bytes, TokenBucket] = {}  # the one that asked longest ago first

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, ip_packed: bytes, now: float) -> bool:
        """Whether the source with this address (4 or 16 bytes) may have an answer now; if so it is counted."""
        source = _source(ip_packed)
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            if len(self._buckets) >= self._max_sources:
                del self._buckets[next(iter(self._buckets))]
            bucket = TokenBucket(self.answers_per_s, self.burst, now)
        self._buckets[source] = bucket
        return bucket.allow(1.0, now)


def _source(ip_packed: bytes) -> bytes:
    if len(ip_packed) == 4:
        return ip_packed
    return ip_packed[12:] if ip_packed.startswith(_V4_IN_V6) else ip_packed[:8]
