"""Who may be held: one a key, some an address, so many together."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tailhub.relay.held import ADDRESS_SHARE, HeldLogins, Source

HERE: Source = ip_address("192.0.2.7")


def keys(count: int) -> list[bytes]:
    return [number.to_bytes(32) for number in range(count)]


def fill(held: HeldLogins[str], count: int, source: Source, first: int = 0) -> None:
    """Hold as many as may be, up to `count`."""
    for key in keys(first + count)[first:]:
        if held.has_room(key, source):
            held.add(key.hex(), key, source)


def test_so_many_together() -> None:
    """Beyond the bound nobody is held until somebody has left."""
    held: HeldLogins[str] = HeldLogins(2)
    one, two, three = keys(3)
    held.add("one", one, None)
    held.add("two", two, None)
    assert not held.has_room(three, None)
    held.discard(one)
    assert held.has_room(three, None)
    assert list(held) == ["two"]


def test_none_at_all() -> None:
    """With a bound of 0 nobody is held."""
    assert not HeldLogins[str](0).has_room(bytes(32), None)


def test_a_key_has_one() -> None:
    """Another login with a key that is held finds room even when all is full: the earlier one gives way to it."""
    held: HeldLogins[str] = HeldLogins(1)
    key = bytes(32)
    held.add("first", key, HERE)
    assert held.has_room(key, HERE)
    assert held.has_room(key, ip_address("192.0.2.8"))
    held.discard(key)
    held.add("second", key, HERE)
    assert held.of_key(key) == "second"
    assert len(held) == 1


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("2001:db8::7", "2001:db8::ffff:1", "2001:db8:0:1::7"),
    ],
)
def test_an_address_has_its_share(one: str, same: str, other: str) -> None:
    """One address, or one /64 of IPv6, holds no more than its share; others still find room."""
    held: HeldLogins[str] = HeldLogins(10 * ADDRESS_SHARE)
    fill(held, 100, ip_address(one))
    assert len(held) == 10
    assert not held.has_room(keys(200)[-1], ip_address(same))
    assert held.has_room(keys(200)[-1], ip_address(other))
    held.discard(bytes(32))
    assert held.has_room(keys(200)[-1], ip_address(same))


def test_an_unknown_address_has_no_share() -> None:
    """Those whose address nobody tells, such as behind a proxy, share the bound of all."""
    held: HeldLogins[str] = HeldLogins(100)
    fill(held, 200, None)
    assert len(held) == 100
