"""A logged-in connection over loopback: what is said without being asked, what closes it, queues, mesh, WebSocket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, TextMessage

from support.waiting import until
from support.wire import GONE, Wire, open_client, pass_time, relay, run
from tailhub.derp import frames
from tailhub.derp.frames import FrameType, PeerGoneReason, PeerPresent, serialize
from tailhub.server.incoming import set_tcp_options

DISCO = b"TS\xf0\x9f\x92\xac" + bytes(32 + 24)
MESH_KEY = "ab" * 32
KEY = bytes(range(32))


@pytest.fixture
def mesh_key_file(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.key"
    file.write_text(MESH_KEY + "\n")
    file.chmod(0o600)
    return file


MESH = json.dumps({"version": 2, "meshKey": MESH_KEY}).encode()


# --- unasked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
def test_keep_alives(drawn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeepAlive comes every 60 to 65 s, at a period drawn once a connection; nothing else is said unasked."""
    draws = [drawn]
    monkeypatch.setattr("tailhub.server.derp_connection.random", SimpleNamespace(random=draws.pop))

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            period_s = 60 + 5 * drawn
            await pass_time(period_s - 1)
            assert await client.settle() == []
            for _ in range(3):
                await pass_time(2)
                assert await client.settle() == [(FrameType.KEEP_ALIVE, b"")]
                await pass_time(period_s - 2)
                assert await client.settle() == []

    run(scenario)


def test_keep_alives_need_no_answer() -> None:
    """A client that only listens stays for as long as it likes."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            await pass_time(600)
            assert {frame_type for frame_type, _ in await client.settle()} == {FrameType.KEEP_ALIVE}

    run(scenario)


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        serialize(FrameType.SEND_PACKET, bytes(31)),
        serialize(FrameType.SEND_PACKET, bytes(32 + 65537)),
        serialize(FrameType.NOTE_PREFERRED, b""),
        serialize(FrameType.NOTE_PREFERRED, b"\1\1"),
        serialize(FrameType.PING, bytes(7)),
        serialize(FrameType.PING, bytes(1001)),
        frames.WATCH_CONNS,
        frames.close_peer(KEY),
        frames.forward_packet(KEY, KEY, b""),
    ],
    ids=lambda frame: f"{FrameType(frame[0]).name} of {len(frame) - 5}",
)
def test_what_closes_a_client(frame: bytes) -> None:
    """A frame of a wrong length, or one that only mesh peers may send, closes its sender; others notice nothing."""

    async def scenario() -> None:
        async with relay() as server:
            offender, witness = await open_client(server), await open_client(server)
            offender.write(frame)
            assert await offender.frame() == GONE
            assert await witness.settle() == []
            assert server.context.relay.registry.count == 1

    run(scenario)


@pytest.mark.parametrize(
    "frame",
    [
        frames.WATCH_CONNS[:4] + b"\1\0",
        serialize(FrameType.CLOSE_PEER, bytes(31)),
        serialize(FrameType.CLOSE_PEER, bytes(33)),
        serialize(FrameType.FORWARD_PACKET, bytes(63)),
        serialize(FrameType.FORWARD_PACKET, bytes(65601)),
    ],
    ids=lambda frame: f"{FrameType(frame[0]).name} of {int.from_bytes(frame[1:5], 'big')}",
)
def test_what_closes_a_mesh_peer(frame: bytes, mesh_key_file: Path) -> None:
    """A mesh frame of a wrong length closes a mesh peer too."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            peer = await open_client(server, text=MESH)
            peer.write(frame)
            assert await peer.frame() == GONE

    run(scenario)


@pytest.mark.parametrize("frame_type", [0x00, 0x0B, 0x77, FrameType.KEEP_ALIVE, FrameType.PONG, FrameType.HEALTH])
def test_unknown_frames_are_skipped(frame_type: int) -> None:
    """A frame of an unknown type, however long, is read and forgotten; what follows it counts."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            client.write(serialize(frame_type, b""), serialize(frame_type, bytes(300_000)))
            assert await client.settle() == []
            assert server.context.relay.stats.unknown_frames == 2

    run(scenario)


def test_packets_of_every_size_arrive() -> None:
    """Packets from nothing to 65,536 bytes arrive whole and in order, with their sender's key; those to oneself too."""

    async def scenario() -> None:
        async with relay() as server:
            a, b = await open_client(server), await open_client(server)
            for receiver in (a, b):
                for size in (0, 1, 1200, 16384, 65535, 65536):
                    packet = bytes(n % 251 for n in range(size))
                    a.write(frames.send_packet(receiver.key, packet))
                    assert await receiver.frame() == (FrameType.RECV_PACKET, a.key + packet)

    run(scenario)


def test_200_pings_get_200_pongs() -> None:
    """Every Ping of 8 to 1,000 bytes is answered with its first 8, in order, also when many come in one write."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            client.write(*(serialize(FrameType.PING, b"%08d" % n + bytes(n * 4)) for n in range(200)))
            for n in range(200):
                assert await client.frame() == (FrameType.PONG, b"%08d" % n)

    run(scenario)


def test_peer_gone() -> None:
    """Who received from a key is told when it leaves; only disco is answered for a key that is not here."""

    async def scenario() -> None:
        async with relay() as server:
            a, b, c = [await open_client(server) for _ in range(3)]
            a.write(frames.send_packet(b.key, b"hello"))
            assert await b.frame() == (FrameType.RECV_PACKET, a.key + b"hello")
            a.close()
            assert await b.frame() == (FrameType.PEER_GONE, a.key + b"\0")
            assert await c.settle() == []
            c.write(frames.send_packet(a.key, b"data"), *[frames.send_packet(a.key, DISCO)] * 5)
            gone = (FrameType.PEER_GONE, a.key + bytes((PeerGoneReason.NOT_HERE,)))
            assert await c.settle() == [gone] * 3
            await pass_time(1.5)
            c.write(*[frames.send_packet(KEY, DISCO)] * 3)
            assert await c.settle() == [(FrameType.PEER_GONE, KEY + b"\1")]

    run(scenario)


def test_duplicates() -> None:
    """Connections with one key all stay open; the newest, then whoever wrote last, gets the packets."""

    async def scenario() -> None:
        async with relay() as server:
            sender = await open_client(server)
            first = await open_client(server)
            second = await open_client(server, private=first.private)

            async def to_key(text: bytes) -> None:
                sender.write(frames.send_packet(first.key, text))
                await sender.settle()

            await to_key(b"1")
            assert await second.frame() == (FrameType.RECV_PACKET, sender.key + b"1")
            assert await first.settle() == []
            await to_key(b"2")
            assert await first.frame() == (FrameType.RECV_PACKET, sender.key + b"2")
            second.write(frames.send_packet(sender.key, b"from the inactive one"))
            assert (await sender.frame())[1] == first.key + b"from the inactive one"
            second.close()
            await until(lambda: server.context.relay.registry.count == 2)
            await to_key(b"3")
            assert await first.frame() == (FrameType.RECV_PACKET, sender.key + b"3")

    run(scenario)


# --- who does not read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_mesh", "timeout_s"), [(False, 2.0), (True, 30.0)])
def test_who_does_not_read_is_closed(is_mesh: bool, timeout_s: float, mesh_key_file: Path) -> None:
    """When the system takes no byte for a client for 2 s, for a mesh peer 30 s, it is closed; others notice nothing."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            sender, witness = await open_client(server), await open_client(server)
            receiver = await open_client(server, text=MESH if is_mesh else b"{}")
            receiver.writer.transport.pause_reading()  # type: ignore[attr-defined]
            stats, watch = server.context.relay.stats, server.context.watch
            assert (server.context.client_write_timeout_s, server.context.mesh_write_timeout_s) == (2.0, 30.0)

            async def stuff() -> None:
                for _ in range(100):
                    sender.write(frames.send_packet(receiver.key, bytes(65536)))
                    await sender.settle()

            while not stats.packets_dropped["queue_head", "other"]:
                await stuff()
            sender.write(frames.send_packet(witness.key, b"still here"))
            assert (await witness.frame())[0] == FrameType.RECV_PACKET
            await pass_time(timeout_s - 0.5)
            assert server.context.relay.registry.count == 3
            # The system may take a little more now and then, in its own time, until its buffers are full for good.
            while not watch.timeouts:
                await stuff()
                await pass_time(timeout_s + 0.5)
            assert server.context.relay.registry.count == 2
            assert list(server.context.events.disconnects) == ["write timeout"]
            assert stats.packets_dropped["write_error", "other"] > 0
            assert {frame_type for frame_type, _ in await sender.settle()} <= {FrameType.KEEP_ALIVE}

    run(scenario)


def test_tcp_options() -> None:
    """Connections have TCP_NODELAY, keep-alive probes after 10 minutes, and 15 s for unacknowledged data."""
    with socket.socket() as sock:
        set_tcp_options(sock, 600, 15)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 600
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000


# --- mesh -------------------------------------------------------------------------------------------------------------


def test_a_mesh_peer(mesh_key_file: Path) -> None:
    """A mesh peer gets presence as it changes, forwards packets to local clients only, and can close a peer."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            peer, client = await open_client(server, text=MESH), await open_client(server)
            peer.write(frames.WATCH_CONNS)
            flood = [PeerPresent.parse(body).key for _, body in await peer.settle()]
            assert sorted(flood) == sorted([peer.key, client.key])
            peer.write(frames.WATCH_CONNS)
            assert len(await peer.settle()) == 2

            late = await open_client(server)
            kind, body = await peer.frame()
            assert (kind, len(body), body[:32]) == (FrameType.PEER_PRESENT, 51, late.key)

            peer.write(frames.forward_packet(KEY, client.key, b"from afar"), frames.forward_packet(KEY, b"z" * 32, b""))
            assert await client.frame() == (FrameType.RECV_PACKET, KEY + b"from afar")
            assert await peer.settle() == []
            assert server.context.relay.stats.packets_dropped["unknown_dest_on_fwd", "other"] == 1
            peer.write(frames.forward_packet(KEY, b"z" * 32, DISCO))
            assert await peer.settle() == [(FrameType.PEER_GONE, b"z" * 32 + b"\1")]

            peer.write(frames.close_peer(late.key))
            assert await late.frame() == GONE
            assert await peer.frame() == (FrameType.PEER_GONE, late.key + b"\0")

    run(scenario)


def test_a_relay_that_meets_itself(mesh_key_file: Path) -> None:
    """A mesh connection with the relay's own key is not told of anybody."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            itself = await open_client(server, text=MESH, private=server.private_key)
            itself.write(frames.WATCH_CONNS)
            assert await itself.settle() == []
            other = await open_client(server)
            assert await itself.settle() == []
            other.close()
            assert await itself.settle() == []

    run(scenario)


# --- WebSocket --------------------------------------------------------------------------------------------------------

WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: derp\r\n"
)


class Browser:
    """A client whose DERP stream lies in WebSocket messages."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.messages = Connection(ConnectionType.CLIENT)
        self.longest = 0  # message so far
        self._part = 0  # bytes of the message that is not whole yet
        self._stream = bytearray()

    def send(self, *messages: bytes) -> None:
        for message in messages:
            self.wire.write(self.messages.send(BytesMessage(data=message)))

    async def read(self, length: int) -> bytes:
        """So many bytes of the stream."""
        while len(self._stream) < length:
            data = await self.wire.reader.read(65536)
            assert data, "the relay has closed"
            self.messages.receive_data(data)
            for event in self.messages.events():
                assert isinstance(event, BytesMessage)
                self._part += len(event.data)
                self._stream += event.data
                if event.message_finished:
                    self.longest = max(self.longest, self._part)
                    self._part = 0
        out = bytes(self._stream[:length])
        del self._stream[:length]
        return out

    async def frame(self) -> tuple[int, bytes]:
        head = await self.read(5)
        return head[0], await self.read(int.from_bytes(head[1:], "big"))


async def browser(wire: Wire, key: bytes) -> Browser:
    assert (await wire.ask("GET /derp", WEBSOCKET)).status == 101
    client = Browser(wire)
    assert (await client.frame())[0] == FrameType.SERVER_KEY
    info = wire.client_info(key)
    client.send(info[:7], b"", info[7:])
    assert (await client.frame())[0] == FrameType.SERVER_INFO
    return client


def test_websocket_carries_the_stream() -> None:
    """Frames may be spread over messages and messages hold several frames; ours are at most 32,768 bytes long."""

    async def scenario() -> None:
        async with relay() as server:
            inside = await browser(await Wire.open(server), server.context.public_key)
            outside = await open_client(server)
            packet = bytes(n % 251 for n in range(65536))
            frame = frames.send_packet(outside.key, packet)
            inside.send(frame)  # one message, longer than the original would take
            assert await outside.frame() == (FrameType.RECV_PACKET, inside.wire.key + packet)
            inside.send(frame[:10], frame[10:40000], frame[40000:] + frame)
            for _ in range(2):
                assert await outside.frame() == (FrameType.RECV_PACKET, inside.wire.key + packet)
            outside.write(frames.send_packet(inside.wire.key, packet))
            assert await inside.frame() == (FrameType.RECV_PACKET, outside.key + packet)
            assert 0 < inside.longest <= 32768
            assert server.context.events.websocket_logins == 1

    run(scenario)


def test_websocket_text_closes() -> None:
    """A text message ends the connection."""

    async def scenario() -> None:
        async with relay() as server:
            client = await browser(await Wire.open(server), server.context.public_key)
            client.wire.write(client.messages.send(TextMessage(data="hello")))
            assert (await client.wire.rest())[:1] == b"\x88"
            assert server.context.relay.registry.count == 0

    run(scenario)
