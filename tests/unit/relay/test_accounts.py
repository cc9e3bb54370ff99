"""Who pays into which bucket, and how many connections each may have, as transcripts."""

from __future__ import annotations

import pytest

from tailhub.relay import accounts as module
from tailhub.relay.accounts import Accounts, TooMany
from tailhub.relay.limits import Limits, TenantLimits
from tailhub.relay.rate_limit import Account, KeyLimits, RateLimit

KEY, OTHER = bytes(32), bytes([1] * 32)
ONE, TEN, HUNDRED = RateLimit(100_000, 100_000), RateLimit(1_000_000, 1_000_000), RateLimit(10**7, 10**7)


def opened(accounts: Accounts, key: bytes = KEY, tenant: str = "", now: float = 0.0) -> Account:
    account = accounts.open(key, tenant, now)
    assert account is not None
    return account


def accounts_with(limits: Limits) -> Accounts:
    accounts = Accounts()
    accounts.limits = limits
    return accounts


def test_nothing_is_held_without_limits() -> None:
    """Without limits there are no accounts."""
    assert Accounts().open(KEY, "", 0.0) is None


def test_who_shares_what() -> None:
    """A key's connections share all, keys of a tenant its bucket, and all tenants the relay's."""
    tenants = {"a": TenantLimits(key=ONE, total=TEN), "b": TenantLimits(total=TEN)}
    accounts = accounts_with(Limits(relay=HUNDRED, tenants=tenants))
    one, again = opened(accounts, KEY, "a"), opened(accounts, KEY, "a")
    other, stranger = opened(accounts, OTHER, "a"), opened(accounts, bytes([2] * 32), "b")
    assert one is again
    assert one.buckets[0] is not other.buckets[0]
    assert one.buckets[1:] == other.buckets[1:]
    assert stranger.buckets[0] is not one.buckets[1]
    assert stranger.buckets[-1] is one.buckets[-1]


def test_a_client_is_told_the_least() -> None:
    """Of its key's, its tenant's and the relay's limit a client is told the smallest rate and burst."""
    assert KeyLimits(TEN, RateLimit(50_000, 10**6), HUNDRED).told == RateLimit(50_000, 10**6)
    assert KeyLimits(RateLimit(10**6, 70_000), None, ONE).told == RateLimit(100_000, 70_000)
    assert KeyLimits(receive=ONE).told is None


def test_an_account_outlives_its_connections_until_its_buckets_are_full() -> None:
    """Who comes again finds its debt; once that is paid and the bucket full the account is forgotten."""
    accounts = accounts_with(Limits(tenants={"": TenantLimits(key=ONE)}))
    first = opened(accounts)
    first.buckets[0].take(200_000, 0.0)
    accounts.close(KEY, first, 0.0)
    assert opened(accounts, now=1.0) is first
    accounts.close(KEY, first, 1.0)
    accounts.close(OTHER, opened(accounts, OTHER, now=5.0), 5.0)
    assert opened(accounts, now=5.0) is not first


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more keys in debt than are remembered the one that left first is forgotten."""
    monkeypatch.setattr(module, "MAX_REMEMBERED", 3)
    accounts = accounts_with(Limits(tenants={"": TenantLimits(key=ONE)}))
    found = []
    for number in range(4):
        account = opened(accounts, bytes([number] * 32))
        account.buckets[0].take(10**6, 0.0)
        accounts.close(bytes([number] * 32), account, 0.0)
        found.append(account)
    again = [opened(accounts, bytes([number] * 32), now=0.1) for number in range(4)]
    assert [one is other for one, other in zip(found, again, strict=True)] == [False, True, True, True]


def test_other_limits_make_another_account() -> None:
    """When a key's limits change its next connection has buckets of the new ones, and the old account ends quietly."""
    accounts = accounts_with(Limits(tenants={"": TenantLimits(key=ONE)}))
    before = opened(accounts)
    accounts.slowed[KEY] = RateLimit(65_568, 65_568)
    after = opened(accounts)
    assert after is not before
    assert after.limits == KeyLimits(own=RateLimit(65_568, 65_568), receive=RateLimit(65_568, 65_568))
    accounts.close(KEY, before, 0.0)
    assert opened(accounts) is after


def test_a_slow_key_is_not_made_faster() -> None:
    """Who is over a quota never gets more than its usual limit."""
    accounts = accounts_with(Limits(tenants={"": TenantLimits(key=ONE)}))
    accounts.slowed[KEY] = HUNDRED
    assert accounts.limits_of(KEY, "") == KeyLimits(own=ONE, receive=HUNDRED)


def test_connections() -> None:
    """A key, a tenant and the relay have room for so many connections each, and again when one is over."""
    tenants = {"a": TenantLimits(key_connections=2, connections=3)}
    accounts = accounts_with(Limits(connections=5, tenants=tenants))
    assert accounts.too_many("a", 0, 1) is None
    assert accounts.too_many("a", 2, 2) is TooMany.KEY
    for _ in range(3):
        accounts.joined("a")
    assert accounts.too_many("a", 3, 0) is TooMany.TENANT
    assert accounts.too_many("b", 3, 9) is None
    assert accounts.too_many("b", 5, 0) is TooMany.RELAY
    accounts.left("a")
    assert accounts.too_many("a", 2, 0) is None


def test_shares_of_workers() -> None:
    """Each of four workers has a quarter of what is used together, and all of what is a key's."""
    tenants = {"a": TenantLimits(key=ONE, total=HUNDRED, key_connections=2, connections=10)}
    part = Limits(relay=HUNDRED, connections=10, tenants=tenants).share(4)
    assert part.relay == part.of("a").total == RateLimit(2_500_000, 2_500_000)
    assert (part.connections, part.of("a").connections, part.of("a").key_connections) == (3, 3, 2)
    assert part.of("a").key == ONE
