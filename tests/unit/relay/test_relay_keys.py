"""Keys with several connections, and what is told of keys that leave or are not here."""

from __future__ import annotations

import pytest

from support.world import DISCO, Gone, NotHere, Packet, World, key_of
from tailhub.derp import frames
from tailhub.derp.frames import serialize

# --- several connections with one key ---------------------------------------------------------------------------------


def test_a_new_connection_of_a_key_is_active_at_once() -> None:
    """Of two connections with one key the newer gets the traffic before it has said anything."""
    world = World()
    world.login("a")
    world.login("old", key="k")
    world.login("new", key="k")
    world.send("a", "k", b"hi")
    assert world.frames("new") == [Packet("a", b"hi")]
    assert world.frames("old") == []
    assert world.names == ["a", "old", "new"]


@pytest.mark.parametrize(
    "frame",
    [
        frames.send_packet(key_of("nobody"), b""),
        frames.ping(bytes(8)),
        frames.note_preferred(True),
        frames.KEEP_ALIVE,
        frames.pong(bytes(8)),
        serialize(0x77, bytes(5000)),
    ],
    ids=["SendPacket", "Ping", "NotePreferred", "KeepAlive", "Pong", "unknown"],
)
def test_the_last_writer_of_any_frame_is_active(frame: bytes) -> None:
    """A connection that writes a frame of whatever type gets the traffic of its key from then on."""
    world = World()
    world.login("old", key="k")
    world.login("new", key="k")
    world.say("old", frame)
    assert world.active("k") == "old"
    world.say("new", frame)
    assert world.active("k") == "new"


def test_half_a_frame_does_not_make_a_connection_active() -> None:
    """Bytes that are not a whole frame yet are not a frame written."""
    world = World()
    world.login("old", key="k")
    world.login("new", key="k")
    ping = frames.ping(bytes(8))
    world.say("old", ping[:7])
    assert world.active("k") == "new"
    world.say("old", ping[7:])
    assert world.active("k") == "old"


def test_taking_turns_never_cuts_a_key_off() -> None:
    """Two connections that write in turn both stay usable: the last one to write gets each packet."""
    world = World()
    world.login("a")
    world.login("x", key="k")
    world.login("y", key="k")
    for number, name in enumerate(["x", "y"] * 5):
        world.send(name, "a", b"")
        world.send("a", "k", b"%d" % number)
        assert world.frames(name) == [Packet("a", b"%d" % number)]
    assert world.dropped() == {}


def test_when_the_active_one_leaves_the_most_recent_writer_takes_over() -> None:
    """Of the connections that are left the one whose last frame is the latest becomes active."""
    world = World()
    for name in ("x", "y", "z"):
        world.login(name, key="k")
    world.ping("y")
    world.ping("x")
    world.ping("z")
    world.leave("z")
    assert world.active("k") == "x"
    world.leave("x")
    assert world.active("k") == "y"


def test_when_another_one_leaves_the_active_one_stays() -> None:
    """The leaving of a connection that is not active changes nothing for the one that is."""
    world = World()
    for name in ("x", "y", "z"):
        world.login(name, key="k")
    world.leave("x")
    assert world.active("k") == "z"


def test_an_inactive_duplicate_may_send() -> None:
    """A connection that is not the active one of its key may still send packets, under that key."""
    world = World()
    world.login("a")
    world.login("old", key="k")
    world.login("new", key="k")
    world.send("old", "a", b"still here")
    assert world.frames("a") == [Packet("k", b"still here")]


def test_duplicates_are_counted_as_the_reference_does() -> None:
    """Keys with two or more connections, the connections of those keys, and all that ever came to a key in use."""
    world = World()

    def counts() -> tuple[int, int, int]:
        duplicates = world.relay.registry.duplicates
        return len(duplicates), sum(map(len, duplicates.values())), world.relay.stats.dup_connections_total

    world.login("x", key="k")
    world.login("other")
    assert counts() == (0, 0, 0)
    world.login("y", key="k")
    assert counts() == (1, 2, 1)
    world.login("z", key="k")
    assert counts() == (1, 3, 2)
    world.leave("x")
    assert counts() == (1, 2, 2)
    world.leave("z")
    assert counts() == (0, 0, 2)


# --- PeerGone ---------------------------------------------------------------------------------------------------------


def test_who_received_from_a_key_is_told_when_it_leaves() -> None:
    """PeerGone(disconnected) goes to connections that received a packet from the key that left, and to no others."""
    world = World()
    for name in ("a", "b", "c", "d"):
        world.login(name)
    world.send("a", "b", b"x")
    world.send("d", "a", b"x")
    world.frames("b")
    world.leave("a")
    assert world.frames("b") == [Gone("a")]
    assert world.frames("c") == world.frames("d") == []
    assert world.relay.stats.peer_gone_disconnected == 1


def test_peer_gone_waits_for_the_last_connection_of_a_key() -> None:
    """As long as a key has one connection left, nobody is told that it is gone."""
    world = World()
    world.login("b")
    world.login("x", key="k")
    world.login("y", key="k")
    world.send("x", "b", b"1")
    world.frames("b")
    world.leave("x")
    assert world.frames("b") == []
    world.leave("y")
    assert world.frames("b") == [Gone("k")]


def test_only_the_connection_that_received_is_told() -> None:
    """Of a key's connections only those that were sent a packet from the source hear that it is gone."""
    world = World()
    world.login("a")
    world.login("x", key="k")
    world.login("y", key="k")
    world.send("a", "k", b"1")
    world.leave("a")
    assert world.frames("y") == [Gone("a"), Packet("a", b"1")]
    assert world.frames("x") == []


def test_a_source_that_comes_back_and_leaves_again_is_reported_again() -> None:
    """PeerGone(disconnected) is sent for each stay of a source of which a packet was received.

    The reference tells each connection once for each source and then never again, which leaves its peers with a dead
    path the second time.
    """
    world = World()
    world.login("b")
    for _ in range(2):
        world.login("a")
        world.send("a", "b", b"x")
        world.frames("b")
        world.leave("a")
        assert world.frames("b") == [Gone("a")]
    world.login("a")
    world.leave("a")
    assert world.frames("b") == []


def test_a_receiver_that_left_before_is_not_told() -> None:
    """Who has logged in anew since it received from a key is not told when that key leaves."""
    world = World()
    world.login("a")
    world.login("b")
    world.send("a", "b", b"x")
    world.leave("b")
    world.login("b")
    world.leave("a")
    assert world.frames("b") == []


def test_disco_for_an_unknown_key_is_answered_not_here() -> None:
    """A disco packet for a key that is not connected gets PeerGone(not here); it is counted as dropped."""
    world = World()
    world.login("a")
    world.send("a", "nobody", DISCO)
    assert world.frames("a") == [NotHere("nobody")]
    assert world.dropped() == {("unknown_dest", "disco"): 1}
    assert world.relay.stats.peer_gone_not_here == 1


def test_not_here_is_limited_for_each_connection_across_keys() -> None:
    """PeerGone(not here) comes three times at once, then once a second, whatever keys are asked for."""
    world = World()
    world.login("a")
    world.login("b")
    for number in range(5):
        world.send("a", f"nobody {number}", DISCO)
    assert world.frames("a") == [NotHere("nobody 0"), NotHere("nobody 1"), NotHere("nobody 2")]
    world.now += 1.0
    world.send("a", "nobody 5", DISCO)
    world.send("a", "nobody 6", DISCO)
    assert world.frames("a") == [NotHere("nobody 5")]
    world.send("b", "nobody 0", DISCO)
    assert world.frames("b") == [NotHere("nobody 0")]
    world.now += 60.0
    world.send("a", "nobody 0", DISCO, times=5)
    assert world.frames("a") == [NotHere("nobody 0")] * 3
