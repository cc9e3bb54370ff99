"""Several workers as one relay, by examples; ``test_relay_random.py`` has the rule behind them."""

from __future__ import annotations

import struct

import pytest

from support.fleet_world import FleetWorld
from support.world import DISCO, Gone, Packet, Present, World, key_of
from tailhub.derp.frames import HEADER
from tailhub.exceptions import FrameError
from tailhub.relay.elsewhere import Claim, Elsewhere
from tailhub.relay.relay import Relay
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant
from tailhub.relay.worker_link import LIMITS, MAX_RECORD, WorkerLink

NAMELESS = Tenant("", 0, Stats())


class Line:
    """A link's sink that notes what it is told."""

    def __init__(self) -> None:
        self.wakes = 0
        self.closed: list[str] = []

    def wake(self) -> None:
        self.wakes += 1

    def close(self, reason: str) -> None:
        self.closed.append(reason)

    def read_now(self) -> None:
        """Nothing has come."""


class Forwarder:
    """A forwarder that keeps nothing."""

    def forward(
        self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant, hops: int = 0
    ) -> None:
        raise AssertionError("nothing is forwarded here")


# --- keys that are elsewhere ------------------------------------------------------------------------------------------


def test_the_latest_claim_is_the_best() -> None:
    """Of several forwarders with one key packets go to the one where it was active last."""
    one, two = Forwarder(), Forwarder()
    elsewhere = Elsewhere()
    elsewhere.put(b"k", Claim(one, 1.0))
    elsewhere.put(b"k", Claim(two, 3.0))
    assert elsewhere.routes[b"k"].forwarder is two
    elsewhere.put(b"k", Claim(one, 2.0))
    assert elsewhere.routes[b"k"].forwarder is two
    elsewhere.put(b"k", Claim(one, 4.0))
    assert elsewhere.routes[b"k"].forwarder is one


def test_a_key_is_nowhere_when_its_last_forwarder_has_lost_it() -> None:
    """Removing tells whether anybody still has the key; forwarders that never had it do not matter."""
    one, two, three = Forwarder(), Forwarder(), Forwarder()
    elsewhere = Elsewhere()
    elsewhere.put(b"k", Claim(one, 1.0))
    elsewhere.put(b"k", Claim(two, 2.0))
    assert not elsewhere.remove(b"k", three)
    assert not elsewhere.remove(b"k", two)
    assert elsewhere.routes[b"k"].forwarder is one
    assert not elsewhere.remove(b"k", two)
    assert elsewhere.remove(b"k", one)
    assert b"k" not in elsewhere
    assert elsewhere.remove(b"k", one)


def test_all_keys_of_a_forwarder_are_found() -> None:
    """Also those to which another one has the better claim."""
    one, two = Forwarder(), Forwarder()
    elsewhere = Elsewhere()
    elsewhere.put(b"a", Claim(one))
    elsewhere.put(b"b", Claim(two))
    elsewhere.put(b"c", Claim(one, 1.0))
    elsewhere.put(b"c", Claim(two, 2.0))
    assert sorted(elsewhere.keys_of(one)) == [b"a", b"c"]
    assert sorted(elsewhere.keys_of(two)) == [b"b", b"c"]


# --- examples ---------------------------------------------------------------------------------------------------------


def test_a_packet_crosses_once_and_is_counted_once() -> None:
    """It is received at one worker, sent at the other, and nowhere else."""
    world = FleetWorld(2)
    world.login("a")
    world.login("b")
    world.send("a", "b", b"hello", times=3)
    assert world.frames("b") == [Packet("a", b"hello")] * 3
    stats = [relay.stats for relay in world.relays]
    assert [each.packets_received for each in stats] == [3, 0]
    assert [each.forwarded for each in stats] == [3, 0]
    assert [each.packets_sent for each in stats] == [0, 3]
    assert [each.bytes_sent for each in stats] == [0, 15]


def test_who_has_just_logged_in_is_found_before_the_link_was_read() -> None:
    """A sender's worker takes in what others have told it before it drops a packet for want of a receiver."""
    world = FleetWorld(2)
    world.login("a")
    settle, world.settle = world.settle, lambda: None  # type: ignore[method-assign]
    world.login("b")
    world.links[1, 0].write(world.now)  # told, and not read
    assert key_of("b") not in world.relays[0].presence.elsewhere
    world.settle = settle  # type: ignore[method-assign]
    world.send("a", "b", b"hello")
    assert world.frames("b") == [Packet("a", b"hello")]


def test_a_dead_worker_takes_its_clients_from_all_others() -> None:
    """Clients elsewhere are told that its clients are gone, and packets for them are dropped."""
    world = FleetWorld(3)
    for name in "abc":
        world.login(name)
    world.send("b", "a", b"1")
    world.send("b", "c", b"1")
    assert world.frames("a") == world.frames("c") == [Packet("b", b"1")]
    assert world.kill_worker(1) == ["b"]
    assert world.frames("a") == world.frames("c") == [Gone("b")]
    world.send("a", "b", b"2")
    assert world.dropped() == {("unknown_dest", "other"): 1}
    world.send("a", "c", b"3")
    assert world.frames("c") == [Packet("a", b"3")]


def test_a_new_worker_learns_who_is_there() -> None:
    """The worker that takes a dead one's place reaches everybody, and is reached."""
    world = FleetWorld(3)
    for name in "abc":
        world.login(name)
    world.kill_worker(2)
    world.login("d")
    world.login("e")
    world.login("f")  # at the new worker
    assert world.worker_of("f") == 2
    for name in "abde":
        world.send("f", name, b"x")
        assert world.frames(name) == [Packet("f", b"x")]
        world.send(name, "f", b"y")
        assert world.frames("f") == [Packet(name, b"y")]


def test_a_watcher_is_told_of_all_workers() -> None:
    """Presence at one worker is that of all: who is there, who comes, who goes."""
    world = FleetWorld(2)
    world.login("m", mesh=True)
    world.login("a")
    world.watch("m")
    assert sorted(world.frames("m")) == [Present("a"), Present("m", 2)]  # type: ignore[type-var]
    world.login("b")
    world.login("c")
    world.leave("a")
    assert world.frames("m") == [Present("b"), Present("c"), Gone("a")]


def test_a_mesh_peer_reaches_clients_of_all_workers() -> None:
    """A packet that comes over the mesh is handed to another worker, never to another relay."""
    world = FleetWorld(2)
    world.login("m", mesh=True)
    world.login("a")
    world.forward("m", "far away", "a", b"x")
    assert world.frames("a") == [Packet("far away", b"x")]


def test_connections_of_one_key_that_take_turns_are_told_of_once_each() -> None:
    """A watcher at another worker learns of each login, not of each change between them, which may be frequent."""
    world = FleetWorld(2)
    world.login("m", mesh=True)
    world.watch("m")
    world.frames("m")
    world.login("x", key="k", port=1)
    world.login("here")
    world.login("y", key="k", port=2)
    assert [frame for frame in world.frames("m") if frame[0] == "k"] == [
        Present("k", 1, "192.0.2.1 1"),
        Present("k", 1, "192.0.2.1 2"),
    ]
    for name in ("x", "y", "x"):
        world.send(name, "here", b"1")
    assert world.frames("m") == []
    world.send("here", "k", b"2")
    assert world.frames("x") == [Packet("here", b"2")]


def test_disco_keeps_its_lane_across_workers() -> None:
    """A disco packet overtakes data on its way to another worker's client, as it does at one worker."""
    world = FleetWorld(2)
    world.login("a")
    world.login("b")
    world.send("a", "b", b"data")
    world.send("a", "b", DISCO)
    assert world.frames("b") == [Packet("a", DISCO), Packet("a", b"data")]


def test_a_packet_for_a_client_that_has_just_left_is_dropped_and_counted() -> None:
    """The other worker finds nobody: forwarded packets are not sent on."""
    world = World()
    world.relay.deliver(key_of("nobody"), b"\x05" + bytes(36 + 5), 1, False, world.now, world.relay.tenants.named(""))
    assert world.dropped() == {("unknown_dest_on_fwd", "other"): 1}


# --- a link that is in trouble ----------------------------------------------------------------------------------------


def test_a_link_that_is_not_read_is_bounded() -> None:
    """Of packets the oldest are dropped and counted; presence must not be lost, so without room the link ends."""
    line = Line()
    link = WorkerLink(Relay(), line)
    for _ in range(2000):
        link.forward(1.0, bytes(32), bytes(32768), 30, False, NAMELESS)
    assert sum(link.stats.packets_dropped.values()) > 0
    taken = len(link.queue.take(1.0, 1 << 40))
    assert taken <= LIMITS.data_bytes
    frame = bytes(1 << 20)
    for _ in range(65):
        link.put_present(frame, 1.0, NAMELESS)
    assert line.closed == ["write: the other worker does not read"] * len(line.closed)
    assert line.closed


@pytest.mark.parametrize(
    "record",
    [
        HEADER.pack(99, 0),
        HEADER.pack(1, 3) + b"abc",
        HEADER.pack(2, 3) + b"abc",
        HEADER.pack(3, 31) + bytes(31),
        HEADER.pack(4, 33) + bytes(33),
        HEADER.pack(1, MAX_RECORD + 1),
    ],
)
def test_what_cannot_be_understood_ends_the_link(record: bytes) -> None:
    """Unknown types and wrong lengths are errors, and nothing endless is waited for."""
    buffer = bytearray(record)
    with pytest.raises(FrameError):
        WorkerLink(Relay(), Line()).receive(buffer, len(buffer), 1.0)


def test_records_may_come_in_pieces() -> None:
    """Whatever is not whole yet is left for the next read."""
    world = World()
    world.login("b")
    sender = WorkerLink(Relay(), Line())
    run = struct.pack(">BI32s", 5, 33, key_of("b")) + b"x"
    sender.forward(world.now, key_of("b"), run, 1, False, NAMELESS)
    data = sender.queue.take(world.now, 1 << 20)
    receiver = WorkerLink(world.relay, Line())
    for size in range(len(data)):
        assert receiver.receive(bytearray(data[:size]), size, 1.0) == 0
    assert receiver.receive(bytearray(data), len(data), 1.0) == len(data)
    assert world.frames("b") == [Packet("b", b"x")]
