"""The server's parts together on loopback: bad input of every kind, while two other clients exchange packets."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable

import psutil
import pytest

from support.client_hellos import real_hello
from support.served import MESH_KEY, Client, Conversation, Line, Served, serving
from support.tls_streams import TLSPeer, client_context
from support.waiting import PerTurn, run, until
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.frames import FrameType, serialize
from tailhub.derp.handshake import ClientHandshake, ClientInfo
from tailhub.derp.messages import ReceivedPacket
from tailhub.derp.upgrade import derp_response
from tailhub.derp.websocket import WebSocketStream
from tailhub.relay.send_queue import QueueLimits
from tailhub.server.websocket_connection import SLICE_BYTES

UPGRADE = b"GET /derp HTTP/1.1\r\nHost: relay.test\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n"
WEBSOCKET = (
    b"GET /derp HTTP/1.1\r\nHost: relay.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: derp\r\n\r\n"
)
PAGE = b"GET /robots.txt HTTP/1.1\r\nHost: relay.test\r\n\r\n"


class WebSocketLine(Line):
    """A line whose bytes lie in WebSocket messages."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.reader, line.writer)
        self.websocket = WebSocketStream(is_client=True)

    @classmethod
    async def open(cls, relay: Served, receive_bytes: int = 0) -> WebSocketLine:
        """Connect and shake hands."""
        line = await relay.connect(receive_bytes=receive_bytes)
        await line.write(WEBSOCKET)
        assert (await line.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        return cls(line)

    async def write(self, data: bytes) -> None:
        await super().write(self.websocket.send(data))

    async def read(self) -> bytes:
        while data := await super().read():
            if stream := self.websocket.receive_data(data):
                return stream
            if self.websocket.closed:
                break
        return b""


async def websocket_login(relay: Served, receive_bytes: int = 0) -> Client:
    """A client that has logged in over WebSocket."""
    private = box.generate()
    protocol = ClientProtocol(private, "relay.test")
    protocol.data_to_send()  # its upgrade, which the WebSocket handshake stands for
    protocol.receive_data(derp_response(relay.public_key))
    client = Client(await WebSocketLine.open(relay, receive_bytes), private, protocol)
    while protocol.waiting_for:
        await client.receive()
    return client


# --- what should work -------------------------------------------------------------------------------------------------


def test_clients_of_all_kinds_exchange_packets() -> None:
    """Clients by HTTP upgrade, fast start, WebSocket and TLS 1.2 all reach each other, up to the longest packet."""

    async def scenario() -> None:
        async with serving() as relay:
            clients = [
                await relay.login(),
                await relay.login(fast=True),
                await websocket_login(relay),
                await relay.login(tls=client_context(tls_1_2=True)),
            ]
            for src in clients:
                for dst in clients:
                    for packet in (b"", b"x" * 1200, os.urandom(65536)):
                        await src.send(dst.key, packet)
                        assert await dst.packet() == ReceivedPacket(src.key, packet)
            assert relay.context.relay.consistency_errors() == []
            assert relay.failures == {}

    run(scenario)


def test_a_hundred_clients_log_in_at_once() -> None:
    """Logins do not get into each other's way, and nothing is left when all have gone."""

    async def scenario() -> None:
        async with serving() as relay:
            clients = await asyncio.gather(*(relay.login(fast=number % 2 == 0) for number in range(100)))
            assert relay.context.relay.registry.count == 100
            assert len(relay.context.newcomers) == 0
            for client in clients:
                await client.close()
            await until(lambda: not relay.context.derp_connections)
            assert relay.context.relay.registry.count == 0
            assert relay.context.relay.consistency_errors() == []
            assert relay.disconnects == {"closed by the other side": 100}

    run(scenario)


def test_many_packets_arrive_in_order() -> None:
    """A sender as fast as it can be loses nothing to a receiver that reads, and nothing changes its order."""

    async def scenario() -> None:
        async with serving(limits=QueueLimits(data_bytes=64 << 20, max_age_s=60)) as relay:
            a, b = await relay.login(), await relay.login()
            count = 5000
            sending = asyncio.create_task(
                a.say(b"".join(frames.send_packet(b.key, b"%08d" % n + bytes(n % 1500)) for n in range(count)))
            )
            for number in range(count):
                assert (await b.packet()).packet == b"%08d" % number + bytes(number % 1500)
            await sending

    run(scenario)


# --- offenders --------------------------------------------------------------------------------------------------------


async def _says(relay: Served, data: bytes) -> Line:
    line = await relay.connect()
    await line.write(data)
    return line


async def _says_plain(relay: Served, data: bytes) -> Line:
    line = await relay.connect(plain=True)
    await line.write(data)
    return line


async def _logs_in_with(relay: Served, frame: bytes) -> Line:
    line = await _says(relay, UPGRADE)
    await line.read_until(b"\r\n\r\n")
    await line.write(frame)
    return line


async def _says_logged_in(relay: Served, data: bytes) -> Line:
    client = await relay.login()
    await client.say(data)
    return client.line


async def _breaks_tls(relay: Served) -> Line:
    line = await _says_plain(relay, real_hello())
    await line.read()
    await line.write(b"\x17\x03\x03\x00\x20" + bytes(32))
    return line


async def _shake_hands(tls: TLSPeer, line: Line) -> None:
    while not tls.go_on(await line.read()):
        pass


async def _refuses_the_certificate(relay: Served) -> Line:
    context = client_context()
    context.verify_mode = ssl.CERT_REQUIRED
    tls = TLSPeer(context)
    line = await _says_plain(relay, tls.hello())
    with pytest.raises(ssl.SSLCertVerificationError):
        await _shake_hands(tls, line)
    await line.write(tls.pending())
    return line


async def _goes_away_in_the_handshake(relay: Served) -> Line:
    line = await _says_plain(relay, real_hello())
    await line.read()
    line.writer.write_eof()
    return line


async def _says_over_websocket(relay: Served, data: bytes) -> Line:
    line = await WebSocketLine.open(relay)
    await Line.write(line, data)
    return line


def _client_info_for_another_relay() -> bytes:
    return ClientHandshake(box.generate(), box.public_key(box.generate()).raw).client_info(ClientInfo())


Offence = Callable[[Served], Awaitable[Line]]

BEFORE_LOGIN: dict[str, tuple[Offence, str]] = {
    "junk": (lambda relay: _says_plain(relay, b"\x00\x01\x02junk"), "neither TLS nor HTTP"),
    "an SSH client": (lambda relay: _says_plain(relay, b"SSH-2.0-OpenSSH_9.2\r\n"), "neither TLS nor HTTP"),
    "TLS that is none": (lambda relay: _says_plain(relay, b"\x16\x03\x01\x00\x04junk"), "not a TLS ClientHello"),
    "plain HTTP": (lambda relay: _says_plain(relay, PAGE), "plain HTTP on the TLS port"),
    "HTTP/2 only": (
        lambda relay: _says_plain(relay, real_hello(alpn=["h2"])),
        "no common ALPN",
    ),
    "a broken record": (_breaks_tls, "tls: decryption failed or bad record mac"),
    "a refused certificate": (_refuses_the_certificate, "tls: tlsv1 alert unknown ca"),
    "a handshake given up": (_goes_away_in_the_handshake, "closed by the other side"),
    "junk inside TLS": (lambda relay: _says(relay, b"\xff" * 200 + b"\r\n\r\n"), "malformed HTTP"),
    "a head without end": (lambda relay: _says(relay, b"GET / HTTP/1.1\r\nX: " + b"x" * 20000), "malformed HTTP"),
    "a bad box": (lambda relay: _logs_in_with(relay, _client_info_for_another_relay()), "login (bad_box)"),
    "a ClientInfo too long": (
        lambda relay: _logs_in_with(relay, serialize(FrameType.CLIENT_INFO, bytes(1 << 20))[:100]),
        "login (frame_too_long)",
    ),
    "another frame first": (lambda relay: _logs_in_with(relay, frames.ping(bytes(8))), "login (not_client_info)"),
    "HTTP instead of DERP": (lambda relay: _logs_in_with(relay, PAGE), "login (not_client_info)"),
    "a text message": (
        lambda relay: _says_over_websocket(relay, b"\x81\x82\0\0\0\0hi"),
        "protocol violation (websocket_text)",
    ),
    "an unmasked message": (
        lambda relay: _says_over_websocket(relay, b"\x82\x02hi"),
        "protocol violation (websocket)",
    ),
}

LOGGED_IN: dict[str, tuple[Offence, str]] = {
    "an oversized packet": (
        lambda relay: _says_logged_in(relay, serialize(FrameType.SEND_PACKET, bytes(32 + 65537))[:40]),
        "protocol violation (frame_too_long)",
    ),
    "a mesh verb": (lambda relay: _says_logged_in(relay, frames.WATCH_CONNS), "protocol violation (not_mesh)"),
    "the length 0xffffffff": (
        lambda relay: _says_logged_in(relay, b"\x12\xff\xff\xff\xff"),
        "protocol violation (frame_too_long)",
    ),
}


@pytest.mark.parametrize("offence", [*BEFORE_LOGIN, *LOGGED_IN])
def test_an_offender_is_closed_and_counted_and_others_notice_nothing(offence: str) -> None:
    """Whoever breaks a rule is closed, stands in the counters under its reason, and disturbs nobody."""

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            await conversation.goes_on()
            commit, reason = (BEFORE_LOGIN | LOGGED_IN)[offence]
            line = await commit(relay)
            await line.read_all()
            if offence in BEFORE_LOGIN:
                assert relay.failures == {reason: 1}
                assert relay.disconnects == {}
            else:
                assert relay.failures == {}
                assert relay.disconnects == {reason: 1}
            await conversation.stop()
            assert len(relay.context.derp_connections) == 2
            assert len(relay.context.newcomers) == 0
            assert relay.context.relay.consistency_errors() == []

    run(scenario)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /derp HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (b"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 426),
        (WEBSOCKET.replace(b"MDEyMzQ1Njc4OWFiY2RlZg==", b"short"), 400),
        (WEBSOCKET.replace(b"Version: 13", b"Version: 8"), 426),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000), 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000, 431),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_a_wrong_request_is_answered_and_counted(request_bytes: bytes, status: int) -> None:
    """A request that leads nowhere gets an answer that says why, counted by its status, and never a 101."""

    async def scenario() -> None:
        async with serving() as relay:
            line = await _says(relay, request_bytes)
            got, body = await line.response()
            assert got == status
            assert body
            assert relay.context.events.http_requests == {status: 1}

    run(scenario)


def test_a_wrong_pin_is_counted_and_reported_once() -> None:
    """Clients that refuse the certificate are counted apart, and the first is reported with its address."""

    async def scenario() -> None:
        async with serving() as relay:
            reported: list[tuple[str, str]] = []
            relay.context.events.on_pin_rejected = lambda ip, alert: reported.append((ip, alert))
            for _ in range(2):
                await (await _refuses_the_certificate(relay)).read_all()
            await until(lambda: relay.context.events.certificate_rejections == 2)
            assert reported == [("127.0.0.1", "unknown ca")]

    run(scenario)


def test_connections_reset_at_any_point_leave_nothing_behind() -> None:
    """Wherever a peer resets its connection, in TLS, HTTP, upgrade or login, nothing of it stays in the tables."""

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            info = ClientHandshake(box.generate(), relay.public_key).client_info(ClientInfo())
            fast = UPGRADE.replace(b"\r\n\r\n", b"\r\nDerp-Fast-Start: 1\r\n\r\n")
            for said in (b"", PAGE, UPGRADE, UPGRADE + info, fast, fast + info, WEBSOCKET):
                for turns in range(5):
                    tls = TLSPeer()
                    line = await _says_plain(relay, tls.hello())
                    await _shake_hands(tls, line)
                    line.writer.write(tls.pending() + tls.seal(said))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    line.reset()
            await until(lambda: len(relay.context.newcomers) == 0 and len(relay.context.derp_connections) == 2)
            await conversation.stop()
            assert relay.context.relay.consistency_errors() == []

    run(scenario)


# --- peers that do not read -------------------------------------------------------------------------------------------


def test_a_client_that_never_reads_is_closed() -> None:
    """What waits for it is bounded while it does not read; after the write timeout it is closed, others are not."""
    limits = QueueLimits(data_bytes=100_000)

    async def scenario() -> None:
        async with serving(limits=limits, write_timeout_s=0.4, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            sender = await relay.login()
            deaf = await relay.login(receive_bytes=4096)
            deaf.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            burst = frames.send_packet(deaf.key, bytes(1200)) * 200
            while deaf.key in relay.context.relay.registry.active:
                await sender.say(burst)
                assert relay.context.relay.queued_bytes < 150_000
                await asyncio.sleep(0)
            assert relay.disconnects == {"write timeout": 1}
            assert relay.context.watch.timeouts == 1
            assert relay.context.relay.stats.packets_dropped["queue_head", "other"] > 0
            assert relay.context.relay.stats.packets_dropped["write_error", "other"] > 0
            await conversation.stop()

    run(scenario)


def test_pings_of_a_client_that_never_reads_do_not_pile_up() -> None:
    """Pongs that find no room are dropped and counted; in the end the client is closed."""

    async def scenario() -> None:
        async with serving(write_timeout_s=0.4, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            deaf = await relay.login(receive_bytes=4096)
            deaf.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            pings = frames.ping(bytes(8)) * 1000
            while deaf.key in relay.context.relay.registry.active:
                deaf.line.writer.write(pings)
                await asyncio.sleep(0)
            assert relay.disconnects == {"write timeout": 1}
            assert relay.context.relay.stats.control_dropped > 0
            await conversation.stop()

    run(scenario)


@pytest.mark.parametrize("page", [PAGE, b"GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n"])
def test_answers_for_a_browser_that_never_reads_do_not_pile_up(page: bytes) -> None:
    """Requests in a row are answered as long as the answers are read, and not read themselves after that."""

    async def scenario() -> None:
        async with serving(small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            line = await relay.connect(receive_bytes=4096)
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            line.writer.write(page * 50_000)
            await until(lambda: relay.context.watch.timeouts == 1)
            assert 0 < relay.context.events.http_requests[200] < 2000
            await conversation.stop()

    run(scenario)


def test_requests_in_a_row_are_all_answered_and_hold_up_nobody() -> None:
    """A thousand requests in one write get their answers in order, while others exchange packets in between."""

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            line = await relay.connect()
            answered = PerTurn(lambda: relay.context.events.http_requests[200])
            line.writer.write(PAGE * 999 + PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            answers = await line.read_all()
            assert answers.count(b"HTTP/1.1 200 ") == answers.count(b"User-agent: *") == 1000
            assert answered.stop() <= 2
            await conversation.stop()

    run(scenario)


def test_websocket_pings_of_a_client_that_never_reads_do_not_pile_up() -> None:
    """Answers to WebSocket pings are left out once they would wait, and the client is closed in the end."""

    async def scenario() -> None:
        async with serving(write_timeout_s=0.4, small_buffers=True) as relay:
            conversation = await Conversation.start(relay)
            deaf = await websocket_login(relay, receive_bytes=4096)
            deaf.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            pings = (b"\x89\xfd" + bytes(4) + bytes(125)) * 500
            while deaf.key in relay.context.relay.registry.active:
                deaf.line.writer.write(pings)
                await asyncio.sleep(0)
            assert relay.disconnects == {"write timeout": 1}
            await conversation.stop()

    run(scenario)


def test_a_flood_of_small_websocket_frames_holds_up_nobody() -> None:
    """Many tiny WebSocket messages in one write are dealt with over several turns, in order."""

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            receiver = await relay.login()
            sender = await websocket_login(relay)
            packets = b"".join(frames.send_packet(receiver.key, b"%05d" % number) for number in range(400))
            messages = b"".join(b"\x82\x81\0\0\0\0" + packets[at : at + 1] for at in range(len(packets)))
            received = PerTurn(lambda: relay.context.relay.stats.packets_received)
            await Line.write(sender.line, messages)
            for number in range(400):
                assert (await receiver.packet()).packet == b"%05d" % number
            assert received.stop() <= 2 * SLICE_BYTES // (7 * 42) + 2  # a byte of the stream takes 7, a packet 42 bytes
            await conversation.stop()

    run(scenario)


# --- crowds -----------------------------------------------------------------------------------------------------------


def test_too_many_newcomers_push_out_the_one_that_has_dawdled_longest() -> None:
    """Connections that have not logged in are bounded in number; the oldest gives way, and a login still works."""

    async def scenario() -> None:
        async with serving(most_newcomers=10) as relay:
            lines = [await relay.connect(plain=True) for _ in range(15)]
            await until(lambda: relay.context.newcomers.evicted == 5)
            for line in lines[:5]:
                assert await line.read() == b""
            assert len(relay.context.newcomers) == 10
            a = await relay.login()
            await a.pong()
            assert await lines[5].read() == b""
            assert relay.failures == {"too many connections that have not logged in": 6}

    run(scenario)


CROWD = """
import resource, socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
print("here", flush=True)
sys.stdin.read()
"""


def test_two_thousand_connections_that_say_nothing_harm_nobody() -> None:
    """A crowd of silent connections from another process costs little memory, and others go on as before."""
    resource = pytest.importorskip("resource")
    count = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"needs {count + 200} descriptors, {hard} are allowed here")

    async def scenario() -> None:
        async with serving() as relay:
            conversation = await Conversation.start(relay)
            await conversation.goes_on()
            process = psutil.Process()
            before = process.memory_info().rss
            crowd = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CROWD, str(relay.port), str(count)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert crowd.stdin is not None
            assert crowd.stdout is not None
            assert await crowd.stdout.readline() == b"here\n"
            await until(lambda: len(relay.context.newcomers) == count)
            await conversation.goes_on()
            assert process.memory_info().rss - before < 40 << 20
            late = await relay.login()
            await late.pong()
            crowd.stdin.close()
            await crowd.wait()
            await until(lambda: len(relay.context.newcomers) == 0)
            assert relay.failures == {"closed by the other side": count}
            await conversation.stop()

    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        run(scenario, limit_s=60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_mesh_peer_is_admitted_by_its_key() -> None:
    """A client that shows the mesh key may watch, and is told of itself first."""

    async def scenario() -> None:
        async with serving() as relay:
            peer = await relay.login(info=ClientInfo(mesh_key=MESH_KEY))
            await peer.say(frames.WATCH_CONNS)
            present = await peer.message()
            assert isinstance(present, frames.PeerPresent)
            assert (present.key, present.flags) == (peer.key, frames.PresenceFlag.MESH_PEER)
            other = await relay.login(ideal_node="elsewhere")
            present = await peer.message()
            assert isinstance(present, frames.PeerPresent)
            assert (present.key, present.flags) == (other.key, frames.PresenceFlag.NOT_IDEAL)

    run(scenario)
