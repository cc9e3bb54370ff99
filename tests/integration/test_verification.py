"""Logins that wait for verifiers, over real connections: order, bounds, and who is let in."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from wsproto.events import BytesMessage, Ping

from support import require
from support.guarded import LIMIT_S, Guard, begin, begin_websocket, guarded_relay
from support.key_limits import limit_all_keys
from support.relay_process import RelayProcess, until
from support.tailcat import Tailcat
from support.verifiers import ScriptedVerifier, http_answer, http_server, served_verdicts
from support.waiting import until as until_async
from support.wire import GONE, Wire, open_client, pass_time, relay, run
from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.keys import NodePublic
from tailhub.relay.admission import Answer
from tailhub.relay.health import OTHER_MESH_KEY
from tailhub.relay.rate_limit import MIN_BURST_BYTES, RateLimit
from tailhub.server.app import RelayServer
from tailhub.server.derp_login import MAX_EARLY_BYTES
from tailhub.server.websocket_connection import SLICE_BYTES

MESH_KEY = "ab" * 32


@contextlib.asynccontextmanager
async def verified_relay(**options: object) -> AsyncIterator[tuple[RelayServer, ScriptedVerifier]]:
    """A relay whose verifier a test answers for."""
    async with guarded_relay(**options) as (server, guard):
        yield server, guard.script


async def asked(script: ScriptedVerifier, count: int = 1) -> None:
    await until_async(lambda: script.open_questions == count)


def test_server_info_comes_after_the_verdict() -> None:
    """While the verifier is asked the client hears nothing and nobody hears of it; others log in and talk."""

    async def scenario() -> None:
        async with verified_relay() as (server, script):
            first = await begin(server)
            await asked(script)
            second = await begin(server)
            await asked(script, 2)
            assert script.asked == [first.key, second.key]
            assert server.context.relay.registry.count == 0
            script.answer(Answer.ADMITTED)
            assert (await first.frame())[0] == FrameType.SERVER_INFO
            assert await first.settle() == []
            assert server.context.relay.registry.count == 1
            script.answer(Answer.ADMITTED)
            assert (await second.frame())[0] == FrameType.SERVER_INFO

    run(scenario)


def test_who_is_refused_hears_nothing_more() -> None:
    """With ``refuse = "close"`` the connection ends without a further frame, and is counted as not admitted."""

    async def scenario() -> None:
        async with verified_relay(refuse="close") as (server, script):
            client = await begin(server)
            await asked(script)
            script.answer(Answer.REFUSED)
            assert await client.frame() == GONE
            assert server.context.events.failures == {"not admitted": 1}
            assert len(server.context.newcomers) == 0
            assert server.context.derp_connections == {}

    run(scenario)


@pytest.mark.parametrize("over_websocket", [False, True], ids=["stream", "websocket"])
@pytest.mark.parametrize("size", [100, MAX_EARLY_BYTES + 1, 300_000])
def test_what_comes_early_is_dealt_with_later(size: int, over_websocket: bool) -> None:
    """What a client sends before it is admitted arrives whole and in order; of much of it the rest waits in TCP."""

    async def scenario() -> None:
        async with relay() as server:
            receiver = await open_client(server)
            script, context = Guard(server).script, server.context
            packets = [n.to_bytes(4, "big") + bytes(996) for n in range(-(-size // 1000))]
            early = b"".join(frames.send_packet(receiver.key, packet) for packet in packets)
            if over_websocket:
                client, messages = await begin_websocket(server)
                client.write(messages.send(BytesMessage(data=early)))
            else:
                client = await begin(server, early)
            await asked(script)
            await pass_time(1)
            assert context.relay.stats.packets_received == 0
            script.answer(Answer.ADMITTED)
            for packet in packets:
                assert await receiver.frame() == (FrameType.RECV_PACKET, client.key + packet)

    run(scenario)


@pytest.mark.parametrize("is_reloaded", [False, True], ids=["", "reloaded"])
@pytest.mark.parametrize("message_bytes", [0, 1, 1500], ids=["stream", "websocket-1", "websocket-1500"])
def test_early_and_too_much(message_bytes: int, is_reloaded: bool) -> None:
    """What a client with a rate limit sends before and behind the verdict arrives once and in order, after pauses.

    Nor does it matter that the limit is changed while it waits for the verdict, and again in the first pause.
    """
    strict, usual = RateLimit(1, MIN_BURST_BYTES), RateLimit(100_000, MIN_BURST_BYTES)

    async def scenario() -> None:
        async with relay() as server:
            receiver = await open_client(server)
            script, context = Guard(server).script, server.context
            limit_all_keys(context, usual)
            packets = [n.to_bytes(4, "big") + bytes(996) for n in range(200)]  # more than the burst and a read
            early = b"".join(frames.send_packet(receiver.key, packet) for packet in packets)
            if message_bytes:
                client, messages = await begin_websocket(server)
                pieces = [early[pos : pos + message_bytes] for pos in range(0, len(early), message_bytes)]
                client.write(*(messages.send(BytesMessage(data=piece)) for piece in pieces))
            else:
                client = await begin(server, early)
            await asked(script)
            await pass_time(1)
            if is_reloaded:
                limit_all_keys(context, strict)
            await pass_time(1)
            assert context.relay.stats.packets_received == 0
            script.answer(Answer.ADMITTED)
            stats = context.relay.stats
            if is_reloaded:
                await until_async(lambda: stats.rate_pauses)
                assert stats.packets_received < len(packets)
                limit_all_keys(context, usual)
            arrived = []
            while len(arrived) < len(packets):
                frame_type, body = await receiver.frame()
                if frame_type == FrameType.RECV_PACKET:  # and not ServerInfo, which tells the limit
                    assert body[:32] == client.key
                    arrived.append(body[32:])
            assert arrived == packets
            assert stats.packets_received == len(packets)
            assert stats.rate_pauses

    run(scenario)


def test_pings_behind_early_packets() -> None:
    """WebSocket frames that bring nothing for the relay do not make it read on while it waits for the verdict."""

    async def scenario() -> None:
        async with relay() as server:
            receiver = await open_client(server)
            script = Guard(server).script
            client, messages = await begin_websocket(server)
            await asked(script)
            packets = [n.to_bytes(4, "big") + bytes(8188) for n in range(20)]
            pings = messages.send(Ping()) * (2 * SLICE_BYTES // 6)
            for packet in packets:  # more of them than fit the buffer that all connections share
                client.write(messages.send(BytesMessage(data=frames.send_packet(receiver.key, packet))), pings)
                for _ in range(20):  # turns: more than it has slices
                    await asyncio.sleep(0)
            script.answer(Answer.ADMITTED)
            for packet in packets:
                assert await receiver.frame() == (FrameType.RECV_PACKET, client.key + packet)

    run(scenario)


def test_a_client_that_goes_away_is_asked_about_no_more() -> None:
    """Its question is broken off, and an answer that comes too late is nobody's."""

    async def scenario() -> None:
        async with verified_relay() as (server, script):
            client = await begin(server)
            await asked(script)
            client.close()
            await until_async(lambda: script.cancelled)
            assert server.context.relay.registry.count == 0
            assert sum(server.context.events.failures.values()) == 1

    run(scenario)


def test_no_answer_in_time() -> None:
    """After the limit the client is refused."""

    async def scenario() -> None:
        async with verified_relay(refuse="close") as (server, script):
            client = await begin(server)
            await asked(script)
            await pass_time(LIMIT_S - 1)
            assert script.open_questions == 1
            assert await client.frame() == GONE
            assert script.cancelled == 1
            assert server.context.events.failures == {"no verifier answered": 1}

    run(scenario)


def test_a_mesh_peer_is_not_asked_about(tmp_path: Path) -> None:
    """The right mesh key admits at once, as the original has it."""
    file = tmp_path / "mesh.key"
    file.write_text(MESH_KEY + "\n")
    file.chmod(0o600)

    async def scenario() -> None:
        async with verified_relay(mesh_key_file=file) as (server, script):
            await open_client(server, text=f'{{"meshKey":"{MESH_KEY}"}}'.encode())
            assert script.asked == []

    run(scenario)


@pytest.mark.parametrize("refuse", ["hold", "close"])
def test_a_wrong_mesh_key_is_asked_about(refuse: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who shows one is a client for verifiers too; on a no it is closed, never held, and told of its mesh key alone."""
    file = tmp_path / "mesh.key"
    file.write_text(MESH_KEY + "\n")

    async def scenario() -> None:
        async with verified_relay(mesh_key_file=file, refuse=refuse) as (server, script):
            client = await Wire.open(server)
            key = await client.upgrade()
            client.write(client.client_info(key, b'{"meshKey":"%s"}' % (b"cd" * 32)) + frames.WATCH_CONNS)
            await asked(script)
            assert f"{NodePublic(client.key)} shows a mesh key" in caplog.text
            script.answer(Answer.REFUSED)
            assert await client.frame() == (FrameType.HEALTH, OTHER_MESH_KEY.encode())
            assert await client.frame() == GONE

    run(scenario)


def test_those_who_wait_give_way_to_newcomers() -> None:
    """A login that waits still counts among the newcomers, which are bounded."""

    async def scenario() -> None:
        async with verified_relay() as (server, script):
            client = await begin(server)
            await asked(script)
            assert len(server.context.newcomers) == 1
            assert server.context.newcomers.give_way("the relay is full")
            await until_async(lambda: script.cancelled)
            assert len(server.context.newcomers) == 0
            assert await client.frame() == GONE

    run(scenario)


def test_two_connections_with_one_key_share_a_question() -> None:
    """Both are let in by one answer; the second is a duplicate, as always."""

    async def scenario() -> None:
        async with verified_relay() as (server, script):
            private = box.generate()
            clients = [await Wire.open(server) for _ in range(2)]
            for client in clients:
                client.private, client.key = private, box.public_key(private).raw
                client.write(client.client_info(await client.upgrade()))
            door = server.context.door
            assert door is not None
            await until_async(lambda: door.gatekeeper.waiting == 2)
            assert len(script.asked) == 1
            script.answer(Answer.ADMITTED)
            for client in clients:
                assert (await client.frame())[0] == FrameType.SERVER_INFO

    run(scenario)


def test_a_url_by_its_setting() -> None:
    """With ``verify_url`` a client that the program there refuses is kept out, and one that it admits is let in."""
    allowed = box.generate()
    key = box.public_key(allowed).raw.hex()

    async def scenario() -> None:
        def respond(head: str, body: bytes) -> bytes:
            return http_answer(b'{"Allow":true}' if key.encode() in body else b'{"Allow":false}')

        async with http_server(respond) as (script, url), relay(verify_url=url) as server:
            assert (await (await begin(server)).frame())[0] == FrameType.HEALTH
            await open_client(server, private=allowed)
            assert b'"Source": "127.0.0.1"' in script.bodies[0]

    run(scenario)


@pytest.mark.parametrize("fails_open", [False, True])
def test_a_url_where_nobody_is(fails_open: bool) -> None:
    """Strangers are kept out, unless ``verify_url_fail_open`` is set."""

    async def scenario() -> None:
        async with relay(verify_url="http://127.0.0.1:1/verify", verify_url_fail_open=fails_open) as server:
            frame = await (await begin(server)).frame()
            assert (frame[0] == FrameType.SERVER_INFO) is fails_open
            assert (frame[0] == FrameType.HEALTH) is not fails_open

    run(scenario)


# --- as users run it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tailcats_are_let_in_or_kept_out(workers: str, tmp_path: Path) -> None:
    """Real clients talk when the program at the URL admits them, and do not log in when it does not; in each worker."""
    program = require.tailcat()
    answer = {"Allow": "true"}
    with served_verdicts(answer) as url:
        with RelayProcess("--verify-url", url, "--workers", workers) as relay_process:
            with Tailcat(program, relay_process.map_url, tmp_path).listen() as listener:
                other = Tailcat(program, relay_process.map_url, tmp_path)
                assert other.first_pong(listener.address) == "DERP(my-relay)"
            assert relay_process.metric("tailhub_verdicts_total") >= 2
            before = relay_process.metric("tailhub_logins_total")
            answer["Allow"] = "false"
            with Tailcat(program, relay_process.map_url, tmp_path).listen():
                until(lambda: "refused [" in relay_process.log(), "a client is refused", relay_process.log)
            assert relay_process.metric("tailhub_logins_total") == before
        assert "/verify: refused" in relay_process.log()


def check(*flags: str, prefix: tuple[str, ...] = ()) -> str:
    command = (*prefix, sys.executable, "-m", "tailhub", "config", "check", "--lang", "en", *flags)
    return " ".join(subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.split())


def test_config_check_says_who_cannot_be_asked(tmp_path: Path) -> None:
    """A socket that is not there, a URL where nobody is, and a door that opens then are told, each with its remedy."""
    path = tmp_path / "tailscaled.sock"
    url = "http://127.0.0.1:1/verify"
    found = check("--verify-tailscaled", f"--verify-socket={path}", f"--verify-url={url}", "--verify-url-fail-open")
    assert f"TH210 No tailscaled answers at {path}: No such file or directory." in found
    assert f"TH212 {url} cannot be reached: Connection refused." in found
    assert f"TH213 While {url} cannot be reached, everyone may relay through you" in found
    assert "`--no-verify-url-fail-open`" in found


def test_a_socket_that_is_mounted_alone(tmp_path: Path) -> None:
    """Where only the socket is mounted and tailscaled has started again, that is named, and what to mount instead."""
    require.root("a mount")
    outside, inside = tmp_path / "outside.sock", tmp_path / "inside.sock"
    inside.touch()
    script = (
        f"{sys.executable} -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{outside}\")' && "
        f'mount --bind {outside} {inside} && rm {outside} && exec "$@"'
    )
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    found = check("--verify-tailscaled", f"--verify-socket={inside}", prefix=prefix)
    assert "The socket itself is mounted there, and tailscaled has made a new one since" in found
    assert f"`-v {tmp_path}:{tmp_path}`" in found
