"""The limit for plain requests, with a clock of the tests' own."""

from __future__ import annotations

from ipaddress import ip_address

from tailhub.stun.limits import SourceLimit


def packed(text: str) -> bytes:
    return ip_address(text).packed


def allowed(limit: SourceLimit, source: bytes, times: int, now: float) -> int:
    return sum(limit.allow(source, now) for _ in range(times))


def test_burst_then_rate() -> None:
    """A source gets its burst at once, then one answer for each interval, and never more than the burst saved."""
    limit = SourceLimit(answers_per_s=10.0, burst=30.0)
    source = packed("192.0.2.1")
    assert allowed(limit, source, 100, 5.0) == 30
    assert allowed(limit, source, 100, 5.5) == 5
    assert allowed(limit, source, 100, 1000.0) == 30


def test_sources_are_apart() -> None:
    """One IPv4 address that asks too often takes nothing from its neighbour."""
    limit = SourceLimit(answers_per_s=1.0, burst=2.0)
    assert allowed(limit, packed("192.0.2.1"), 10, 0.0) == 2
    assert allowed(limit, packed("192.0.2.2"), 10, 0.0) == 2


def test_ipv6_by_network() -> None:
    """All addresses of one IPv6 /64 share a bucket, those of the next /64 have another."""
    limit = SourceLimit(answers_per_s=1.0, burst=3.0)
    assert sum(limit.allow(packed(f"2001:db8:0:1::{n}"), 0.0) for n in range(1, 10)) == 3
    assert limit.allow(packed("2001:db8:0:2::1"), 0.0)
    assert len(limit) == 2


def test_mapped_is_ipv4() -> None:
    """An IPv4-mapped address is counted as the IPv4 address."""
    limit = SourceLimit(answers_per_s=1.0, burst=1.0)
    assert limit.allow(packed("::ffff:192.0.2.1"), 0.0)
    assert not limit.allow(packed("192.0.2.1"), 0.0)
    assert limit.allow(packed("::ffff:192.0.2.2"), 0.0)


def test_table_is_bounded() -> None:
    """The table keeps the sources that asked last, and forgets the one that asked longest ago."""
    limit = SourceLimit(answers_per_s=0.001, burst=1.0, max_sources=3)
    first, second, third, fourth = (packed(f"192.0.2.{n}") for n in range(1, 5))
    assert all(limit.allow(source, 0.0) for source in (first, second, third))
    assert not limit.allow(first, 1.0)
    assert limit.allow(fourth, 1.0)
    assert len(limit) == 3
    assert not limit.allow(first, 1.0)
    assert limit.allow(second, 1.0)


def test_many_sources() -> None:
    """Ten thousand sources leave no more rows than the limit."""
    limit = SourceLimit()
    for n in range(10_000):
        limit.allow(n.to_bytes(4, "big"), 0.0)
    assert len(limit) == 4096
