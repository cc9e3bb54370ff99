"""The server's parts together on loopback: bad input of every kind, while two other clients exchange packets."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable

import pytest

from support.browser import WEBSOCKET, WebSocketLine, websocket_login
from support.client_hellos import real_hello
from support.served import MESH_KEY, Conversation, Line, Served, serving
from support.tls_streams import TLSPeer, client_context
from support.waiting import run, until
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import FrameType, serialize
from tailhub.derp.handshake import ClientHandshake, ClientInfo
from tailhub.derp.messages import ReceivedPacket
from tailhub.relay.send_queue import QueueLimits

UPGRADE = b"GET /derp HTTP/1.1\r\nHost: relay.test\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n"
PAGE = b"GET /robots.txt HTTP/1.1\r\nHost: relay.test\r\n\r\n"


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
