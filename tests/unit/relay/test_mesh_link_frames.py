from __future__ import annotations

import pytest

from support.world import Packet, World, key_of
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import (
    HEADER_LEN,
    SERVER_LIMITS,
    FrameType,
    PeerGoneReason,
    PeerPresent,
    PresenceFlag,
    extend_present,
)
from tailhub.derp.link_decoder import SmallFrame
from tailhub.derp.runs import SLACK
from tailhub.exceptions import FrameError
from tailhub.relay.mesh_link import MeshLink


class Line:
    """A link of a world's relay to another one, as its socket handles it. It is the link's sink."""

    def __init__(self, world: World, *, tailhub: bool = False) -> None:
        self.world = world
        self.is_woken = False
        self.link = MeshLink(world.relay, self, key_of("other relay"), is_tailhub=tailhub)
        self._buffer = bytearray(200_000)

    def wake(self) -> None:
        self.is_woken = True

    def close(self, reason: str) -> None:
        raise AssertionError(reason)

    def hear(self, *data: bytes) -> list[SmallFrame]:
        """That relay says something, in as many reads."""
        small = []
        for piece in data:
            start = self.link.prepare(self._buffer)
            end = start + len(piece)
            self._buffer[start:end] = piece
            assert end + SLACK <= len(self._buffer)
            small += self.link.data_received(self._buffer, end, self.world.now)
        return small

    def written(self) -> list[tuple[int, bytes]]:
        """What that relay is told, as frames."""
        assert self.is_woken or not self.link.queue
        self.is_woken = self.link.dirty = False
        return FrameDecoder({**SERVER_LIMITS, FrameType.PONG: (8, 8)}).receive_data(
            self.link.queue.take(self.world.now, 1 << 30)
        )


def present(name: str, flags: int = PresenceFlag.REGULAR) -> bytes:
    return PeerPresent(key_of(name), flags=flags).serialize()


def gone(name: str) -> bytes:
    return frames.peer_gone(key_of(name), PeerGoneReason.DISCONNECTED)


OF_US = present("relay", PresenceFlag.MESH_PEER)
"""That relay has told of our own connection, as it does when it tells of all."""


def test_packets_for_its_clients_go_over_the_link() -> None:
    """What a client sends to a key of the other relay leaves as ForwardPacket frames, and is counted."""
    world = World()
    line = Line(world)
    line.hear(present("b"))
    world.login("a")
    world.send("a", "b", b"hello", times=3)
    assert line.written() == [(FrameType.FORWARD_PACKET, key_of("a") + key_of("b") + b"hello")] * 3
    assert (line.link.forwarded_packets, line.link.forwarded_bytes) == (3, 15)
    assert world.relay.stats.forwarded == 3


def test_presence_may_come_in_any_pieces() -> None:
    """Keys come and go as the other relay says, wherever its bytes are cut."""
    world = World()
    line = Line(world)
    said = present("a") + present("b") + present("other relay", PresenceFlag.MESH_PEER) + gone("a") + present("c")
    line.hear(said[:70], said[70:71], said[71:])
    assert set(world.relay.presence.elsewhere.routes) == {key_of("b"), key_of("c")}
    assert line.link.keys == 2
    assert line.link.peers == {key_of("other relay")}
    line.hear(gone("other relay") + gone("b"))
    assert line.link.keys == 1
    assert line.link.peers == set()


def test_what_is_told_behind_the_pong_is_news() -> None:
    """What another relay tells up to the first Pong behind our own key is of no age; from then on it is new."""
    world = World()
    world.login("moved")
    world.login("stays")
    world.now += 10
    Line(world).hear(frames.pong(bytes(8)) + present("stays") + OF_US + frames.pong(bytes(8)) + present("moved"))
    assert world.active("stays") == "stays"
    assert world.active("moved") == ""


def test_another_tailhub_relay_says_how_old_a_client_is() -> None:
    """Age and tenant behind a PeerPresent count on a link to one of ours, and mean nothing on any other."""
    for tailhub, active in ((True, ""), (False, "a")):
        world = World()
        world.login("a")
        world.now += 10
        Line(world, tailhub=tailhub).hear(extend_present(present("a"), 3.0, b"\0"))
        assert world.active("a") == active


def test_pings_are_answered_and_the_rest_handed_on() -> None:
    """A Ping gets its Pong; what else is small goes to whoever keeps the link; packets are passed over."""
    line = Line(World())
    pong, health = frames.pong(b"abcdefgh"), frames.health("all is not well")
    small = line.hear(
        frames.ping(b"12345678xy") + frames.KEEP_ALIVE + pong + health + frames.recv_packet(bytes(32), b"x")
    )
    assert small == [
        SmallFrame(FrameType.PONG, b"abcdefgh"),
        SmallFrame(FrameType.HEALTH, health[HEADER_LEN:]),
    ]
    assert line.written() == [(FrameType.PONG, b"12345678")]


def test_a_peer_that_only_pings_gets_so_many_answers() -> None:
    """Pongs that are not taken do not pile up without bound."""
    line = Line(World())
    for _ in range(20):
        line.hear(frames.ping(b"12345678") * 1000)
    assert len(line.written()) * 13 <= 64 << 10


def test_any_frame_is_a_sign_of_life() -> None:
    """The time of the last frame is kept; bytes of a frame that never ends are none."""
    world = World()
    line = Line(world)
    heard = []
    long = frames.recv_packet(bytes(32), bytes(60000))
    for piece in (
        frames.KEEP_ALIVE,
        frames.KEEP_ALIVE[:3],
        b"",
        frames.KEEP_ALIVE[3:],
        long[:20000],
        long[20000:40000],
    ):
        world.now += 1
        line.hear(piece)
        heard.append(line.link.heard_at)
    assert heard == [1001, 1001, 1001, 1004, 1005, 1005]


def test_a_wrong_length_ends_the_link() -> None:
    """What came before a frame of a wrong length counts; then an error says what is wrong."""
    world = World()
    line = Line(world)
    with pytest.raises(FrameError, match="PEER_GONE: expected a body of 32"):
        line.hear(present("a") + frames.serialize(FrameType.PEER_GONE, bytes(31)) + present("b"))
    assert set(world.relay.presence.elsewhere.routes) == {key_of("a")}


def test_forwarded_runs_reach_a_client_that_seems_to_be_elsewhere() -> None:
    """A packet that is forwarded to us goes to a connection here, though its key is active at another relay."""
    world = World()
    world.login("m", key="other relay", mesh=True)
    world.login("b")
    line = Line(world)
    world.now += 1
    line.hear(OF_US + frames.pong(bytes(8)) + present("b"))
    assert world.active("b") == ""
    world.say("m", frames.forward_packet(key_of("other relay"), key_of("b"), b"hello") * 3)
    assert world.frames("b") == [Packet("other relay", b"hello")] * 3
    assert line.written() == []


def test_what_a_mesh_peer_does_that_none_should_is_counted_by_packet() -> None:
    """Forwarded packets for nobody, and those of a client that is active here, are counted for who forwards them."""
    world = World()
    world.login("m", mesh=True)
    world.login("a")
    world.login("b")
    world.say("m", frames.forward_packet(key_of("a"), key_of("b"), b"1") * 4)
    world.say("m", frames.forward_packet(key_of("far away"), key_of("nobody"), b"2") * 3)
    assert dict(world.connection("m").odd or {}) == {"our_client": 4, "unknown_dest": 3}
    assert world.frames("b") == [Packet("a", b"1")] * 4
