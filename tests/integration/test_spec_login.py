"""The login over real connections: its order, its limits in time and size, and who is let in as what."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from support.wire import GONE, Wire, open_client, pass_time, relay, run
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import FrameType, PeerPresent, PresenceFlag, serialize
from tailhub.keys import NodePublic
from tailhub.relay.health import NO_MESH_KEY, OTHER_MESH_KEY
from tailhub.server import newcomers

MESH_KEY = "ab" * 32


@pytest.fixture
def mesh_key_file(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.key"
    file.write_text(MESH_KEY + "\n")
    file.chmod(0o600)
    return file


def info(**fields: object) -> bytes:
    return json.dumps(fields).encode()


# --- order ------------------------------------------------------------------------------------------------------------


def test_the_order_of_a_login() -> None:
    """ServerKey comes first and unasked, ServerInfo only after ClientInfo, and nothing else with them."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            assert await client.upgrade() == server.context.public_key
            await pass_time(5)
            assert not server.context.relay.registry.count
            client.write(client.client_info(server.context.public_key))
            frame_type, body = await client.frame()
            assert frame_type == FrameType.SERVER_INFO
            shared = box.shared_key(client.private, server.context.public_key)
            assert box.open_box(body, shared) == b'{"version":2}'
            assert await client.settle() == []

    run(scenario)


def test_frames_behind_client_info_count() -> None:
    """What a client sends in the flight of its ClientInfo, a home note for example, is dealt with after the login."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            await client.log_in(b"{}", behind=frames.note_preferred(True) + frames.ping(b"12345678"))
            assert await client.frame() == (FrameType.PONG, b"12345678")
            assert server.context.relay.home_connections == 1

    run(scenario)


def test_client_info_may_dribble() -> None:
    """A login is the same when its bytes come one by one."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            key = await client.upgrade()
            for byte in client.client_info(key):
                client.write(bytes((byte,)))
                await asyncio.sleep(0)
            assert (await client.frame())[0] == FrameType.SERVER_INFO

    run(scenario)


def test_a_second_client_info_is_ignored() -> None:
    """A client that introduces itself twice goes on as who it was."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            client.write(client.client_info(server.context.public_key, b"junk"), serialize(FrameType.CLIENT_INFO, b""))
            assert await client.settle() == []

    run(scenario)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [b"{}", b'{"version":1}', b'{"version":99,"new":[]}', info(CanAckPings=True)])
def test_any_object_is_enough(text: bytes) -> None:
    """Neither the version nor anything else in ClientInfo has to be there."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            assert await client.log_in(text) == b'{"version":2}'

    run(scenario)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"2", b"junk", info(meshKey="xyz"), info(meshKey="")])
def test_what_is_no_client_info_closes(text: bytes) -> None:
    """JSON that is no object, and a malformed mesh key, close the connection without ServerInfo."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            key = await client.upgrade()
            client.write(client.client_info(key, text))
            assert await client.frame() == GONE
            assert server.context.relay.registry.count == 0
            assert sum(server.context.events.failures.values()) == 1

    run(scenario)


@pytest.mark.parametrize(
    "frame",
    [
        serialize(FrameType.CLIENT_INFO, bytes(55)),
        serialize(FrameType.CLIENT_INFO, b"\x09" + bytes(99)),
        b"\x02\x00\x00\x40\x01",  # 16 KiB and a byte, judged by its header
        serialize(FrameType.SEND_PACKET, bytes(40)),
        serialize(FrameType.PING, bytes(8)),
        serialize(0x77, b""),
    ],
    ids=["too short", "bad box", "too long", "SendPacket", "Ping", "unknown type"],
)
def test_anything_else_first_closes(frame: bytes) -> None:
    """A ClientInfo of a wrong length, one that does not open, or another frame in its place closes the connection."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            await client.upgrade()
            client.write(frame)
            assert await client.frame() == GONE

    run(scenario)


# --- time -------------------------------------------------------------------------------------------------------------


def test_ten_seconds_for_the_login() -> None:
    """From ServerKey on a client has 10 s for its ClientInfo, however long TLS and HTTP took."""

    async def scenario() -> None:
        async with relay() as server:
            silent, late = await Wire.open(server), await Wire.open(server)
            await pass_time(20)
            key = await silent.upgrade()
            await late.upgrade()
            await pass_time(9)
            late.write(late.client_info(key))
            assert (await late.frame())[0] == FrameType.SERVER_INFO
            silent.write(silent.client_info(key)[:50])
            await pass_time(2)
            assert len(server.context.newcomers) == 0
            assert await silent.frame() == GONE
            await pass_time(40)
            await late.settle()

    run(scenario)


@pytest.mark.parametrize("said", ["nothing", "part of a ClientHello", "TLS", "part of a request"])
def test_thirty_seconds_for_tls_and_http(said: str) -> None:
    """TLS and the request may take 30 s together; whoever says nothing useful for so long is closed."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server, tls=said in ("TLS", "part of a request"))
            if said == "part of a ClientHello":
                client.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            if said == "part of a request":
                client.write(b"GET /derp HTTP/1.1\r\nUpgrade: ")
            await pass_time(28)
            assert len(server.context.newcomers) == 1
            await pass_time(3)
            assert len(server.context.newcomers) == 0
            assert await client.rest() == b""

    run(scenario)


def test_a_request_in_time_starts_the_thirty_seconds_anew() -> None:
    """A connection that asks for pages may go on as long as it does not pause for 30 s."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            for _ in range(3):
                await pass_time(25)
                assert (await client.ask("GET /derp/probe")).status == 200
            await pass_time(31)
            assert await client.rest() == b""

    run(scenario)


def test_too_many_newcomers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many connections that have not logged in the one that waits longest gives way; clients do not."""
    assert newcomers.MAX_NEWCOMERS == 8192
    monkeypatch.setattr("tailhub.server.service.MAX_NEWCOMERS", 3)

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            waiting = [await Wire.open(server) for _ in range(4)]
            assert await waiting[0].rest() == b""
            assert len(server.context.newcomers) == 3
            assert server.context.newcomers.evicted == 1
            await waiting[1].log_in()
            await client.settle()

    run(scenario)


# --- the mesh key -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["00" * 32, "cd" * 32, None])
def test_a_wrong_mesh_key_makes_a_normal_client(shown: str | None, mesh_key_file: Path) -> None:
    """Who shows a well-formed mesh key that is not the relay's is let in without a mesh peer's rights, and told so."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            client = await open_client(server, text=b"{}" if shown is None else info(meshKey=shown))
            assert await client.settle() == ([] if shown is None else [(FrameType.HEALTH, OTHER_MESH_KEY.encode())])
            client.write(frames.WATCH_CONNS)
            assert await client.frame() == GONE

    run(scenario)


@pytest.mark.parametrize("shown", ["00" * 32, MESH_KEY])
def test_without_a_mesh_key_of_its_own_nobody_is_a_mesh_peer(shown: str) -> None:
    """A relay without a mesh key treats everyone who shows one as a normal client."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server, text=info(meshKey=shown))
            assert await client.settle() == [(FrameType.HEALTH, NO_MESH_KEY.encode())]
            client.write(frames.WATCH_CONNS)
            assert await client.frame() == GONE

    run(scenario)


def test_what_a_wrong_mesh_key_means_comes_before_the_end(mesh_key_file: Path) -> None:
    """Who asks for presence in the flight of its ClientInfo is told why it is closed for that."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            client = await Wire.open(server)
            key = await client.upgrade()
            client.write(client.client_info(key, info(meshKey="cd" * 32)) + frames.WATCH_CONNS)
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert await client.frame() == (FrameType.HEALTH, OTHER_MESH_KEY.encode())
            assert await client.frame() == GONE

    run(scenario)


def test_a_wrong_mesh_key_is_in_the_log(mesh_key_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is a warning with address and node key, once a minute at most for each address."""

    def told() -> list[str]:
        return [one.getMessage() for one in caplog.records if "mesh key" in one.getMessage()]

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            first = await open_client(server, text=info(meshKey="cd" * 32))
            await open_client(server, text=info(meshKey="cd" * 32))
            assert len(told()) == 1
            assert f"{NodePublic(first.key)} shows a mesh key that is not the one of this relay" in told()[0]
            assert f"127.0.0.1:{first.port}" in told()[0]
            await pass_time(61)
            await open_client(server, text=info(meshKey="cd" * 32))
            assert len(told()) == 2

    run(scenario)


def test_who_is_seen_as_what(mesh_key_file: Path) -> None:
    """A mesh peer sees everyone with address, port and what they said of themselves at login."""

    async def scenario() -> None:
        async with relay(mesh_key_file=mesh_key_file) as server:
            plain = await open_client(server)
            prober = await open_client(server, text=info(IsProber=True))
            other = await Wire.open(server)
            await other.log_in(info(IsProber=True, AppName="x"), b"Ideal-Node: 900b\r\n")
            mesh = await open_client(server, text=info(meshKey=MESH_KEY))
            mesh.write(frames.WATCH_CONNS)
            said = [PeerPresent.parse(body) for kind, body in await mesh.settle() if kind == FrameType.PEER_PRESENT]
            assert {(present.key, present.port, present.flags) for present in said} == {
                (plain.key, plain.port, PresenceFlag.REGULAR),
                (prober.key, prober.port, PresenceFlag.PROBER),
                (other.key, other.port, PresenceFlag.PROBER | PresenceFlag.NOT_IDEAL),
                (mesh.key, mesh.port, PresenceFlag.MESH_PEER),
            }
            assert {str(present.address) for present in said} == {"127.0.0.1"}

    run(scenario)
