"""Who pays into which bucket, and how many connections each may have. No clock, no sockets.

A key's account outlives its connections until its bucket is full again: who connects anew does not get a new burst.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final

from tailhub.relay.limits import Limits
from tailhub.relay.rate_limit import Account, KeyLimits, RateLimit, SendBucket

MAX_REMEMBERED: Final = 16384  # accounts of keys that have no connection
FORGOTTEN_AT_ONCE: Final = 8
OVER_QUOTA: Final = "over its quota"
_NOTHING: Final = KeyLimits()


class TooMany(StrEnum):
    """Why a login is refused although it is admitted."""

    KEY = "too many connections of this key"
    TENANT = "too many connections of this tenant"
    RELAY = "too many connections"


class Accounts:
    """The limits of one process, and what its clients have used of them."""

    __slots__ = ("_accounts", "_idle", "_shared", "by_tenant", "limits", "slowed")

    def __init__(self) -> None:
        self.limits = Limits()
        self.slowed: dict[bytes, RateLimit] = {}  # keys over their quota: what they may send, and get
        self.by_tenant: Counter[str] = Counter()  # connections of those who are served
        self._accounts: dict[bytes, Account] = {}
        self._idle: dict[bytes, Account] = {}  # those without connections, by the time of the last one's end
        self._shared: dict[str | None, tuple[RateLimit, SendBucket]] = {}  # by tenant; the relay's by None

    # --- connections --------------------------------------------------------------------------------------------------

    def too_many(self, tenant: str, connections: int, connections_of_key: int) -> TooMany | None:
        """May one more log in beside so many `connections` in all, and so many of its key? None: yes."""
        limits = self.limits.of(tenant)
        if 0 < limits.key_connections <= connections_of_key:
            return TooMany.KEY
        if 0 < limits.connections <= self.by_tenant[tenant]:
            return TooMany.TENANT
        return TooMany.RELAY if 0 < self.limits.connections <= connections else None

    def joined(self, tenant: str) -> None:
        """A connection of this tenant is there."""
        self.by_tenant[tenant] += 1

    def left(self, tenant: str) -> None:
        """It is over."""
        self.by_tenant[tenant] -= 1
        if not self.by_tenant[tenant]:
            del self.by_tenant[tenant]

    # --- rates --------------------------------------------------------------------------------------------------------

    def limits_of(self, key: bytes, tenant: str) -> KeyLimits | None:
        """What holds a key now; None when nothing does."""
        limits = self.limits.of(tenant)
        slow = self.slowed.get(key)
        own, receive = _slower(limits.key, slow), _slower(limits.receive, slow)
        found = KeyLimits(own, limits.total, self.limits.relay, receive)
        return None if found == _NOTHING else found

    def open(self, key: bytes, tenant: str, now: float) -> Account | None:
        """The account of a connection of `key`, to be given back (`close`); None when nothing limits it."""
        limits = self.limits_of(key, tenant)
        if limits is None:
            return None
        account = self._accounts.get(key) or self._idle.get(key)
        if account is None or account.limits != limits:
            shared = (self._bucket(tenant, limits.tenant, now), self._bucket(None, limits.relay, now))
            account = Account(limits, tuple(bucket for bucket in shared if bucket is not None), now)
        self._idle.pop(key, None)
        self._accounts[key] = account
        account.connections += 1
        return account

    def close(self, key: bytes, account: Account, now: float) -> None:
        """A connection is over, or gets another account."""
        account.connections -= 1
        if not account.connections and self._accounts.get(key) is account:
            del self._accounts[key]
            self._idle[key] = account
            self._forget(now)

    def _bucket(self, whose: str | None, limit: RateLimit | None, now: float) -> SendBucket | None:
        """The bucket that a tenant's keys share, or all: a new one where the limit is another than before."""
        if limit is None:
            return None
        known = self._shared.get(whose)
        if known is None or known[0] != limit:
            known = self._shared[whose] = limit, SendBucket(limit, now)
        return known[1]

    def _forget(self, now: float) -> None:
        """Forget the accounts that a new one would equal, a few at a time, and the oldest when there are too many."""
        for _ in range(FORGOTTEN_AT_ONCE):
            key = next(iter(self._idle), None)
            if key is None or not self._idle[key].is_new(now):
                break
            del self._idle[key]
        if len(self._idle) > MAX_REMEMBERED:
            del self._idle[next(iter(self._idle))]


def _slower(one: RateLimit | None, other: RateLimit | None) -> RateLimit | None:
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda limit: limit.bytes_per_s)
