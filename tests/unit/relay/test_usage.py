"""Who has used how much, by device and by pair."""

from __future__ import annotations

import pytest

from support.fleet_world import FleetWorld
from support.other_relay import OtherRelay
from support.world import World, key_of
from tailhub.relay import usage
from tailhub.relay.send_queue import RUN_COST, QueueLimits
from tailhub.relay.usage import NOBODY


def _taken(world: World) -> dict[tuple[str, str], tuple[int, int, int]]:
    """What has been used, with names for keys: packets, bytes in and out; `-` stands for nobody."""
    names = {key_of(name): name for name in "abc"} | {NOBODY: "-"}
    world.relay.presence.usage.gather(world.relay.registry)
    rows = world.relay.presence.usage.take(100)
    return {(names[row.src], names[row.dst]): (row.packets, row.in_bytes, row.out_bytes) for row in rows}


def _world(*names: str, limits: QueueLimits | None = None) -> World:
    world = World(limits)
    world.relay.presence.usage.is_on = True
    for name in names:
        world.login(name)
    return world


def test_what_a_pair_used_is_counted_once() -> None:
    """Each gathering has what was sent since the last."""
    world = _world("a", "b")
    world.send("a", "b", b"12345")
    world.send("a", "b", b"123")
    assert _taken(world) == {("a", "b"): (2, 8, 8)}
    assert _taken(world) == {}
    world.send("b", "a", b"1")
    assert _taken(world) == {("b", "a"): (1, 1, 1)}


def test_packets_for_nobody_count_for_their_sender() -> None:
    """What was sent to a key that is not here came in all the same; nothing went out."""
    world = _world("a")
    world.send("a", "b", b"12345")
    assert _taken(world) == {("a", "-"): (1, 5, 0)}
    assert _taken(world) == {}


def test_of_two_relays_each_counts_what_its_own_client_uses() -> None:
    """What is forwarded to another relay has come in here, what is forwarded here goes out; a drop takes that off."""
    world = _world("a", limits=QueueLimits(data_bytes=2 * (RUN_COST + 42)))
    other = OtherRelay(world, "m")
    other.has("b")
    world.send("a", "b", b"12345", times=2)
    assert _taken(world) == {("a", "b"): (2, 10, 0)}
    world.login("m", mesh=True)
    world.forward("m", "b", "a", b"123")
    assert _taken(world) == {("b", "a"): (0, 0, 3)}
    for _ in range(5):
        world.forward("m", "b", "a", b"12345")
    assert _taken(world) == {("b", "a"): (0, 0, 7)}  # of 25 and the 3 that waited


def test_a_source_that_has_moved_to_another_relay_is_not_counted_twice() -> None:
    """What was sent from here and what is forwarded from there are told apart, though it is one pair."""
    world = _world("a", "b")
    world.send("b", "a", b"12345")
    world.login("m", mesh=True)
    world.forward("m", "b", "a", b"123")
    assert _taken(world) == {("b", "a"): (1, 5, 8)}


def test_what_another_relay_forwards_has_not_come_in_at_another_worker_either() -> None:
    """Also when the worker that has the client is not the one that another relay talks to."""
    world = FleetWorld(2)
    for relay in world.relays:
        relay.presence.usage.is_on = True
    world.login("m", mesh=True)
    world.login("a")
    world.forward("m", "b", "a", b"123")
    world.relay = next(relay for relay in world.relays if key_of("a") in relay.registry.active)
    assert _taken(world) == {("b", "a"): (0, 0, 3)}


def test_it_can_be_taken_in_parts() -> None:
    """So many rows at a time, each once."""
    world = _world("a", "b", "c")
    world.send("a", "b", b"1")
    world.send("b", "c", b"12")
    world.send("c", "a", b"123")
    used = world.relay.presence.usage
    used.gather(world.relay.registry)
    parts = [used.take(2), used.take(2), used.take(2)]
    assert [len(part) for part in parts] == [2, 1, 0]
    assert sorted(row.in_bytes for part in parts for row in part) == [1, 2, 3]


def test_what_was_dropped_did_not_go_out() -> None:
    """Packets that a full queue has dropped came in and were not written."""
    world = _world("a", "b", limits=QueueLimits(data_bytes=2 * (RUN_COST + 42)))
    for _ in range(5):
        world.send("a", "b", b"12345")
    assert _taken(world) == {("a", "b"): (5, 25, 10)}


@pytest.mark.parametrize("leaver", ["a", "b"])
def test_nothing_is_lost_when_a_client_leaves(leaver: str) -> None:
    """What was used before one of a pair left is still there at the next gathering."""
    world = _world("a", "b")
    world.send("a", "b", b"12345")
    world.frames("b")
    world.leave(leaver)
    assert _taken(world) == {("a", "b"): (1, 5, 5)}


def test_what_waits_for_a_client_that_leaves_is_not_written() -> None:
    """Of what was sent to a client that left before it was written only the coming in is counted."""
    world = _world("a", "b")
    world.send("a", "b", b"12345")
    world.leave("b")
    assert _taken(world) == {("a", "b"): (1, 5, 0)}


def test_nothing_is_kept_while_nobody_wants_to_know() -> None:
    """Off, gathering and leaving keep nothing."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"12345")
    world.leave("a")
    assert _taken(world) == {}


def test_pairs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many pairs the further ones are not told apart, but nothing that was used is missing."""
    monkeypatch.setattr(usage, "MOST_PAIRS", 1)
    world = _world("a", "b", "c")
    world.send("a", "b", b"1")
    world.send("a", "c", b"1")
    world.send("b", "c", b"1")
    taken = _taken(world)
    assert taken[("-", "-")] == (2, 2, 2)
    assert len(taken) == 2
