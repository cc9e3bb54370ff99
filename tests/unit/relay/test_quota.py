"""How keys stand by their quotas: what was used, the moment and the settings are given."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tailhub.relay.billing import GB, Billing
from tailhub.relay.quota import FINE, Level, Quota, Quotas, QuotaState
from tailhub.relay.rate_limit import RateLimit

KEY, OTHER = bytes(32), bytes([1] * 32)
NOW = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
SLOW = RateLimit(125_000, 125_000)


class Ledger:
    """What has been used, in gigabytes in and out, by tenant and key."""

    def __init__(self) -> None:
        self.gb: dict[tuple[str, bytes | None], tuple[float, float]] = {}

    def __call__(self, tenant: str, key: bytes | None) -> tuple[int, int]:
        in_gb, out_gb = self.gb.get((tenant, key), (0.0, 0.0))
        return int(in_gb * GB), int(out_gb * GB)


def state(quota: Quota, ledger: Ledger, billing: Billing | None = None, tenant: str = "") -> QuotaState:
    return Quotas(billing or Billing(), {"": quota}, ledger).state_of(tenant, KEY, NOW)


@pytest.mark.parametrize(
    ("used_gb", "level"),
    [
        (0, Level.FINE),
        (79.99, Level.FINE),
        (80, Level.WARNED),
        (94.99, Level.WARNED),
        (95, Level.NEARLY),
        (99.99, Level.NEARLY),
        (100, Level.OVER),
        (500, Level.OVER),
    ],
)
def test_levels(used_gb: float, level: Level) -> None:
    """A key is warned from 80 % on, again from 95 % on, and over when all is used."""
    ledger = Ledger()
    ledger.gb["", KEY] = (0, used_gb)
    assert state(Quota(key_gb=100, slow=SLOW), ledger).level == level


@pytest.mark.parametrize(("counts", "used_gb"), [("out", 90), ("in", 85), ("both", 175)])
def test_what_is_billed_counts(counts: str, used_gb: float) -> None:
    """Only what the provider bills is held against the quota."""
    ledger = Ledger()
    ledger.gb["", KEY] = (85, 90)
    found = state(Quota(key_gb=100), ledger, Billing(counts=counts))  # type: ignore[arg-type]
    assert found.used_gb == used_gb


def test_the_nearer_of_two_quotas_decides() -> None:
    """Of a key's own quota and its tenant's the one that is used further says how the key stands."""
    ledger = Ledger()
    ledger.gb["", KEY], ledger.gb["", None] = (0, 81), (0, 960)
    found = state(Quota(key_gb=100, tenant_gb=1000), ledger)
    assert (found.level, found.is_tenants, found.used_gb, found.quota_gb) == (Level.NEARLY, True, 960, 1000)
    ledger.gb["", KEY] = (0, 99)
    found = state(Quota(key_gb=100, tenant_gb=1000), ledger)
    assert (found.level, found.is_tenants, found.used_gb) == (Level.NEARLY, False, 99)


def test_no_quota() -> None:
    """Without a quota, or in a tenant that has none, any use is fine."""
    ledger = Ledger()
    ledger.gb["", KEY] = ledger.gb["friends", KEY] = (0, 10**6)
    assert state(Quota(), ledger) == FINE
    assert state(Quota(key_gb=1), ledger, tenant="friends") == FINE


def test_the_next_period_begins_anew() -> None:
    """A state names the end of its period; with nothing used in the next one the key is fine."""
    ledger = Ledger()
    ledger.gb["", KEY] = (0, 100)
    quotas = Quotas(Billing(day=15), {"": Quota(key_gb=100, slow=SLOW)}, ledger)
    found = quotas.state_of("", KEY, NOW)
    assert found.is_over
    assert found.ends == datetime(2026, 12, 15, tzinfo=UTC).timestamp()
    ledger.gb.clear()
    assert quotas.state_of("", KEY, found.ends) == FINE


@pytest.mark.parametrize(
    ("quota", "used_gb", "said"),
    [
        (
            Quota(key_gb=100, slow=SLOW),
            81.25,
            "This device has used 81.2 of 100 GB of this relay's traffic in the month that ends on 2026-12-01. "
            "此设备在 2026-12-01 结束的计费月里已使用此中继流量 81.2 GB，配额 100 GB。",
        ),
        (
            Quota(key_gb=100, slow=SLOW),
            100.5,
            "This device has used 100.5 of 100 GB of this relay's traffic in the month that ends on 2026-12-01; until "
            "then it is slowed to 1 Mbit/s. "
            "此设备在 2026-12-01 结束的计费月里已使用此中继流量 100.5 GB，配额 100 GB；在此之前限速为 1 Mbit/s。",
        ),
        (
            Quota(key_gb=100, refuses=True),
            100,
            "This device has used 100.0 of 100 GB of this relay's traffic in the month that ends on 2026-12-01, and is "
            "refused until then. "
            "此设备在 2026-12-01 结束的计费月里已使用此中继流量 100.0 GB，配额 100 GB，在此之前不能使用。",
        ),
        (Quota(key_gb=100), 5, ""),
    ],
)
def test_what_a_client_is_told(quota: Quota, used_gb: float, said: str) -> None:
    """The text has the figures, the end of the month and what follows, in English and Chinese."""
    ledger = Ledger()
    ledger.gb["", KEY] = (0, used_gb)
    quotas = Quotas(Billing(), {"": quota}, ledger)
    assert quotas.text(quotas.state_of("", KEY, NOW)) == said


def test_quotas_of_tenants() -> None:
    """Each tenant with a quota of its own is told, with what it has used of it; a quota of keys alone is none."""
    ledger = Ledger()
    ledger.gb["friends", None] = (3, 12.5)
    quotas = {"": Quota(key_gb=10), "friends": Quota(key_gb=10, tenant_gb=50), "lab": Quota(tenant_gb=20)}
    assert list(Quotas(Billing(), quotas, ledger).of_tenants()) == [("friends", 12.5, 50), ("lab", 0, 20)]
