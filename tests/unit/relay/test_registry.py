from __future__ import annotations

from ipaddress import IPv4Address

from tailhub.relay.connection import Connection, Identity
from tailhub.relay.registry import Registry
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant


class _Sink:
    def wake(self) -> None:
        raise AssertionError("the registry wakes nobody")

    def close(self, reason: str) -> None:
        raise AssertionError("the registry closes nobody")


def connection(key: str) -> Connection:
    """A connection with this key."""
    identity = Identity(key=key.encode().ljust(32), connection_id=1, address=IPv4Address("192.0.2.1"), port=1)
    return Connection(identity, SendQueue(QueueLimits(), QueuedBytes(), Stats()), _Sink(), Tenant("", 0, Stats()))


def test_an_empty_registry_knows_nobody() -> None:
    """A key that never came has no connections."""
    registry = Registry()
    assert list(registry) == []
    assert registry.of_key(bytes(32)) == ()
    assert registry.count == 0


def test_add_tells_whether_the_key_is_new() -> None:
    """The first connection of a key is the first, another one is not."""
    registry = Registry()
    assert registry.add(connection("a"))
    assert registry.add(connection("b"))
    assert not registry.add(connection("a"))
    assert registry.count == 3


def test_remove_tells_whether_the_key_has_left() -> None:
    """Only the removal of a key's last connection means that the key has left."""
    registry = Registry()
    first, second = connection("a"), connection("a")
    registry.add(first)
    registry.add(second)
    assert not registry.remove(second)
    assert registry.remove(first)
    assert registry.count == 0
    assert first.key not in registry.active


def test_iteration_gives_every_connection_once() -> None:
    """All connections are listed, duplicates too, none twice."""
    registry = Registry()
    connections = [connection(key) for key in ("a", "b", "a", "c", "a")]
    for each in connections:
        registry.add(each)
    assert len(list(registry)) == 5
    assert set(registry) == set(connections)


def test_of_key_gives_all_connections_of_a_key() -> None:
    """The connections of one key, whether it has one or several."""
    registry = Registry()
    one, two, other = connection("a"), connection("a"), connection("b")
    registry.add(one)
    assert registry.of_key(one.key) == (one,)
    registry.add(two)
    registry.add(other)
    assert set(registry.of_key(one.key)) == {one, two}


def test_connections_know_that_they_share_a_key() -> None:
    """`has_duplicates` is true for all connections of a shared key and goes when only one is left."""
    registry = Registry()
    one, two, three, other = (connection(key) for key in ("a", "a", "a", "b"))
    for each in (one, two, three, other):
        registry.add(each)
    assert [each.has_duplicates for each in (one, two, three, other)] == [True, True, True, False]
    registry.remove(one)
    assert [each.has_duplicates for each in (one, two, three)] == [False, True, True]
    registry.remove(three)
    assert [each.has_duplicates for each in (one, two, three)] == [False, False, False]
    assert registry.active[two.key] is two


def test_activity_of_the_active_one_changes_nothing() -> None:
    """The connection that is active already stays so when it writes."""
    registry = Registry()
    one, two = connection("a"), connection("a")
    registry.add(one)
    registry.add(two)
    registry.note_activity(two)
    assert registry.active[one.key] is two
    registry.note_activity(one)
    assert registry.active[one.key] is one


def test_duplicates_lists_shared_keys_only() -> None:
    """`duplicates` holds the keys with two or more connections, and those connections."""
    registry = Registry()
    one, two, other = connection("a"), connection("a"), connection("b")
    for each in (one, two, other):
        registry.add(each)
    assert {key: set(group) for key, group in registry.duplicates.items()} == {one.key: {one, two}}
    registry.remove(one)
    assert not registry.duplicates
