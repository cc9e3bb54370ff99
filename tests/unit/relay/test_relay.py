"""Routing, order and bounds, pings and homes. Keys that are shared or leave: `test_relay_keys`; `test_relay_mesh`."""

from __future__ import annotations

import pytest

from support.world import DISCO, Gone, Packet, Pong, World, key_of
from tailhub.derp import frames
from tailhub.derp.frames import FrameType, serialize
from tailhub.relay.send_queue import RUN_COST, QueueLimits

# --- packets ----------------------------------------------------------------------------------------------------------


def test_a_packet_reaches_the_key_it_is_for() -> None:
    """A SendPacket for a key that is connected arrives there as RecvPacket with the sender's key."""
    world = World()
    world.login("a")
    world.login("b")
    world.login("c")
    world.send("a", "b", b"hello")
    assert world.frames("b") == [Packet("a", b"hello")]
    assert world.frames("a") == world.frames("c") == []


def test_packets_of_one_sender_keep_their_order() -> None:
    """Packets of one sender to one key arrive in the order in which they were sent, whatever went elsewhere between."""
    world = World()
    for name in ("a", "b", "c"):
        world.login(name)
    said = b"".join(frames.send_packet(key_of("c" if n % 3 == 0 else "b"), b"%d" % n) for n in range(10))
    world.say("a", said)
    assert world.frames("b") == [Packet("a", b"%d" % n) for n in range(10) if n % 3]
    assert world.frames("c") == [Packet("a", b"%d" % n) for n in range(10) if n % 3 == 0]


def test_an_empty_packet_is_delivered() -> None:
    """A packet of no bytes at all is a packet."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"")
    assert world.frames("b") == [Packet("a", b"")]


def test_the_longest_packet_is_delivered() -> None:
    """A packet of 65,536 bytes passes."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", bytes(65536))
    assert world.frames("b") == [Packet("a", bytes(65536))]


def test_a_packet_to_oneself_is_delivered() -> None:
    """A client may send to its own key."""
    world = World()
    world.login("a")
    world.send("a", "a", b"note")
    assert world.frames("a") == [Packet("a", b"note")]


def test_a_packet_for_an_unknown_key_is_dropped_and_counted() -> None:
    """A packet for a key that is not connected is counted as unknown_dest, and its sender hears nothing."""
    world = World()
    world.login("a")
    world.send("a", "nobody", b"12345")
    assert world.frames("a") == []
    assert world.dropped() == {("unknown_dest", "other"): 1}
    assert world.relay.stats.bytes_dropped["unknown_dest", "other"] == 5


def test_each_connection_knows_what_it_lost() -> None:
    """A connection counts by reason what it sent and nobody got; one whose packets all arrived has no counter."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"hello", 2)
    assert world.connection("a").lost is None
    world.send("a", "nobody", b"hello", 3)
    assert world.connection("a").lost == {"unknown_dest": 3}
    assert world.connection("b").lost is None


def test_packets_and_payload_bytes_are_counted_both_ways() -> None:
    """Received counts what clients sent, sent what left the queues, both without frame headers and keys."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"12345", times=3)
    world.send("a", "nobody", b"1234567")
    stats = world.relay.stats
    assert (stats.packets_received, stats.bytes_received) == (4, 22)
    assert (stats.packets_sent, stats.bytes_sent) == (0, 0)
    world.frames("b")
    assert (stats.packets_sent, stats.bytes_sent) == (3, 15)
    a, b = world.connection("a"), world.connection("b")
    assert (a.received_packets, a.received_bytes) == (4, 22)
    assert (b.queue.taken_packets, b.queue.taken_bytes) == (3, 15)


def test_disco_packets_are_counted_apart() -> None:
    """disco_received is the part of packets_received that is disco."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", DISCO, times=2)
    world.send("a", "b", DISCO[:-1])
    assert (world.relay.stats.packets_received, world.relay.stats.disco_received) == (3, 2)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (serialize(FrameType.SEND_PACKET, bytes(31)), "frame_too_short"),
        (serialize(FrameType.SEND_PACKET, bytes(32 + 65537)), "frame_too_long"),
        (serialize(FrameType.NOTE_PREFERRED, b""), "frame_too_short"),
        (serialize(FrameType.NOTE_PREFERRED, b"\1\1"), "frame_too_long"),
        (serialize(FrameType.PING, bytes(7)), "frame_too_short"),
        (serialize(FrameType.PING, bytes(1001)), "frame_too_long"),
    ],
)
def test_a_frame_of_the_wrong_length_closes_after_what_came_before_it(frame: bytes, reason: str) -> None:
    """A frame that breaks its limits closes the connection; the packets before it in the same read are delivered."""
    world = World()
    world.login("a")
    world.login("b")
    world.say("a", frames.send_packet(key_of("b"), b"last words") + frame)
    assert world.closed == {"a": reason}
    assert world.frames("b") == [Gone("a"), Packet("a", b"last words")]


@pytest.mark.parametrize("frame_type", [FrameType.KEEP_ALIVE, FrameType.PONG, FrameType.CLIENT_INFO, 0x77])
def test_frames_that_mean_nothing_here_are_skipped(frame_type: int) -> None:
    """KeepAlive, Pong and a second ClientInfo from a client are skipped like unknown types, and counted."""
    world = World()
    world.login("a")
    world.login("b")
    world.say("a", serialize(frame_type, bytes(3000)) + frames.send_packet(key_of("b"), b"after"))
    assert world.frames("b") == [Packet("a", b"after")]
    assert world.relay.stats.unknown_frames == 1


# --- Ping -------------------------------------------------------------------------------------------------------------


def test_a_ping_is_answered_with_its_first_8_bytes() -> None:
    """Pong carries the first 8 bytes of a Ping, which may be up to 1,000 long."""
    world = World()
    world.login("a")
    world.ping("a", b"abcdefgh" + bytes(992))
    assert world.frames("a") == [Pong(b"abcdefgh")]


def test_200_pings_in_one_read_get_200_pongs() -> None:
    """Every Ping is answered, in order, as long as the queue of control frames has room."""
    world = World()
    world.login("a")
    world.say("a", b"".join(frames.ping(b"%08d" % number) for number in range(200)))
    assert world.frames("a") == [Pong(b"%08d" % number) for number in range(200)]
    assert (world.relay.stats.got_ping, world.relay.stats.sent_pong) == (200, 200)


def test_pongs_for_a_client_that_does_not_read_are_bounded() -> None:
    """Pings whose Pongs find no room are counted and not answered; the connection stays."""
    world = World(QueueLimits(control_bytes=13 * 10))
    world.login("a")
    world.say("a", frames.ping(bytes(8)) * 25)
    assert world.frames("a") == [Pong(bytes(8))] * 10
    stats = world.relay.stats
    assert (stats.got_ping, stats.sent_pong, stats.control_dropped) == (25, 10, 15)
    world.ping("a")
    assert world.frames("a") == [Pong(b"12345678")]


# --- order and bounds -------------------------------------------------------------------------------------------------


def test_control_goes_before_disco_and_disco_before_data() -> None:
    """What waits for one connection is written in this order, whatever came first."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"data")
    world.send("a", "b", DISCO)
    world.ping("b")
    assert world.frames("b") == [Pong(b"12345678"), Packet("a", DISCO), Packet("a", b"data")]


def test_a_full_queue_drops_its_oldest_and_never_holds_up_the_sender() -> None:
    """When a connection does not read, the freshest packets are kept, and others get theirs."""
    world = World(QueueLimits(data_bytes=4 * (37 + 100 + RUN_COST)))
    for name in ("a", "b", "c"):
        world.login(name)
    for number in range(10):
        world.send("a", "b", b"%100d" % number)
        world.send("a", "c", b"%100d" % number)
        assert world.frames("c") == [Packet("a", b"%100d" % number)]
    assert world.frames("b") == [Packet("a", b"%100d" % number) for number in range(6, 10)]
    assert world.dropped() == {("queue_head", "other"): 6}


def test_packets_that_waited_too_long_are_dropped() -> None:
    """What is older than the queue's age when its turn comes is dropped and counted as queue_age."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"old")
    world.send("a", "b", DISCO)
    world.now += 0.3
    world.send("a", "b", b"fresh")
    world.now += 0.3
    assert world.frames("b") == [Packet("a", b"fresh")]
    assert world.dropped() == {("queue_age", "other"): 1, ("queue_age", "disco"): 1}


def test_control_frames_do_not_age() -> None:
    """PeerGone and Pong are written however long they waited."""
    world = World()
    world.login("a")
    world.ping("a")
    world.now += 100.0
    assert world.frames("a") == [Pong(b"12345678")]


def test_when_all_queues_together_are_full_the_longest_gives_way() -> None:
    """Over the bound for all connections the longest queue loses its oldest half; short ones lose nothing."""
    one = 37 + 1000 + RUN_COST
    world = World(QueueLimits(total_bytes=20 * one))
    for name in ("a", "long", "short"):
        world.login(name)
    for number in range(3):
        world.send("a", "short", b"%1000d" % number)
    for number in range(18):
        world.send("a", "long", b"%1000d" % number)
    assert world.relay.queued_bytes <= 20 * one
    assert world.frames("short") == [Packet("a", b"%1000d" % number) for number in range(3)]
    assert world.frames("long") == [Packet("a", b"%1000d" % number) for number in range(9, 18)]
    assert world.dropped() == {("queue_total", "other"): 9}
    assert world.relay.queued_bytes == 0


def test_what_waits_for_a_connection_that_ends_is_counted_under_the_reason() -> None:
    """Packets that wait when a connection ends are dropped: gone_disconnected, or write_error if that broke it."""
    world = World()
    for name in ("a", "b", "c"):
        world.login(name)
    world.send("a", "b", b"x", times=2)
    world.send("a", "c", DISCO)
    world.leave("b")
    world.leave("c", "write_error")
    assert world.dropped() == {("gone_disconnected", "other"): 2, ("write_error", "disco"): 1}


# --- homes ------------------------------------------------------------------------------------------------------------


def test_home_connections_are_counted_while_they_last() -> None:
    """NotePreferred 1 makes a home connection, 0 or the connection's end makes it none."""
    world = World()
    world.login("a")
    world.login("b")
    world.note_home("a", True)
    world.note_home("a", True)
    world.note_home("b", True)
    assert world.relay.home_connections == 2
    world.note_home("a", False)
    world.leave("b")
    assert world.relay.home_connections == 0


def test_homes_that_move_after_login_are_counted() -> None:
    """A home note more than 5 s after login is a move; what a client says at login is not."""
    world = World()
    world.login("a")
    world.now += 5.0
    world.note_home("a", True)
    stats = world.relay.stats
    assert (stats.home_moves_in, stats.home_moves_out) == (0, 0)
    world.now += 0.1
    world.note_home("a", False)
    world.note_home("a", False)
    assert (stats.home_moves_in, stats.home_moves_out) == (0, 1)
    world.note_home("a", True)
    assert (stats.home_moves_in, stats.home_moves_out) == (1, 1)


# --- bookkeeping ------------------------------------------------------------------------------------------------------


def test_logins_are_counted_and_numbered() -> None:
    """Every admitted login counts, and gets a number that no other has."""
    world = World()
    for name in ("a", "b"):
        world.login(name)
    world.leave("a")
    world.login("a")
    assert world.relay.stats.accepts == 3
    assert world.connection("a").identity.connection_id != world.connection("b").identity.connection_id


def test_nothing_is_remembered_of_connections_that_have_left() -> None:
    """After everyone has left the relay's tables are empty and add up."""
    world = World()
    for name, key in (("a", "a"), ("b", "b"), ("b2", "b"), ("m", "m")):
        world.login(name, key=key, mesh=name == "m")
    world.watch("m")
    world.note_home("a", True)
    for src in ("a", "b", "b2"):
        for dst in ("a", "b", "m", "nobody"):
            world.send(src, dst, DISCO)
            world.send(src, dst, b"x")
    world.forward("m", "far away", "b", b"x")
    assert world.relay.consistency_errors() == []
    for name in world.names:
        world.leave(name)
        assert world.relay.consistency_errors() == []
    relay = world.relay
    assert (relay.registry.count, len(relay.registry.active), len(relay.registry.duplicates)) == (0, 0, 0)
    assert (relay.watchers, relay.home_connections, relay.queued_bytes) == (0, 0, 0)
