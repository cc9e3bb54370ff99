"""What mesh peers may ask for, and what they are told."""

from __future__ import annotations

import pytest

from support.world import DISCO, Gone, NotHere, Packet, Pong, Present, World, key_of
from tailhub.derp import frames
from tailhub.derp.frames import FrameType, serialize
from tailhub.relay.relay import PONG_ROOM_BYTES
from tailhub.relay.send_queue import QueueLimits
from tailhub.relay.watchers import PIECE, ROOM_BYTES

MESH_PEER = 2
PROBER = 4
NOT_IDEAL = 8


@pytest.mark.parametrize(
    "frame",
    [frames.WATCH_CONNS, frames.close_peer(key_of("b")), frames.forward_packet(key_of("x"), key_of("b"), b"forged")],
    ids=["WatchConns", "ClosePeer", "ForwardPacket"],
)
def test_mesh_frames_without_the_mesh_key_close(frame: bytes) -> None:
    """WatchConns, ClosePeer and ForwardPacket from a client without the mesh key close it and do nothing else."""
    world = World()
    world.login("a")
    world.login("b")
    world.say("a", frame)
    assert world.closed == {"a": "not_mesh"}
    assert world.frames("b") == []


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (serialize(FrameType.WATCH_CONNS, b"\0"), "frame_too_long"),
        (serialize(FrameType.CLOSE_PEER, bytes(31)), "frame_too_short"),
        (serialize(FrameType.CLOSE_PEER, bytes(33)), "frame_too_long"),
        (serialize(FrameType.FORWARD_PACKET, bytes(63)), "frame_too_short"),
        (serialize(FrameType.FORWARD_PACKET, bytes(64 + 65537)), "frame_too_long"),
    ],
)
def test_mesh_frames_of_the_wrong_length_close(frame: bytes, reason: str) -> None:
    """WatchConns is empty, ClosePeer has 32 bytes, ForwardPacket 64 to 65,600."""
    world = World()
    world.login("m", mesh=True)
    world.say("m", frame)
    assert world.closed == {"m": reason}


# --- presence ---------------------------------------------------------------------------------------------------------


def test_watching_begins_with_everyone_and_the_watcher_itself() -> None:
    """WatchConns brings PeerPresent for each connection there is, the watcher's own with flag 2."""
    world = World()
    world.login("a", address="198.51.100.7", port=1234)
    world.login("m", mesh=True)
    world.watch("m")
    assert sorted(world.frames("m")) == [Present("a", 1, "198.51.100.7 1234"), Present("m", MESH_PEER)]
    assert world.relay.watchers == 1


def test_watching_again_brings_everyone_again() -> None:
    """A second WatchConns floods again, and changes still come once."""
    world = World()
    world.login("m", mesh=True)
    world.watch("m")
    world.watch("m")
    assert world.frames("m") == [Present("m", MESH_PEER)] * 2
    world.login("a")
    assert world.frames("m") == [Present("a")]
    assert world.relay.watchers == 1


def test_a_watcher_that_only_asks_gets_so_much() -> None:
    """Who asks again and again who is there, or whether we are, and does not read, is answered only so often."""
    world = World()
    for number in range(250):
        world.login(f"client{number}")
    world.login("m", mesh=True)
    queue = world.connection("m").queue
    for _ in range(20):
        world.watch("m")
    assert queue.control_bytes <= ROOM_BYTES + PIECE * 56
    for _ in range(20):
        world.say("m", frames.ping(b"12345678") * 2000)
    assert queue.control_bytes <= PONG_ROOM_BYTES + 13
    assert world.closed == {}


def test_watching_many_times_in_one_read_brings_everyone_once() -> None:
    """WatchConns in a row, in one read, flood once: each is a message for every connection there is."""
    world = World()
    world.login("m", mesh=True)
    world.say("m", frames.WATCH_CONNS * 1000)
    assert world.frames("m") == [Present("m", MESH_PEER)]


def test_a_relay_that_watches_itself_is_ignored() -> None:
    """WatchConns from the relay's own key brings nothing, neither now nor later."""
    world = World(own_key="me")
    world.login("me", mesh=True)
    world.watch("me")
    world.login("a")
    assert world.frames("me") == []
    assert world.relay.watchers == 0
    assert world.closed == {}


def test_a_watcher_learns_who_comes_and_goes() -> None:
    """PeerPresent comes with each login, PeerGone(disconnected) when a key has left."""
    world = World()
    world.login("m", mesh=True)
    world.watch("m")
    world.frames("m")
    world.login("a")
    assert world.frames("m") == [Present("a")]
    world.leave("a")
    assert world.frames("m") == [Gone("a")]


def test_presence_comes_for_each_connection_and_absence_for_the_last() -> None:
    """Of a key with two connections a watcher gets two PeerPresent, and one PeerGone when both have left."""
    world = World()
    world.login("m", mesh=True)
    world.watch("m")
    world.frames("m")
    world.login("x", key="k", port=1)
    world.login("y", key="k", port=2)
    assert world.frames("m") == [Present("k", 1, "192.0.2.1 1"), Present("k", 1, "192.0.2.1 2")]
    world.watch("m")
    assert len([frame for frame in world.frames("m") if frame[0] == "k"]) == 2
    world.leave("y")
    assert world.frames("m") == []
    world.leave("x")
    assert world.frames("m") == [Gone("k")]


@pytest.mark.parametrize(
    ("mesh", "prober", "not_ideal", "flags"),
    [
        (False, False, False, 1),
        (True, False, False, MESH_PEER),
        (False, True, False, PROBER),
        (False, False, True, NOT_IDEAL),
        (True, True, True, MESH_PEER | PROBER | NOT_IDEAL),
    ],
)
def test_presence_flags(mesh: bool, prober: bool, not_ideal: bool, flags: int) -> None:
    """Flag 1 is set only when no other is; mesh peer, prober and not ideal combine."""
    world = World()
    world.login("m", mesh=True)
    world.watch("m")
    world.frames("m")
    world.login("a", mesh=mesh, prober=prober, not_ideal=not_ideal)
    assert world.frames("m") == [Present("a", flags)]


def test_an_ipv6_address_is_told() -> None:
    """PeerPresent carries IPv6 as well as IPv4."""
    world = World()
    world.login("m", mesh=True)
    world.watch("m")
    world.frames("m")
    world.login("a", address="2001:db8::5", port=65535)
    assert world.frames("m") == [Present("a", 1, "2001:db8::5 65535")]


def test_peer_present_always_has_51_bytes() -> None:
    """PeerPresent is written in its longest form: key, address, port, flags."""
    world = World()
    world.login("a")
    assert len(world.connection("a").identity.present_frame()) == 5 + 51


def test_a_watcher_that_does_not_read_is_closed() -> None:
    """A watcher for whose presence there is no room is closed: it would believe something wrong for ever."""
    world = World(QueueLimits(mesh_control_bytes=4 * 56))
    world.login("m", mesh=True)
    world.watch("m")
    for name in ("a", "b", "c"):
        world.login(name)
    assert world.closed == {}
    world.login("d")
    assert world.closed == {"m": "mesh peer does not read: presence would be lost"}
    world.login("e")
    assert world.relay.watchers == 0
    assert world.relay.consistency_errors() == []


def test_a_watcher_that_left_is_told_nothing() -> None:
    """A watcher's subscription ends with its connection."""
    world = World()
    world.login("m", mesh=True)
    world.watch("m")
    world.leave("m")
    assert world.relay.watchers == 0
    world.login("m", mesh=True)
    world.login("a")
    assert world.frames("m") == []


# --- ForwardPacket ----------------------------------------------------------------------------------------------------


def test_a_forwarded_packet_is_delivered_with_its_first_source() -> None:
    """ForwardPacket reaches a local client as RecvPacket from the client that sent it to the other relay."""
    world = World()
    world.login("m", mesh=True)
    world.login("b")
    world.forward("m", "far away", "b", b"hello")
    world.forward("m", "far away", "b", b"")
    assert world.frames("b") == [Packet("far away", b"hello"), Packet("far away", b"")]
    assert world.relay.stats.forwarded_in == 2


def test_who_received_a_forwarded_packet_is_told_when_its_source_leaves_from_here() -> None:
    """A source that was reached through another relay first and then logged in here is reported when it leaves."""
    world = World()
    world.login("m", mesh=True)
    world.login("b")
    world.forward("m", "a", "b", b"from over there")
    world.frames("b")
    world.login("a")
    world.leave("a")
    assert world.frames("b") == [Gone("a")]


def test_a_forwarded_packet_goes_one_hop_only() -> None:
    """ForwardPacket for a key that is not local is dropped and counted, and no mesh peer gets it."""
    world = World()
    world.login("m", mesh=True)
    world.login("n", mesh=True)
    world.forward("m", "far away", "nobody", b"12345")
    assert world.frames("m") == world.frames("n") == []
    assert world.dropped() == {("unknown_dest_on_fwd", "other"): 1}
    assert world.relay.stats.bytes_dropped["unknown_dest_on_fwd", "other"] == 5


def test_forwarded_disco_for_an_unknown_key_is_answered_on_the_mesh_connection() -> None:
    """ForwardPacket with disco for an unknown key gets PeerGone(not here), limited as for clients."""
    world = World()
    world.login("m", mesh=True)
    for number in range(5):
        world.forward("m", "far away", f"nobody {number}", DISCO)
    assert world.frames("m") == [NotHere(f"nobody {number}") for number in range(3)]
    assert world.dropped() == {("unknown_dest_on_fwd", "disco"): 5}


def test_forwarded_disco_goes_before_forwarded_data() -> None:
    """Disco has priority in ForwardPacket as in SendPacket."""
    world = World()
    world.login("m", mesh=True)
    world.login("b")
    world.forward("m", "far away", "b", b"data")
    world.forward("m", "far away", "b", DISCO)
    assert world.frames("b") == [Packet("far away", DISCO), Packet("far away", b"data")]


def test_a_mesh_peer_may_send_packets_of_its_own() -> None:
    """SendPacket works on a mesh connection as on any."""
    world = World()
    world.login("m", mesh=True)
    world.login("b")
    world.send("m", "b", b"hello")
    assert world.frames("b") == [Packet("m", b"hello")]


def test_packets_of_one_source_are_forwarded_in_runs() -> None:
    """A read full of ForwardPackets is routed run by run, and every packet counts as one."""
    world = World()
    world.login("m", mesh=True)
    world.login("b")
    packet = frames.forward_packet(key_of("far away"), key_of("b"), b"12345")
    lost = frames.forward_packet(key_of("far away"), key_of("nobody"), b"123")
    world.say("m", packet * 5 + lost * 3)
    world.forward("m", "far away", "b", b"6")  # so that the test knows whose it is
    assert world.frames("b") == [Packet("far away", b"12345")] * 5 + [Packet("far away", b"6")]
    assert world.relay.stats.forwarded_in == 9
    assert world.dropped() == {("unknown_dest_on_fwd", "other"): 3}
    assert world.relay.stats.packets_received == 0


def test_forwarding_makes_no_connection_the_active_one() -> None:
    """Of several connections of one relay, as its workers have them, what they forward makes none the active one."""
    world = World()
    world.login("m1", key="m", mesh=True)
    world.login("m2", key="m", mesh=True)
    world.login("b")
    world.forward("m1", "far away", "b", b"hello")
    assert world.active("m") == "m2"
    assert world.frames("b") == [Packet("far away", b"hello")]
    world.ping("m1")
    assert world.active("m") == "m1"


def test_packets_of_its_own_and_forwarded_ones_may_be_mixed() -> None:
    """Whatever a mesh peer sends between forwarded packets is dealt with as ever."""
    world = World()
    world.login("m", mesh=True)
    world.login("b")
    forwarded = frames.forward_packet(key_of("m"), key_of("b"), b"forwarded")
    own = frames.send_packet(key_of("b"), b"own")
    world.say("m", forwarded + own + frames.ping(b"12345678") + forwarded)
    assert sorted(world.frames("b")) == [Packet("m", b"forwarded")] * 2 + [Packet("m", b"own")]
    assert world.frames("m") == [Pong(b"12345678")]
    assert (world.relay.stats.forwarded_in, world.relay.stats.packets_received) == (2, 1)


# --- ClosePeer --------------------------------------------------------------------------------------------------------


def test_close_peer_closes_all_connections_of_a_key() -> None:
    """ClosePeer ends every connection of the key, and only those."""
    world = World()
    world.login("m", mesh=True)
    world.login("x", key="k")
    world.login("y", key="k")
    world.login("b")
    world.close_peer("m", "k")
    assert world.closed == dict.fromkeys(("x", "y"), "closed on behalf of a mesh peer")
    assert world.names == ["m", "b"]


def test_close_peer_for_an_unknown_key_does_nothing() -> None:
    """ClosePeer for a key that is not connected is no error."""
    world = World()
    world.login("m", mesh=True)
    world.close_peer("m", "nobody")
    assert world.closed == {}
    assert world.names == ["m"]


def test_a_mesh_peer_may_close_itself() -> None:
    """ClosePeer for the mesh peer's own key ends its connection."""
    world = World()
    world.login("m", mesh=True)
    world.close_peer("m", "m")
    assert world.names == []
