from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from ipaddress import ip_address

import pytest

from support.certificates import make_certificate, make_meta_certificate, server_context
from support.logins import CLIENT_KEY, CLIENT_PRIVATE, SERVER_KEY
from support.scripted_relay import Script, Session, routing_script, run, scripted_relay, until
from tailhub.client import (
    DERPClient,
    Health,
    PeerGone,
    PeerGoneReason,
    PeerPresent,
    ReceivedPacket,
    Restarting,
    ServerInfo,
)
from tailhub.derp import frames
from tailhub.derp.frames import FrameType, serialize
from tailhub.derp.handshake import ClientInfo
from tailhub.exceptions import (
    CertificateError,
    ConnectionClosedError,
    FrameError,
    HandshakeError,
    LocalError,
    UpgradeError,
)
from tailhub.keys import MeshKey, NodePublic

PEER = b"\x77" * 32
MESH_KEY = MeshKey(b"\xab" * 32)


async def plain(port: int, **options: object) -> DERPClient:
    return await DERPClient.connect("127.0.0.1", port, tls=False, **options)  # type: ignore[arg-type]


# --- connecting -------------------------------------------------------------------------------------------------------


def test_two_clients_exchange_packets() -> None:
    """What one client sends to the other's key arrives there with the sender's key, in order."""

    async def main() -> None:
        async with scripted_relay(routing_script()) as port, await plain(port) as a, await plain(port) as b:
            for n in range(50):
                await a.send(b.public_key if n % 2 else NodePublic(b.public_key), bytes((n,)) * n)
            received = [await b.recv() for _ in range(50)]
            assert received == [ReceivedPacket(a.public_key, bytes((n,)) * n) for n in range(50)]

    run(main())


def test_what_the_transport_knows() -> None:
    """The socket can be asked what this class does not tell; what there is not is None."""

    async def main() -> None:
        async with scripted_relay(routing_script()) as port, await plain(port) as client:
            assert client.get_extra_info("socket").getpeername() == ("127.0.0.1", port)
            assert client.get_extra_info("ssl_object") is None

    run(main())


def test_who_we_are_is_said_at_login() -> None:
    """Key, mesh key, prober mark, app name, ideal node and home go out with the login."""
    seen: list[Session] = []

    async def script(session: Session) -> None:
        await session.log_in()
        seen.append(session)
        assert await session.frame() == (FrameType.NOTE_PREFERRED, b"\1")

    async def main() -> None:
        async with scripted_relay(script) as port:
            client = await plain(
                port, private_key=CLIENT_PRIVATE, mesh_key=MESH_KEY, is_prober=True, can_ack_pings=False,
                app_name="test", ideal_node="900a", preferred=True,
            )  # fmt: skip
            assert client.public_key == CLIENT_KEY
            assert client.server_key == SERVER_KEY
            assert client.server_info == ServerInfo()
            assert client.peer_certificate_der is None
            await client.close()

    run(main())
    assert seen[0].info == ClientInfo(mesh_key=MESH_KEY, is_prober=True, app_name="test")
    assert seen[0].client_key == CLIENT_KEY
    assert b"\r\nIdeal-Node: 900a\r\n" in seen[0].head
    assert b"\r\nHost: 127.0.0.1:" in seen[0].head


def test_without_a_private_key_each_connection_has_its_own() -> None:
    """A client that names no key is somebody new each time."""

    async def main() -> None:
        async with scripted_relay(routing_script()) as port, await plain(port) as a, await plain(port) as b:
            assert a.public_key != b.public_key

    run(main())


@pytest.mark.parametrize("fast_start", [True, False])
@pytest.mark.parametrize("with_meta", [True, False])
def test_fast_start_is_used_where_it_is_offered(fast_start: bool, with_meta: bool) -> None:
    """With a meta certificate the login needs no HTTP response; without one, or if unwanted, it is the normal one."""
    leaf = make_certificate(ips=["127.0.0.1"])
    others = [make_meta_certificate(SERVER_KEY)] if with_meta else []

    async def main() -> None:
        async with (
            scripted_relay(routing_script(), server_context(leaf, *others)) as port,
            await DERPClient.connect("127.0.0.1", port, cert_name=leaf.pin, fast_start=fast_start) as client,
        ):
            assert client.used_fast_start is (fast_start and with_meta)
            assert client.server_key == SERVER_KEY
            assert client.peer_certificate_der == leaf.der
            assert await client.ping() < 10

    run(main())


def test_no_fast_start_below_tls_1_3() -> None:
    """Where certificates travel in the clear a meta certificate is not used."""
    leaf = make_certificate()
    context = server_context(leaf, make_meta_certificate(SERVER_KEY), tls_1_2=True)

    async def main() -> None:
        async with (
            scripted_relay(routing_script(), context) as port,
            await DERPClient.connect("127.0.0.1", port, cert_name=leaf.pin) as client,
        ):
            assert not client.used_fast_start

    run(main())


@pytest.mark.parametrize("what", ["pin", "untrusted"])
def test_a_wrong_certificate_ends_it_before_a_byte_is_sent(what: str) -> None:
    """A relay with another certificate than the pinned one, or an unknown one, hears nothing from us."""
    heard: list[bytes] = []

    async def script(session: Session) -> None:
        heard.append(await session.reader.read(1))

    async def main() -> None:
        leaf = make_certificate(ips=["127.0.0.1"])
        async with scripted_relay(script, server_context(leaf)) as port:
            pin = make_certificate().pin if what == "pin" else None
            with pytest.raises(CertificateError, match=leaf.pin if what == "pin" else "self-signed") as caught:
                await DERPClient.connect("127.0.0.1", port, cert_name=pin)
            assert f"127.0.0.1:{port}" in str(caught.value)
            assert caught.value.reason == ("cert_pin" if what == "pin" else "cert_untrusted")

    run(main())
    assert not any(heard)


def test_a_name_of_its_own_for_the_certificate() -> None:
    """A relay dialled by address may be known by a name, which its certificate must then have."""
    ca = make_certificate(common_name="test CA", is_ca=True)
    leaf = make_certificate(dns_names=["relay.example"], issuer=ca)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(cadata=ca.pem.decode())

    async def main() -> None:
        async with scripted_relay(routing_script(), server_context(leaf)) as port:
            async with await DERPClient.connect(
                "127.0.0.1", port, server_name="relay.example", ssl_context=trusting
            ) as client:
                assert client.endpoint.host_header == f"relay.example:{port}"
            with pytest.raises(CertificateError, match=r"not valid for 'other.example'.* is server_name"):
                await DERPClient.connect("127.0.0.1", port, server_name="other.example", ssl_context=trusting)
            async with await DERPClient.connect("127.0.0.1", port, insecure=True):
                pass

    run(main())


def test_a_port_that_refuses() -> None:
    """Where nobody listens the operating system's error comes out."""

    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, not listening
            with pytest.raises(ConnectionRefusedError):
                await plain(taken.getsockname()[1])

    run(main())


def test_something_else_behind_the_port() -> None:
    """A web server's answer comes out as UpgradeError with its status and words."""

    async def script(session: Session) -> None:
        await session.read_request()
        session.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\ngo away!")
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            with pytest.raises(UpgradeError, match="found 403: go away!") as caught:
                await plain(port)
            assert (caught.value.status, caught.value.body) == (403, b"go away!")

    run(main())


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("accept", "the answer to the upgrade did not come"),
        ("upgrade", "ServerKey did not come"),
        ("login", "did not let us in"),
    ],
)
def test_a_silent_relay_is_given_up(stage: str, text: str) -> None:
    """After the time limit the error says what was waited for."""

    async def script(session: Session) -> None:
        if stage == "upgrade":
            await session.read_request()
            session.write(b"HTTP/1.1 101 x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n")
        elif stage == "login":
            await session.log_in(admit=False)
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            with pytest.raises(ConnectionClosedError if stage == "login" else TimeoutError, match=text):
                await plain(port, timeout_s=0.1)

    run(main())


def test_a_tls_handshake_that_stalls_is_given_up() -> None:
    """A port that accepts and says nothing ends in TimeoutError."""

    async def main() -> None:
        async with scripted_relay(lambda session: session.until_closed()) as port:
            with pytest.raises(TimeoutError, match=r"no TCP connection and TLS handshake within 0.1 s"):
                await DERPClient.connect("127.0.0.1", port, insecure=True, timeout_s=0.1)

    run(main())


def test_a_relay_that_does_not_let_us_in_may_say_why() -> None:
    """The Health text of a relay that holds or closes a login is in the error."""

    async def hold(session: Session) -> None:
        await session.log_in(frames.health("not on the list"), admit=False)
        await session.until_closed()

    async def close(session: Session) -> None:
        await session.log_in(frames.health("not on the list"), admit=False)

    async def main() -> None:
        async with scripted_relay(hold) as port:
            with pytest.raises(ConnectionClosedError, match=r"did not let us in within .* it says: not on the list"):
                await plain(port, timeout_s=0.1)
        async with scripted_relay(close) as port:
            with pytest.raises(ConnectionClosedError, match=r"the relay closed .* it says: not on the list"):
                await plain(port)

    run(main())


def test_admission_may_be_left_open() -> None:
    """Without waiting for admission the connection is there at once, and Health and ServerInfo come as messages."""
    gate = asyncio.Event()

    async def script(session: Session) -> None:
        await session.log_in(frames.health("full"), admit=False)
        await gate.wait()
        session.admit(ServerInfo(rate_bytes_per_s=7, rate_burst_bytes=70000))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port, wait_admission=False) as client:
            assert client.server_info is None
            assert await client.recv() == Health("full")
            gate.set()
            assert await client.recv() == ServerInfo(2, 7, 70000)
            assert client.server_info == ServerInfo(2, 7, 70000)

    run(main())


def test_a_bad_login_is_a_handshake_error() -> None:
    """A ServerInfo that does not open comes out as HandshakeError."""

    async def script(session: Session) -> None:
        await session.log_in(serialize(FrameType.SERVER_INFO, bytes(60)), admit=False)
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            with pytest.raises(HandshakeError, match="does not open"):
                await plain(port)

    run(main())


def test_arguments_that_cannot_be() -> None:
    """A malformed pin, a host no header can carry and contradictory arguments are refused without connecting."""

    async def main() -> None:
        for pin in ("sha256-raw:ab", "sha256-raw:" + "AB" * 32, "sha256:" + "ab" * 32, "sha256-raw:" + "a:" * 32):
            with pytest.raises(LocalError, match="64 lower-case hexadecimal digits"):
                await DERPClient.connect("127.0.0.1", cert_name=pin)
        with pytest.raises(LocalError, match="insecure"):
            await DERPClient.connect("127.0.0.1", insecure=True, ssl_context=ssl.create_default_context())
        async with scripted_relay(routing_script()) as port:
            with pytest.raises(LocalError, match="HTTP header"):
                await plain(port, ideal_node="a\nb")
            with pytest.raises(LocalError, match="DNS"):
                await plain(port, server_name="\u00fc" * 80)

    run(main())


def test_cancelling_a_login_closes_it() -> None:
    """A task cancelled while it connects leaves no connection behind."""
    closed = asyncio.Event()

    async def script(session: Session) -> None:
        await session.log_in(admit=False)
        await session.until_closed()
        closed.set()

    async def main() -> None:
        async with scripted_relay(script) as port:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await plain(port)
            await closed.wait()

    run(main())


# --- messages ---------------------------------------------------------------------------------------------------------


def test_everything_a_relay_tells_comes_as_a_message() -> None:
    """Packets, presence, health, restart, a new rate arrive in their order; keep-alives and unknown frames do not."""
    present = PeerPresent(PEER, ip_address("192.0.2.1"), 1234, 2)

    async def script(session: Session) -> None:
        await session.log_in()
        session.write(
            frames.KEEP_ALIVE,
            frames.recv_packet(PEER, b"hi"),
            frames.peer_gone(PEER, PeerGoneReason.NOT_HERE),
            serialize(0x42, bytes(100)),
            present.serialize(),
            frames.health("trouble"),
            frames.restarting(100, 2000),
        )
        session.admit(ServerInfo(rate_bytes_per_s=5, rate_burst_bytes=65568))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            assert [await client.recv() for _ in range(6)] == [
                ReceivedPacket(PEER, b"hi"),
                PeerGone(PEER, PeerGoneReason.NOT_HERE),
                present,
                Health("trouble"),
                Restarting(0.1, 2.0),
                ServerInfo(2, 5, 65568),
            ]

    run(main())


def test_pings_of_the_relay_are_answered_while_nobody_receives() -> None:
    """The relay's ping is answered without a call of ours."""

    async def script(session: Session) -> None:
        await session.log_in()
        session.write(frames.ping(b"01234567"))
        assert await session.frame() == (FrameType.PONG, b"01234567")
        session.write(frames.health("answered"))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(_reading_pongs(script)) as port, await plain(port) as client:
            assert await client.recv() == Health("answered")

    run(main())


def _reading_pongs(script: Script) -> Script:
    """A server skips Pong; this one reads it."""

    async def wrapped(session: Session) -> None:
        session._decoder._limits = {**frames.SERVER_LIMITS, FrameType.PONG: (8, 8)}
        await script(session)

    return wrapped


def test_ping_measures_and_gives_up() -> None:
    """A ping gives the round trip; without an answer it ends in TimeoutError, and a late answer harms nothing."""
    pings: list[bytes] = []

    async def script(session: Session) -> None:
        await session.log_in()
        for answer in (True, False, True):
            _, body = await session.frame()
            if answer:
                session.write(*(frames.pong(data) for data in [*pings, body]))
            pings.append(body)
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            assert 0 < await client.ping() < 10
            with pytest.raises(TimeoutError, match=r"no pong within 0.05 s"):
                await client.ping(timeout_s=0.05)
            assert 0 < await client.ping() < 10

    run(main())
    assert len(set(pings)) == 3


def test_the_home_is_noted() -> None:
    """`note_preferred` sends the frame with the value given."""
    got: list[tuple[int, bytes]] = []

    async def script(session: Session) -> None:
        await session.log_in()
        got.extend([await session.frame(), await session.frame()])

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            await client.note_preferred(True)
            await client.note_preferred(False)
            await until(lambda: len(got) == 2)

    run(main())
    assert got == [(FrameType.NOTE_PREFERRED, b"\1"), (FrameType.NOTE_PREFERRED, b"\0")]


def test_mesh_verbs() -> None:
    """A mesh peer can watch, forward and close; a client without a mesh key is told that it cannot."""
    got: list[tuple[int, bytes]] = []

    async def script(session: Session) -> None:
        await session.log_in()
        got.extend([await session.frame() for _ in range(3)])
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            async with await plain(port, mesh_key=MESH_KEY) as client:
                await client.watch_conns()
                await client.forward_packet(PEER, NodePublic(CLIENT_KEY), b"fwd")
                await client.close_peer(PEER)
                await until(lambda: len(got) == 3)
            async with await plain(port) as client:
                for verb in (client.watch_conns(), client.forward_packet(PEER, PEER, b""), client.close_peer(PEER)):
                    with pytest.raises(LocalError, match="mesh_key"):
                        await verb

    run(main())
    assert got == [
        (FrameType.WATCH_CONNS, b""),
        (FrameType.FORWARD_PACKET, PEER + CLIENT_KEY + b"fwd"),
        (FrameType.CLOSE_PEER, PEER),
    ]


def test_our_own_mistakes_harm_nothing() -> None:
    """A packet that is too long and a key of a wrong length raise LocalError; the connection goes on."""

    async def main() -> None:
        async with scripted_relay(routing_script()) as port, await plain(port) as client:
            with pytest.raises(LocalError, match="65536"):
                await client.send(PEER, bytes(65537))
            with pytest.raises(LocalError, match="32 bytes, found 31"):
                await client.send(bytes(31), b"")
            await client.send(client.public_key, bytes(65536))
            assert await client.recv() == ReceivedPacket(client.public_key, bytes(65536))

    run(main())


def test_a_slow_receiver_stops_the_reading() -> None:
    """A client that does not receive holds no more than its limit and what is under way; nothing is lost later."""
    packet = frames.recv_packet(PEER, bytes(10_000))
    sent = 0

    async def script(session: Session) -> None:
        nonlocal sent
        await session.log_in()
        session.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        for _ in range(3000):
            session.write(packet)
            await session.writer.drain()
            sent += 1
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port, max_queue_bytes=100_000) as client:
            await until(lambda: client._queue.is_full)
            before = -1
            while before != sent:  # until the relay is stuck
                before = sent
                await asyncio.sleep(0.1)
            assert client._queue._bytes < 100_000 + 2 * (256 << 10)
            assert sent < 3000
            for _ in range(3000):
                assert await client.recv() == ReceivedPacket(PEER, bytes(10_000))

    run(main())


def test_each_message_goes_to_one_receiver() -> None:
    """Several tasks may receive; together they get every message once, and all learn of the end."""

    async def script(session: Session) -> None:
        await session.log_in()
        session.write(*(frames.recv_packet(PEER, bytes((n,))) for n in range(200)))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port:
            client = await plain(port)
            got: list[object] = []

            async def receive() -> None:
                async for message in client:
                    got.append(message)
                    await asyncio.sleep(0)

            tasks = [asyncio.create_task(receive()) for _ in range(3)]
            await until(lambda: len(got) == 200)
            await client.close()
            await asyncio.gather(*tasks)
            assert sorted(m.packet[0] for m in got if isinstance(m, ReceivedPacket)) == list(range(200))

    run(main())


# --- the end ----------------------------------------------------------------------------------------------------------


def test_our_own_close_ends_iteration_and_everything_else() -> None:
    """After `close` iteration ends quietly, and `recv`, `send` and `ping` raise; closing twice is fine."""

    async def main() -> None:
        async with scripted_relay(routing_script()) as port:
            client = await plain(port)

            got: list[object] = []

            async def iterate() -> None:
                async for message in client:
                    got.append(message)

            waiting = asyncio.create_task(iterate())
            await client.send(client.public_key, b"last")
            await until(lambda: bool(got))
            await client.close()
            await client.close()
            await waiting
            assert got == [ReceivedPacket(client.public_key, b"last")]
            assert client.is_closed
            for call in (client.recv(), client.send(PEER, b""), client.ping()):
                with pytest.raises(ConnectionClosedError, match="closed by us"):
                    await call

    run(main())


def test_what_was_sent_before_a_close_arrives() -> None:
    """`close` lets what was written go out, through TLS too."""
    leaf = make_certificate()
    got: list[bytes] = []

    async def script(session: Session) -> None:
        await session.log_in()
        while True:
            kind, body = await session.frame()
            if kind == -1:
                got.append(b"end")
                return
            got.append(body[32:])

    async def main() -> None:
        async with scripted_relay(script, server_context(leaf)) as port:
            client = await DERPClient.connect("127.0.0.1", port, cert_name=leaf.pin)
            for _ in range(20):
                await client.send(PEER, bytes(30_000))
            await client.close()
            await until(lambda: got[-1:] == [b"end"])

    run(main())
    assert got[:-1] == [bytes(30_000)] * 20


def test_the_relay_closes() -> None:
    """When the relay closes, messages that came before are given first, then the error says who it was."""

    async def script(session: Session) -> None:
        await session.log_in()
        session.write(frames.recv_packet(PEER, b"last words"))

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            pinging = asyncio.create_task(client.ping())
            await until(lambda: client.is_closed)
            assert await client.recv() == ReceivedPacket(PEER, b"last words")
            with pytest.raises(ConnectionClosedError, match=f"127.0.0.1:{port}: the relay closed the connection"):
                await client.recv()
            with pytest.raises(ConnectionClosedError, match="the relay closed"):
                async for _ in client:
                    pass
            with pytest.raises(ConnectionClosedError):
                await pinging

    run(main())


def test_a_relay_that_breaks_the_protocol_is_left() -> None:
    """A frame of a wrong length closes the connection; the error says what was wrong and carries its cause."""

    async def script(session: Session) -> None:
        await session.log_in()
        await session.frame()
        session.write(serialize(FrameType.RECV_PACKET, bytes(31)))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            await client.note_preferred(True)
            with pytest.raises(ConnectionClosedError, match="the relay broke the protocol: RECV_PACKET") as caught:
                await client.recv()
            assert isinstance(caught.value.__cause__, FrameError)

    run(main())


def test_a_fault_of_our_own_wakes_whoever_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody thought of ends the connection with a reason and a traceback instead of a hang."""

    async def script(session: Session) -> None:
        await session.log_in()
        await session.frame()
        session.write(frames.health("x"))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            monkeypatch.setattr("tailhub.derp.frames.parse_health", lambda body: 1 // 0)
            await client.note_preferred(True)
            with pytest.raises(ConnectionClosedError, match="a fault in this client: ZeroDivisionError"):
                await client.recv()

    run(main())
    assert "ZeroDivisionError" in caplog.text


def test_a_silent_connection_is_dead() -> None:
    """Without a whole frame for the idle time the connection is closed; bytes of an unfinished one do not count."""

    async def script(session: Session) -> None:
        await session.log_in()
        session.write(b"\x05\x00\x00\xff\xff")
        while not session.writer.is_closing():
            session.write(b"x")
            await asyncio.sleep(0.01)

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port, idle_timeout_s=0.15) as client:
            with pytest.raises(ConnectionClosedError, match=r"closed by us, no frame for 0.15 s"):
                await client.recv()

    run(main())


def test_keep_alives_keep_it_alive() -> None:
    """Any frame within the idle time, a KeepAlive too, keeps the connection."""
    kept = 0

    async def script(session: Session) -> None:
        nonlocal kept
        await session.log_in()
        for _ in range(40):
            session.write(frames.KEEP_ALIVE)
            kept += 1
            await asyncio.sleep(0.02)
        session.write(frames.health("still here"))
        await session.until_closed()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port, idle_timeout_s=0.6) as client:
            assert await client.recv() == Health("still here")

    run(main())
    assert kept == 40


def test_a_relay_that_pings_and_never_reads_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pongs for a relay that does not read stop once enough of them wait."""
    monkeypatch.setattr("tailhub.client.derp_client._CLOSE_S", 0.05)

    async def script(session: Session) -> None:
        await session.log_in()
        session.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await session.frame()
        session.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            session.write(frames.ping(b"01234567") * 500)
            await session.writer.drain()
        session.write(frames.health("enough"))
        await asyncio.Event().wait()

    async def main() -> None:
        async with scripted_relay(script) as port, await plain(port) as client:
            client._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            await client.note_preferred(True)
            assert await client.recv() == Health("enough")
            assert client._writer.transport.get_write_buffer_size() > 0
            assert client._writer.transport.get_write_buffer_size() < 512 << 10

    run(main())


def test_closing_does_not_wait_for_a_relay_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """`close` comes back although the relay neither reads nor closes, with unsent bytes too."""
    monkeypatch.setattr("tailhub.client.derp_client._CLOSE_S", 0.05)

    async def script(session: Session) -> None:
        await session.log_in()
        session.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def main() -> None:
        async with scripted_relay(script) as port:
            client = await plain(port)
            sending = asyncio.create_task(_send_for_ever(client))
            await until(lambda: client._writer.transport.get_write_buffer_size() > 0)
            await client.close()
            with pytest.raises(ConnectionClosedError):
                await sending

    run(main())


async def _send_for_ever(client: DERPClient) -> None:
    while True:
        await client.send(PEER, bytes(60_000))


def test_nothing_is_left_behind(recwarn: pytest.WarningsRecorder) -> None:
    """A connection that was closed leaves no open transport and no task."""

    async def main() -> None:
        leaf = make_certificate()
        async with scripted_relay(routing_script(), server_context(leaf)) as port:
            before = len(asyncio.all_tasks())
            for _ in range(3):
                async with await DERPClient.connect("127.0.0.1", port, cert_name=leaf.pin):
                    pass
            await until(lambda: len(asyncio.all_tasks()) == before)

    gc.collect()  # of other tests
    recwarn.clear()
    run(main())
    gc.collect()
    assert not [str(w.message) for w in recwarn if issubclass(w.category, ResourceWarning)]
