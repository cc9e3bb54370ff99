"""How often one source may send plain RFC 8489 requests.

Their answers are up to 2.2 times as long as the questions, and the source of a UDP packet is easily forged: without a
limit a relay could be used to multiply a flood towards somebody else. Tailscale's own requests are not limited: their
answers are at most a tenth longer than the questions.
"""

from __future__ import annotations

from tailhub.ratelimit import SourceBuckets

ANSWERS_PER_S = 10.0
BURST = 30.0
MAX_SOURCES = 4096


class SourceLimit(SourceBuckets):
    """That many answers for each source."""

    __slots__ = ()

    def __init__(
        self, answers_per_s: float = ANSWERS_PER_S, burst: float = BURST, max_sources: int = MAX_SOURCES
    ) -> None:
        super().__init__(answers_per_s, burst, max_sources)
