"""A token bucket driven by the caller's clock."""

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
