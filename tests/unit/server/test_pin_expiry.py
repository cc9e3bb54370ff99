"""Warning of a pin that expires."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from tailhub.certs.files import Certificate
from tailhub.server.pin_expiry import ExpiryWatch

NOW = datetime(2036, 1, 2, tzinfo=UTC)


def certificate(days: float, *, pinned: bool = True) -> Certificate:
    end = NOW + timedelta(days=days)
    names = ("derp.example.com",)
    return Certificate(b"", b"", b"", NOW - timedelta(days=900), end, names, (), "sha256-raw:00", pinned, 1)


def test_clients_are_told_a_year_ahead() -> None:
    """Clients of a listener whose pinned certificate has less than a year left are told the date, others nothing."""
    certificates = [certificate(400), certificate(364.5), None, certificate(-1), certificate(10, pinned=False)]
    health = ExpiryWatch().look(certificates, NOW)
    assert sorted(health) == [1, 3]
    assert "expires on 2036-12-31" in health[1]
    assert "has expired on 2036-01-01" in health[3]
    assert max(map(len, health.values())) < 120


def test_the_log_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """When the last year begins while the relay runs the log says so once; at the start the first screen does."""
    caplog.set_level(logging.INFO, "tailhub")
    watch, other = ExpiryWatch(), ExpiryWatch(logs=False)
    for days in (366, 365.5, 364.5, 364.0):
        watch.look([certificate(days)], NOW)
        other.look([certificate(days)], NOW)
    ended = certificate(364.5)
    for _ in range(3):
        watch.look([ended], NOW)
    lines = [record.getMessage() for record in caplog.records]
    assert len(set(lines)) == len(lines)
    assert all("tailhub cert renew" in line for line in lines)
    first = ExpiryWatch()
    caplog.clear()
    first.look([ended], NOW)
    first.look([ended], NOW)
    assert caplog.records == []
