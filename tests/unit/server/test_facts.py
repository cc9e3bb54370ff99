"""What the operator's pages are told that changes seldom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from tailhub.certs.files import Certificate
from tailhub.certs.sources import Loaded
from tailhub.server import facts
from tailhub.server.config import ListenerConfig, RelayConfig
from tailhub.server.served_certificates import ServedCertificates
from tailhub.server.tenant_config import TenantConfig

if TYPE_CHECKING:
    from tailhub.store.journal import Journal

GB = 10**9
ONE, OTHER = bytes(32), bytes((1,)) * 32
NOW = datetime(2026, 11, 27, tzinfo=UTC)
PINNED = Certificate(
    chain_pem=b"",
    key_pem=b"",
    leaf_der=b"",
    not_before=NOW - timedelta(days=10),
    not_after=NOW + timedelta(days=90),
    names=("relay.invalid",),
    ips=("192.0.2.1",),
    pin="sha256-raw:" + "5c" * 32,
    self_signed=True,
    chain_length=1,
    issuer="CN=relay.invalid",
)


class Books:
    """What keys and tenants have used: bytes in, bytes out."""

    def __init__(self, used: Mapping[tuple[str, bytes | None], tuple[int, int]]) -> None:
        self._used = used

    def used(self, tenant: str, key: bytes | None = None) -> tuple[int, int]:
        return self._used.get((tenant, key), (0, 0))

    def keys(self) -> Iterable[tuple[str, bytes]]:
        return [(tenant, key) for tenant, key in self._used if key is not None]


def quotas(config: RelayConfig, used: Mapping[tuple[str, bytes | None], tuple[int, int]] | None = None) -> Any:
    journal = cast("Journal", Books(used)) if used is not None else None
    return asyncio.run(facts.quota_facts(config, journal))


def test_quotas() -> None:
    """Tenants and keys that have a quota are told with what they have used and its price, the most used key first."""
    config = RelayConfig(
        quota_key_gb=10, price_per_gb=0.5, currency="EUR", more_tenants=(TenantConfig("friends", quota_tenant_gb=100),)
    )
    used = {
        ("", None): (0, 11 * GB),
        ("", ONE): (0, 2 * GB),
        ("", OTHER): (7 * GB, 9 * GB),
        ("friends", None): (0, 100 * GB),
        ("friends", ONE): (0, 100 * GB),
    }
    told = quotas(config, used)
    assert (told["currency"], told["price_per_gb"]) == ("EUR", 0.5)
    assert told["period"]["start"] <= time.time() < told["period"]["end"]
    rows = [(row["scope"], row["tenant"], row["key"][:12], row["used_bytes"] // GB) for row in told["quotas"]]
    assert rows == [
        ("tenant", "", "", 11),
        ("tenant", "friends", "", 100),
        ("key", "", "nodekey:0101", 9),
        ("key", "", "nodekey:0000", 2),
    ]
    assert [row["level"] for row in told["quotas"]] == ["ok", "over", "warned", "ok"]
    assert [row["quota_bytes"] // GB for row in told["quotas"]] == [0, 100, 10, 10]
    assert [row["cost"] for row in told["quotas"]] == [5.5, 50.0, 4.5, 1.0]


def test_without_quotas() -> None:
    """Where there is neither quota nor price there is nothing to tell, nor where nothing is kept."""
    assert quotas(RelayConfig(), {("", None): (0, GB), ("", ONE): (0, GB)})["quotas"] == []
    assert quotas(RelayConfig(quota_key_gb=1))["quotas"] == []


def test_so_many_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many keys those are told that have used the most."""
    monkeypatch.setattr(facts, "MOST_QUOTAS", 3)
    used = {("", bytes((number,)) * 32): (0, number * GB) for number in range(1, 50)}
    told = quotas(RelayConfig(quota_key_gb=10), used)
    assert [row["used_bytes"] // GB for row in told["quotas"]] == [49, 48, 47]


def test_certificates() -> None:
    """Each certificate of each listener is told: names, dates, days left, where it is from, the pin if it has one."""
    of_a_ca = replace(PINNED, names=("derp.example.com",), self_signed=False, issuer="CN=R3")
    config = RelayConfig(
        listen=":443", more_listeners=(ListenerConfig(listen=":8443", tls=False), ListenerConfig(listen=":9443"))
    )
    served = ServedCertificates(
        [Loaded((PINNED, of_a_ca)), None, Loaded((PINNED,))], lambda certificate: cast("Any", 0)
    )
    told = cast("list[Any]", facts.certificate_facts(config, served, NOW))
    assert [(row["listener"], row["pinned"], row["cert_name"]) for row in told] == [
        (":443", True, PINNED.pin),
        (":443", False, "derp.example.com"),
        (":9443", True, PINNED.pin),
    ]
    assert (told[0]["names"], told[0]["days_left"], told[0]["source"]) == (["relay.invalid", "192.0.2.1"], 90, "pinned")
    assert told[1]["issuer"] == "CN=R3"
