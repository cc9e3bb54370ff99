from __future__ import annotations

import random
from collections import Counter
from ipaddress import ip_address

import pytest

from tailhub.relay.admission import Answer, Verdict
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.relay.refusals import Refusal, Refusals, Sighting, Sightings, replaced_by

HOME, FRIEND = ip_address("192.0.2.7"), ip_address("198.51.100.9")
NO = (Verdict("allow list", Answer.REFUSED),)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def numbers(refusals: Refusals) -> list[tuple[int, bytes]]:
    return [(one.number, one.key) for one in refusals.listed()]


def test_who_was_refused() -> None:
    """Of each key it is known how often, from where last, when, and what verifiers said the last time."""
    refusals = Refusals()
    refusals.note(key(1), HOME, (), 10.0)
    refusals.note(key(1), FRIEND, NO, 30.0)
    (refusal,) = refusals.listed()
    assert (refusal.count, refusal.address, refusal.first_at, refusal.last_at) == (2, FRIEND, 10.0, 30.0)
    assert refusal.verdicts == NO


def test_numbers_stay() -> None:
    """A number is its key's as long as it is on record, whoever comes and goes, and is nobody else's afterwards."""
    refusals = Refusals()
    for number in (1, 2, 3):
        refusals.note(key(number), HOME, NO, float(number))
    assert numbers(refusals) == [(1, key(1)), (2, key(2)), (3, key(3))]
    refusals.forget(key(1))
    refusals.note(key(2), HOME, NO, 9.0)
    refusals.note(key(1), HOME, NO, 10.0)
    assert numbers(refusals) == [(2, key(2)), (3, key(3)), (4, key(1))]
    assert refusals.by_number(1) is None


def test_a_number_that_nobody_was_shown() -> None:
    """It stands for nobody: whoever writes it may have seen it before a restart, for another key."""
    refusals = Refusals()
    refusals.note(key(1), HOME, NO, 1.0)
    assert refusals.by_number(1) is None
    refusals.listed()
    refusals.note(key(1), HOME, NO, 2.0)
    found = refusals.by_number(1)
    assert found is not None
    assert found.key == key(1)


def test_what_is_asked_again_is_no_attempt() -> None:
    """A second look at somebody who waits is not counted as another attempt, and makes no entry."""
    refusals = Refusals()
    refusals.note(key(1), HOME, NO, 1.0, again=True)
    assert len(refusals) == 0
    refusals.note(key(1), HOME, NO, 1.0)
    refusals.note(key(1), HOME, (), 5.0, again=True)
    (refusal,) = refusals.listed()
    assert (refusal.count, refusal.last_at, refusal.verdicts) == (1, 5.0, ())


def test_a_flood_of_keys_from_one_place() -> None:
    """Whoever comes with ever new keys pushes out their own, not a friend's; a /64 is one place."""
    refusals = Refusals(most=5)
    refusals.note(key(1), FRIEND, NO, 1.0)
    for number in range(100, 150):
        refusals.note(key(number), ip_address(f"2001:db8::{number}"), NO, float(number))
    assert [one.key for one in refusals.listed()] == [key(1), *(key(number) for number in range(146, 150))]
    assert refusals.dropped == 46


@pytest.mark.parametrize("count", [5, 6])
def test_longest_unseen_goes_first(count: int) -> None:
    """Of equal ones whoever was refused the longest time ago gives way."""
    refusals = Refusals(most=5)
    for number in range(1, count + 1):
        refusals.note(key(number), HOME, NO, float(number))
        refusals.note(key(1), HOME, NO, number + 0.5)
    assert key(1) in refusals
    assert (key(2) in refusals) is (count == 5)


def test_who_gives_way_of_many() -> None:
    """Whatever has been noted and forgotten, it is the longest unseen key of a source that has the most."""
    rng = random.Random(1)
    refusals, places = Refusals(most=20), [ip_address(f"2001:db8:{number}::1") for number in range(4)]
    expected: list[tuple[int, int]] = []  # key and place, who was refused last is last
    for at in range(2000):
        number, place = rng.randrange(60), rng.choice(places)
        expected = [one for one in expected if one[0] != number]
        if rng.random() < 0.2:
            refusals.forget(key(number))
            continue
        refusals.note(key(number), place, NO, float(at))
        gone = [one for one in expected if key(one[0]) not in refusals]
        if len(expected) == 20:
            ((_, source),) = gone
            counts = Counter(one[1] for one in expected)
            assert counts[source] == max(counts.values())
            assert gone[0] == next(one for one in expected if one[1] == source)
        else:
            assert not gone
        expected = [one for one in expected if one not in gone] + [(number, places.index(place))]
        assert [*refusals] == [key(one[0]) for one in expected]


def test_changes() -> None:
    """What is to be kept is told once: entries as they are last, and keys that are no more."""
    refusals = Refusals()
    for at in (1.0, 2.0):
        refusals.note(key(1), HOME, NO, at)
    refusals.note(key(2), HOME, NO, 3.0)
    kept, gone = refusals.take_changes()
    assert [(one.key, one.count) for one in kept] == [(key(1), 2), (key(2), 1)]
    assert gone == []
    refusals.forget(key(2))
    assert not refusals.forget(key(2))
    assert refusals.take_changes() == ([], [key(2)])
    assert refusals.take_changes() == ([], [])


def test_what_was_kept() -> None:
    """Refusals of an earlier life come back under new numbers, and are no changes."""
    kept = [Refusal(key(n), n * 7, HOME, 1.0, float(n), n, NO, is_listed=True) for n in (3, 2, 1)]
    refusals = Refusals(most=2)
    refusals.load(kept)
    assert refusals.by_number(21) is None
    assert numbers(refusals) == [(1, key(2)), (2, key(3))]
    assert refusals.take_changes() == ([], [])
    refusals.note(key(9), HOME, NO, 9.0)
    assert numbers(refusals)[-1] == (3, key(9))


def test_sightings_are_bounded() -> None:
    """The longest unseen is forgotten."""
    sightings = Sightings(most=2)
    for number in (1, 2, 1, 3):
        sightings.note(key(number), Sighting(HOME, float(number), ()))
    assert [*sightings] == [key(1), key(3)]
    assert sightings.get(key(2)) is None


OLD = {key(1): AllowedKey(key(1), "alice-phone"), key(2): AllowedKey(key(2), "bob")}


def replacement(
    refusal: Refusal, seen: dict[int, tuple[str, float]], connected: tuple[bytes, ...] = ()
) -> tuple[str, str] | None:
    sightings = Sightings()
    for number, (address, at) in seen.items():
        sightings.note(key(number), Sighting(ip_address(address), at, ()))
    found = replaced_by(refusal, OLD, sightings, connected)
    return (found.entry.name, found.reason) if found is not None else None


def test_a_new_key_from_the_same_address() -> None:
    """It probably replaces the allowed key that was last there, unless that is here or has come since."""
    refusal = Refusal(key(9), 1, HOME, 100.0, 200.0, 5, NO)
    assert replacement(refusal, {}) is None
    assert replacement(refusal, {1: ("192.0.2.7", 50.0)}) == ("alice-phone", "address")
    assert replacement(refusal, {1: ("192.0.2.8", 50.0)}) is None
    assert replacement(refusal, {1: ("192.0.2.7", 150.0)}) is None
    assert replacement(refusal, {1: ("192.0.2.7", 50.0)}, (key(1),)) is None
    assert replacement(refusal, {1: ("192.0.2.7", 50.0), 2: ("192.0.2.7", 60.0)}) == ("bob", "address")


def test_ipv6_hosts_of_one_network() -> None:
    """Devices change their address within a /64 all the time."""
    refusal = Refusal(key(9), 1, ip_address("2001:db8::2"), 100.0, 200.0, 5, NO)
    assert replacement(refusal, {1: ("2001:db8::1", 50.0)}) == ("alice-phone", "address")
    assert replacement(refusal, {1: ("2001:db8:0:1::1", 50.0)}) is None


def test_a_new_key_with_the_same_name() -> None:
    """A verifier that knows the device's name tells more than an address."""
    verdicts = (Verdict("tailscaled", Answer.ADMITTED, "alice-phone"), *NO)
    refusal = Refusal(key(9), 1, HOME, 100.0, 200.0, 5, verdicts)
    assert replacement(refusal, {2: ("192.0.2.7", 50.0)}) == ("alice-phone", "name")
    assert replacement(refusal, {}, (key(1),)) is None
