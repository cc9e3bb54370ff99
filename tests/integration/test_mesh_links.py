"""Links to other relays over real sockets: how they come about, what they say of it, and how they end."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from support.certificates import make_certificate, server_context
from support.logins import SERVER_KEY
from support.mesh_world import QUICK, Node, Wire, node, only_state, spec_at, spec_of, until_phase, until_up
from support.scripted_relay import Session, scripted_relay
from support.served import MESH_KEY, Client
from support.waiting import run, until
from tailhub import __version__, box
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.frames import FrameType
from tailhub.derp.handshake import OWN_APP, ServerInfo
from tailhub.derp.messages import ReceivedPacket
from tailhub.derp.upgrade import derp_response
from tailhub.keys import MeshKey
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.connection import Connection, Identity, Sink
from tailhub.relay.relay import Relay
from tailhub.server.mesh.link_socket import Pulse
from tailhub.server.mesh.link_state import LinkPhase, LinkState

OTHER_KEY = MeshKey(b"\x77" * 32)
NGINX = b"HTTP/1.1 404 Not Found\r\nServer: nginx/1.24.0\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n"


async def login(where: Node) -> Client:
    """A client there."""
    if where.front.tls:
        return await where.served.login()
    private = box.generate()
    client = Client(await where.served.connect(plain=True), private, ClientProtocol(private, "relay.test"))
    await client.send_pending()
    while client.protocol.waiting_for:
        await client.receive()
    return client


async def sends(src: Client, dst: Client, packet: bytes) -> None:
    """A packet goes from the one to the other."""
    await src.send(dst.key, packet)
    assert await dst.packet() == ReceivedPacket(src.key, packet)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of links."""
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("mesh    ")]


@pytest.fixture(name="log")
def _log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "tailhub")
    return caplog


# --- a link that is up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [True, False])
def test_clients_of_two_relays_reach_each_other(tls: bool) -> None:
    """Two relays that link to each other carry packets between their clients, with TLS and without."""

    async def scenario() -> None:
        async with node(1, tls=tls) as a, node(2, tls=tls) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            b.links.take([spec_of(a)], [MESH_KEY])
            left, right = await login(a), await login(b)
            await until(lambda: a.knows(right.key) and b.knows(left.key))
            await sends(left, right, b"there")
            await sends(right, left, b"and back")
            assert (only_state(a).forwarded_packets, only_state(a).forwarded_bytes) == (1, len(b"there"))

    run(scenario)


def test_three_relays_with_links_to_each_other_are_one_region() -> None:
    """With three relays each client reaches those of both others."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b, node(3) as c:
            nodes = [a, b, c]
            for one in nodes:
                one.links.take([spec_of(other) for other in nodes if other is not one], [MESH_KEY])
            clients = {one.served.port: await login(one) for one in nodes}
            for one in nodes:
                others = [client.key for port, client in clients.items() if port != one.served.port]
                await until(lambda one=one, others=others: all(one.knows(key) for key in others))
            for src in clients.values():
                for dst in clients.values():
                    if src is not dst:
                        await sends(src, dst, b"hello")

    run(scenario)


def test_a_link_knows_whom_it_leads_to(log: pytest.LogCaptureFixture) -> None:
    """A link that is up shows the other relay's key and version, its mesh peers and the round trip."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            state = await until_up(a)
            assert (state.server_key, state.version) == (b.served.public_key, __version__)
            assert (state.peers, state.connects, state.reason) == ([a.served.public_key], 1, "")
            assert state.rtt_s is not None
            assert state.rtt_s > 0

    run(scenario)
    assert [line for line in lines(log) if line.endswith("is up")] == lines(log)


def test_a_relay_with_tls_1_2_only_is_linked_to() -> None:
    """Where TLS 1.3 is not to be had, a link logs in the longer way: certificates may then be anybody's."""
    leaf = make_certificate(ips=["127.0.0.1"])

    async def scenario() -> None:
        context = server_context(leaf, tls_1_2=True)
        async with node(1) as a, node(2, context=context) as b, node(3, context=context) as itself:
            a.links.take([replace(spec_of(b), cert_name=leaf.pin)], [MESH_KEY])
            await until_up(a)
            itself.links.take([replace(spec_of(itself), cert_name=leaf.pin)], [MESH_KEY])
            await until_phase(itself, LinkPhase.SELF)

    run(scenario)


@pytest.mark.parametrize("cut", [0, 3, 20])
def test_what_comes_with_the_end_of_the_login_is_not_lost(cut: int) -> None:
    """Frames behind ServerInfo, in the same read or cut in two, are read as all others."""

    async def scenario() -> None:
        frame = frames.health("one moment")

        async def script(session: Session) -> None:
            await session.log_in()
            session.write(frame[:cut])
            while (await session.frame())[0] != FrameType.PING:
                pass
            session.write(frame[cut:])
            await session.until_closed()

        async with node(1) as a, scripted_relay(script) as port:
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            await until(lambda: only_state(a).says == "one moment")

    run(scenario)


def test_what_is_forwarded_is_summed_over_links() -> None:
    """The counters of a link go on when it has been down."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            left, right = await login(a), await login(b)
            for count in (1, 2):
                await until(lambda: a.knows(right.key))
                await sends(left, right, b"hello")
                assert only_state(a).forwarded_packets == count
                b.served.context.relay.close_peer(a.served.public_key)
                await until(lambda count=count: only_state(a).connects == count + 1)
            assert only_state(a).forwarded_bytes == 2 * len(b"hello")

    run(scenario)


def test_only_a_tailhub_relay_is_told_the_version() -> None:
    """ServerInfo is just the reference's for every other mesh peer."""

    async def scenario() -> None:
        async with node(1) as a:
            other = await a.served.login(mesh=True)
            assert other.protocol.server_info == ServerInfo()

    run(scenario)


# --- whom no link leads to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [True, False])
def test_a_relay_that_would_link_to_itself_notices(log: pytest.LogCaptureFixture, tls: bool) -> None:
    """An entry that leads to the relay itself is no link and no fault, and the relay gets no client by it."""

    async def scenario() -> None:
        async with node(1, tls=tls) as a:
            a.links.take([spec_of(a)], [MESH_KEY])
            assert (await until_phase(a, LinkPhase.SELF)).reason == ""
            assert a.served.context.relay.stats.accepts == 0

    run(scenario)
    assert [line.endswith("is this relay itself") for line in lines(log)] == [True]


def test_two_entries_for_one_relay_make_one_link() -> None:
    """Of two entries that lead to one relay one is a link; when that is taken away the other takes its place."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            first = spec_of(b)
            second = replace(first, text="localhost", dial_host="localhost")
            a.links.take([first, second], [MESH_KEY])
            await until(lambda: {state.phase for state in a.links.states} == {LinkPhase.UP, LinkPhase.SAME})
            is_first_up = a.links.states[0].phase is LinkPhase.UP
            a.links.take([second if is_first_up else first], [MESH_KEY])
            await until_up(a)
            await until(lambda: b.served.context.relay.registry.count == 1)

    run(scenario)


def test_the_other_way_to_a_relay_is_taken_when_the_first_is_cut() -> None:
    """When the link breaks that leads to a relay, another entry that leads there is tried at once."""

    async def scenario() -> None:
        times = replace(QUICK, pulse=Pulse(ask_s=0.02, silence_s=0.3), dial_s=0.3)
        async with node(1, times=times) as a, node(2) as b, Wire.to(b.served.port) as wire:
            direct, by_wire = spec_of(b), replace(spec_of(b), text="wire", port=wire.port)
            a.links.take([by_wire], [MESH_KEY])
            await until_up(a)
            a.links.take([by_wire, direct], [MESH_KEY])
            await until(lambda: a.links.states[1].phase is LinkPhase.SAME)
            wire.is_cut = True
            await until(lambda: a.links.states[1].phase is LinkPhase.UP)

    run(scenario)


def test_a_key_that_is_only_said_keeps_no_other_link_away() -> None:
    """A node that says that its key is another relay's, and proves nothing, neither takes nor delays the link there."""

    async def scenario() -> None:
        async with node(1) as a, node(3) as true:
            key, asked = true.served.public_key, asyncio.Event()

            async def script(session: Session) -> None:
                await session.read_request()
                session.write(derp_response(key), frames.server_key(key))
                await session.reader.read(65536)
                asked.set()
                await session.until_closed()

            async with scripted_relay(script) as port:
                poser = spec_at(port, tls=False)
                a.links.take([poser], [MESH_KEY])
                await asked.wait()
                a.links.take([poser, spec_of(true)], [MESH_KEY])
                await until(lambda: a.links.states[1].phase is LinkPhase.UP)
                assert a.links.states[0].phase is LinkPhase.CONNECTING
                assert [state.server_key for state in a.links.states] == [b"", key]

    run(scenario)


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_one_sentence(log: pytest.LogCaptureFixture) -> None:
    """A relay with another mesh key is named once, with what to do, however often it is tried."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [OTHER_KEY])
            assert (await until_phase(a, LinkPhase.REFUSED)).code == "TH531"
            await until(lambda: b.served.context.relay.stats.accepts > 5)
            assert only_state(a).connects == 0

    run(scenario)
    (line,) = lines(log)
    assert "does not take this relay for a mesh peer" in line
    assert "`mesh_key_file`" in line


def test_the_second_key_is_tried_when_the_first_is_refused() -> None:
    """While a key is being changed a link uses the one that the other relay takes."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [OTHER_KEY, MESH_KEY])
            await until_up(a)

    run(scenario)


def test_a_link_whose_key_is_gone_begins_anew() -> None:
    """A link that uses a mesh key which is ours no more is opened again with another one; others are left alone."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            await until_up(a)
            a.links.take([spec_of(b)], [OTHER_KEY, MESH_KEY])
            assert (await until_up(a)).connects == 1
            a.links.take([spec_of(b)], [OTHER_KEY])
            await until_phase(a, LinkPhase.REFUSED)

    run(scenario)


def test_a_newer_key_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link goes over to the first mesh key while the other relay takes both, and knows who is there all the time."""
    there: list[set[bytes]] = []  # the mesh keys of all links, whenever there is one more
    register = Relay.register

    def noted(relay: Relay, identity: Identity, sink: Sink) -> Connection:
        connection = register(relay, identity, sink)
        there.append({one.identity.mesh_mark for one in relay.registry if one.identity.is_mesh})
        return connection

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            context, client = b.served.context, await login(b)
            context.policy = AdmissionPolicy((MESH_KEY, OTHER_KEY))
            a.links.take([spec_of(b)], [MESH_KEY])
            await until(lambda: a.knows(client.key))
            monkeypatch.setattr(Relay, "register", noted)
            a.links.take([spec_of(b)], [OTHER_KEY, MESH_KEY])

            def marks() -> set[bytes]:
                assert a.knows(client.key)
                return {one.identity.mesh_mark for one in context.relay.registry if one.identity.is_mesh}

            await until(lambda: marks() == {OTHER_KEY.mark})
            assert there == [{MESH_KEY.mark, OTHER_KEY.mark}]
            assert (await until_up(a)).connects == 1
            a.links.take([spec_of(b)], [MESH_KEY, OTHER_KEY])
            a.links.take([], [MESH_KEY, OTHER_KEY])
            await until(lambda: context.relay.registry.count == 1)

    run(scenario)


def test_a_key_that_comes_while_a_relay_is_dialled_is_used_at_once() -> None:
    """A login that is under way with the key of before comes to nothing, and nobody says that it was refused."""

    async def scenario() -> None:
        shown: list[MeshKey | None] = []

        async def script(session: Session) -> None:
            if not shown:
                a.links.take(specs, [OTHER_KEY, MESH_KEY])
            await session.log_in()
            shown.append(session.info.mesh_key if session.info is not None else None)
            while (frame := await session.frame())[0] != -1:
                if frame[0] == FrameType.PING:
                    session.write(frames.pong(frame[1]))

        async with node(1) as a, scripted_relay(script) as port:
            specs = [spec_at(port, tls=False)]
            a.links.take(specs, [MESH_KEY])
            await until_up(a)
            assert (shown, only_state(a).reason) == ([MESH_KEY, OTHER_KEY], "")

    run(scenario)


def test_without_a_key_there_are_no_links() -> None:
    """Who has no mesh key keeps no links."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            await until_up(a)
            a.links.take([spec_of(b)], [])
            assert a.links.states == []
            await until(lambda: b.served.context.relay.registry.count == 0)

    run(scenario)


# --- certificates -----------------------------------------------------------------------------------------------------


def test_a_certificate_by_a_ca_is_good_for_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a CA of this machine has made the certificate, a relay is dialled at another address than its name's."""
    authority = make_certificate(common_name="our CA", is_ca=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    named = make_certificate(dns_names=["derp.example.com"], issuer=authority)

    async def scenario() -> None:
        async with node(1) as a, node(2, context=server_context(named)) as b:
            spec = spec_at(b.served.port, host="derp.example.com")
            spec = replace(spec, dial_host="127.0.0.1")
            a.links.take([spec], [MESH_KEY])
            await until_up(a)
            a.links.take([replace(spec, host="other.example.com")], [MESH_KEY])
            assert "other.example.com" in (await failure(a, "TH535")).reason
            a.links.take([replace(spec, host="other.example.com", cert_name="derp.example.com")], [MESH_KEY])
            await until_up(a)

    run(scenario)


def test_a_wrong_pin_shows_the_one_that_was_found(log: pytest.LogCaptureFixture) -> None:
    """When the certificate is another one, the log has the pin of what was found."""

    async def scenario() -> str:
        async with node(1) as a, node(2) as b:
            right = spec_of(b)
            a.links.take([replace(right, cert_name="sha256-raw:" + "0" * 64)], [MESH_KEY])
            await failure(a, "TH535")
            return right.cert_name

    pin = run(scenario)
    assert [f"found {pin}" in line for line in lines(log)] == [True]


def test_a_self_signed_certificate_needs_its_pin() -> None:
    """Without a pin a certificate that no CA has made is refused, and the reason says what would help."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([replace(spec_of(b), cert_name="")], [MESH_KEY])
            assert "self" in (await failure(a, "TH535")).reason

    run(scenario)


async def failure(one: Node, code: str) -> LinkState:
    """Wait until its only link has failed for this."""
    await until(lambda: only_state(one).code == code)
    assert only_state(one).phase is (LinkPhase.REFUSED if code == "TH531" else LinkPhase.WAITING)
    return only_state(one)


# --- who is no relay, or a bad one ------------------------------------------------------------------------------------

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Listens and does that with each connection; its port."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for writer in writers:
            writer.transport.abort()


async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Knows no /derp."""
    await reader.read(65536)
    writer.write(NGINX)
    writer.close()


async def ssh_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks first."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    await reader.read(65536)
    writer.write(b"Invalid SSH identification string.\r\n\r\n")
    writer.close()


async def leaver(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes whatever comes."""
    await reader.read(65536)
    writer.close()


@pytest.mark.parametrize(
    ("talk", "has_tls", "is_dialled_with_tls", "code", "says"),
    [
        (web_server, False, False, "TH536", "404 by nginx/1.24.0"),
        (web_server, True, True, "TH536", "404 by nginx/1.24.0"),
        (web_server, False, True, "TH536", "no TLS with it"),
        (ssh_server, False, False, "TH536", "not HTTP"),
        (leaver, False, False, "TH536", "closed the connection instead of answering"),
        (leaver, False, True, "TH539", "closed by the other side"),
    ],
)
def test_something_else_answers(talk: Talk, has_tls: bool, is_dialled_with_tls: bool, code: str, says: str) -> None:
    """Where a web server or anything else answers, the reason says what was found."""
    certificate = make_certificate(ips=["127.0.0.1"])

    async def scenario() -> None:
        async with node(1) as a, server(talk, server_context(certificate) if has_tls else None) as port:
            cert_name = certificate.pin if is_dialled_with_tls else ""
            a.links.take([spec_at(port, tls=is_dialled_with_tls, cert_name=cert_name)], [MESH_KEY])
            assert says in (await failure(a, code)).reason

    run(scenario)


def test_nothing_listens(log: pytest.LogCaptureFixture) -> None:
    """Where nothing listens, that is said once, with the address."""

    async def scenario() -> int:
        async with server(leaver) as port:
            pass
        async with node(1) as a:
            a.links.take([spec_at(port)], [MESH_KEY])
            await failure(a, "TH532")
            return port

    port = run(scenario)
    assert [f"Nothing listens at 127.0.0.1:{port}" in line for line in lines(log)] == [True]


@pytest.mark.parametrize(("tls", "expected"), [(True, "a TLS handshake"), (False, "the answer to the upgrade")])
def test_a_server_that_says_nothing_is_given_up(tls: bool, expected: str) -> None:
    """Who takes a connection and says nothing has so long for everything; the reason says what did not come."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario() -> None:
        async with node(1, times=replace(QUICK, dial_s=0.1)) as a, server(silent) as port:
            a.links.take([spec_at(port, tls=tls)], [MESH_KEY])
            await until(lambda: expected in only_state(a).reason)
            assert only_state(a).code == "TH534"

    run(scenario)


def test_a_relay_that_lets_nobody_in_says_why() -> None:
    """Who is not let in, which a mesh peer always is, has the wrong key; what the relay says of it is passed on."""

    async def scenario() -> None:
        async def script(session: Session) -> None:
            await session.log_in(frames.health("your mesh key is not ours"), admit=False)

        async with node(1) as a, scripted_relay(script) as port:
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            assert "your mesh key is not ours" in (await failure(a, "TH531")).reason

    run(scenario)


# --- other mesh peers, as a script has them ---------------------------------------------------------------------------


async def take(session: Session) -> None:
    """Log the relay in as a mesh peer and answer its first Ping."""
    await session.log_in()
    while True:
        kind, body = await session.frame()
        if kind == FrameType.PING:
            session.write(frames.pong(body))
            return
        assert kind == FrameType.WATCH_CONNS


def test_a_link_says_who_it_is() -> None:
    """A link logs in with the mesh key and as tailhub, asks who is there, and then whether that was all."""
    seen = []

    async def scenario() -> None:
        async def script(session: Session) -> None:
            await session.log_in()
            seen.extend([session.info, (await session.frame())[0], (await session.frame())[0], session.client_key])
            await session.until_closed()

        async with node(1) as a, scripted_relay(script) as port:
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            await until(lambda: len(seen) == 4)
            info, *kinds, key = seen
            assert (info.mesh_key, info.app_name) == (MESH_KEY, OWN_APP + __version__)
            assert (kinds, key) == ([FrameType.WATCH_CONNS, FrameType.PING], a.served.public_key)
            assert only_state(a).phase is LinkPhase.CONNECTING
            assert only_state(a).server_key == SERVER_KEY

    run(scenario)


@pytest.mark.parametrize(
    "bad",
    [
        frames.serialize(FrameType.PEER_PRESENT, b"short"),
        frames.serialize(FrameType.PEER_GONE, bytes(2000)),
        bytes((FrameType.PING,)) + b"\xff\xff\xff\xff",
    ],
)
def test_who_breaks_the_protocol_is_named_and_counted(log: pytest.LogCaptureFixture, bad: bytes) -> None:
    """A frame that may not be ends the link, which is opened again; the log names the relay once, not each time."""

    async def scenario() -> None:
        async def script(session: Session) -> None:
            await take(session)
            assert (await session.frame())[0] == FrameType.PING  # the link has seen that it is taken
            session.write(bad)
            await session.until_closed()

        async with node(1) as a, scripted_relay(script) as port:
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            await until(lambda: only_state(a).violations >= 3)
            assert only_state(a).code in ("TH538", "")

    run(scenario)
    assert [line.startswith("mesh    127.0.0.1:") for line in lines(log) if "breaks the protocol" in line] == [True]
    assert len(lines(log)) == 3  # up, down, up again; and no more of that


def test_what_the_other_relay_has_to_tell_is_in_the_log_once(log: pytest.LogCaptureFixture) -> None:
    """A relay's Health is passed on; repeating it does not fill the log."""

    async def scenario() -> None:
        async def script(session: Session) -> None:
            await take(session)
            session.write(frames.health("the disk is full") * 50)
            while (await session.frame())[0] != -1:
                pass

        async with node(1) as a, scripted_relay(script) as port:
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            await until(lambda: only_state(a).says == "the disk is full")

    run(scenario)
    assert len([line for line in lines(log) if line.endswith("says: the disk is full")]) == 1


def test_a_relay_that_does_not_read_is_given_up() -> None:
    """Who takes no packets holds nobody up: what waits is bounded, and the link ends with the write timeout."""

    async def scenario() -> None:
        key = b"\x05" * 32

        async def script(session: Session) -> None:
            await take(session)
            session.write(present(key))
            session.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket's transport
            await asyncio.Event().wait()

        async with node(1) as a, scripted_relay(script) as port:
            a.served.context.mesh_write_timeout_s = 0.1
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            client = await login(a)
            await until(lambda: a.knows(key))
            while only_state(a).phase is LinkPhase.UP:
                await client.send(key, bytes(60000))
            assert "write timeout" in only_state(a).reason
            assert only_state(a).dropped_packets > 0
            await client.pong()

    run(scenario)


def present(key: bytes) -> bytes:
    """A PeerPresent of a client somewhere."""
    return frames.PeerPresent(key, IPv4Address("192.0.2.1"), 1, 1).serialize()


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_silent_cut_is_noticed_and_mended(log: pytest.LogCaptureFixture) -> None:
    """When nothing comes any more the link is down and its keys are forgotten; as soon as it can be, it is up again."""

    async def scenario() -> None:
        times = replace(QUICK, pulse=Pulse(ask_s=0.02, silence_s=0.2), dial_s=0.2)
        async with node(1, times=times) as a, node(2) as b, Wire.to(b.served.port) as wire:
            a.links.take([replace(spec_of(b), port=wire.port)], [MESH_KEY])
            client = await login(b)
            await until(lambda: a.knows(client.key))
            wire.is_cut = True
            await until(lambda: only_state(a).phase is LinkPhase.WAITING)
            assert "no frame for 0.2 s" in only_state(a).reason
            assert not a.knows(client.key)
            wire.is_cut = False
            await until(lambda: a.knows(client.key))
            assert (await until_up(a)).connects >= 2

    run(scenario)
    assert lines(log)[-1].partition(" is up again after ")[1]


def test_links_end_in_good_order() -> None:
    """A relay that ends closes its links, TLS and all, so that the other one sees no error."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b:
            a.links.take([spec_of(b)], [MESH_KEY])
            await until_up(a)
            a.links.stop()
            assert a.links.states == []
            await until(lambda: b.served.disconnects)
            assert b.served.disconnects == {"closed by the other side": 1}

    run(scenario)


def test_an_entry_that_is_taken_away_leaves_nothing() -> None:
    """When `mesh_with` names a relay no more, its link ends and its keys are forgotten."""

    async def scenario() -> None:
        async with node(1) as a, node(2) as b, node(3) as c:
            a.links.take([spec_of(b), spec_of(c)], [MESH_KEY])
            at_b, at_c = await login(b), await login(c)
            await until(lambda: a.knows(at_b.key) and a.knows(at_c.key))
            a.links.take([spec_of(c)], [MESH_KEY])
            assert [state.server_key for state in a.links.states] == [c.served.public_key]
            assert (a.knows(at_b.key), a.knows(at_c.key)) == (False, True)

    run(scenario)


def test_a_dial_that_is_under_way_ends_with_the_link() -> None:
    """An entry that is taken away while it is dialled leaves no connection."""

    async def scenario() -> None:
        closed = asyncio.Event()

        async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            dialled.set()
            while await reader.read(1000):
                pass
            closed.set()

        dialled = asyncio.Event()
        async with node(1) as a, server(waiting) as port:
            a.links.take([spec_at(port, tls=False)], [MESH_KEY])
            await dialled.wait()
            a.links.take([], [MESH_KEY])
            await closed.wait()

    run(scenario)
