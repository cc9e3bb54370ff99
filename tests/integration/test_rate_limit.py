"""A client that sends more than it may: it is not read for a while, and everything else goes on."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.browser import websocket_login
from support.key_limits import limit_all_keys, limit_keys
from support.relay_process import LOOPBACK, RelayProcess
from support.relay_process import until as wait_until
from support.scripted_relay import run as run_clients
from support.served import Client, Served, serving
from support.waiting import LIMIT_S, run, until
from support.wire import Wire, open_client, pass_time, relay
from support.wire import run as run_by_clock
from tailhub.client import DERPClient
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.derp.handshake import ServerInfo
from tailhub.derp.messages import Health
from tailhub.relay.health import Health as Told
from tailhub.relay.limits import Limits, TenantLimits
from tailhub.relay.rate_limit import MIN_BURST_BYTES, RateLimit

# What exceeds the burst is paid for in days: whoever is held up stays so until the test lets it go.
STRICT = RateLimit(1, MIN_BURST_BYTES)
LOOSE = RateLimit(10**9, 10**9)
PACKET_BYTES = 1_000
READ_BYTES = 65_536  # at most, at a time
MANY = 400  # packets: more than the burst and a read


def packet(number: int) -> bytes:
    return number.to_bytes(4) + bytes(PACKET_BYTES - 4)


async def overdo(relay: Served, limit: RateLimit = STRICT) -> tuple[Client, Client]:
    """A client that has sent `MANY` packets to another one, and is held up."""
    limit_keys(relay.context.relay, limit)
    sender, receiver = await relay.login(), await relay.login()
    await sender.say(b"".join(frames.send_packet(receiver.key, packet(number)) for number in range(MANY)))
    await until(lambda: relay.context.relay.stats.rate_pauses)
    return sender, receiver


async def server_info(client: Client) -> ServerInfo:
    """The next ServerInfo of a client that gets nothing else."""
    before = client.protocol.server_info
    while client.protocol.server_info is before:
        await client.receive()
    assert client.protocol.server_info is not None
    return client.protocol.server_info


# --- a pause ----------------------------------------------------------------------------------------------------------


def test_held_up_and_let_go() -> None:
    """The burst and at most one read more get through; when the limit is lifted the rest follows in order."""

    async def scenario() -> None:
        async with serving() as relay:
            _, receiver = await overdo(relay)
            stats = relay.context.relay.stats
            assert stats.bytes_received <= MIN_BURST_BYTES + READ_BYTES < MANY * PACKET_BYTES
            assert stats.rate_pauses == 1
            limit_all_keys(relay.context, None)
            assert [(await receiver.packet()).packet for _ in range(MANY)] == [packet(n) for n in range(MANY)]

    run(scenario)


def test_a_pause_ends_by_itself() -> None:
    """With a rate that the test can wait for, everything arrives, and the pauses are counted with their seconds."""

    async def scenario() -> None:
        async with serving() as relay:
            clock = relay.context.loop.time
            started_at = clock()
            _, receiver = await overdo(relay, RateLimit(1_000_000, MIN_BURST_BYTES))
            assert [(await receiver.packet()).packet for _ in range(MANY)] == [packet(n) for n in range(MANY)]
            took_s = clock() - started_at
            # What exceeds burst and last read has been paid for, all but the little debts that are let stand; not all
            # of it by pauses, where the machine is busy.
            assert took_s >= (MANY * PACKET_BYTES - MIN_BURST_BYTES - READ_BYTES) / 1_000_000 - 0.01
            assert 0 < relay.context.relay.stats.rate_paused_s <= took_s

    run(scenario)


def test_others_are_not_held_up() -> None:
    """Each client has a bucket of its own."""

    async def scenario() -> None:
        async with serving() as relay:
            await overdo(relay)
            one, other = await relay.login(), await relay.login()
            await one.send(other.key, b"hello")
            assert (await other.packet()).packet == b"hello"

    run(scenario)


def test_connections_of_one_key_share_its_limit() -> None:
    """A second connection with the same key is held up for what the first has sent, and goes on when that does."""

    async def scenario() -> None:
        async with serving() as relay:
            sender, receiver = await overdo(relay)
            again = await relay.login(sender.private)
            await again.send(receiver.key, b"from the other connection")
            await until(lambda: relay.context.relay.stats.rate_pauses == 2)
            assert relay.context.relay.stats.bytes_received <= MIN_BURST_BYTES + READ_BYTES
            limit_all_keys(relay.context, None)
            while (await receiver.packet()).packet != b"from the other connection":
                pass

    run(scenario)


def test_a_new_connection_has_no_new_burst() -> None:
    """Who has used its key's burst and connects again is held up as before."""

    async def scenario() -> None:
        async with serving() as relay:
            sender, receiver = await overdo(relay)
            sender.line.reset()
            while sender.key in relay.context.relay.registry.active:
                await receiver.send(sender.key, b"are you there?")
                await receiver.pong()
            again = await relay.login(sender.private)
            await again.send(receiver.key, b"me again")
            await until(lambda: relay.context.relay.stats.rate_pauses == 2)

    run(scenario)


@pytest.mark.parametrize("which", ["tenant", "relay"])
def test_a_limit_of_all_together(which: str) -> None:
    """What one client has sent holds up another one, where a tenant or the relay as a whole has a limit."""

    async def scenario() -> None:
        limits = Limits(relay=STRICT) if which == "relay" else Limits(tenants={"": TenantLimits(total=STRICT)})
        async with serving() as relay:
            relay.context.relay.accounts.limits = limits
            sender, receiver = await relay.login(), await relay.login()
            assert receiver.protocol.server_info == STRICT.server_info()
            await sender.say(b"".join(frames.send_packet(receiver.key, packet(number)) for number in range(MANY)))
            await until(lambda: relay.context.relay.stats.rate_pauses)
            await receiver.send(sender.key, b"held up too")
            await until(lambda: relay.context.relay.stats.rate_pauses == 2)
            assert relay.context.relay.stats.bytes_received <= MIN_BURST_BYTES + READ_BYTES
            relay.context.relay.accounts.limits = Limits()
            limit_all_keys(relay.context, None)
            assert (await sender.packet()).packet == b"held up too"

    run(scenario)


def test_a_mesh_peer_is_not_limited() -> None:
    """A mesh peer is told no limit and held to none."""

    async def scenario() -> None:
        async with serving() as relay:
            limit_keys(relay.context.relay, STRICT)
            peer, receiver = await relay.login(mesh=True), await relay.login()
            assert peer.protocol.server_info == ServerInfo()
            await peer.say(b"".join(frames.forward_packet(peer.key, receiver.key, packet(n)) for n in range(MANY)))
            await peer.pong()
            assert relay.context.relay.stats.rate_pauses == 0

    run(scenario)


def test_a_client_that_is_held_up_still_receives() -> None:
    """Packets and keep-alives reach it; its ping waits behind what it has sent."""

    async def scenario() -> None:
        async with relay(rate_limit_bytes_per_s=1.0) as server:
            sender, witness = await open_client(server), await open_client(server)
            stats = server.context.relay.stats
            sender.write(*(frames.send_packet(witness.key, packet(number)) for number in range(MANY)))
            await until(lambda: stats.rate_pauses)
            pings = stats.got_ping
            sender.write(frames.ping(b"too late"))
            witness.write(frames.send_packet(sender.key, b"hello"))
            assert await sender.frame() == (FrameType.RECV_PACKET, witness.key + b"hello")
            await pass_time(66)
            assert await sender.frame() == (FrameType.KEEP_ALIVE, b"")
            assert stats.got_ping == pings
            assert server.context.relay.registry.count == 2

    run_by_clock(scenario)


def test_a_client_that_dies_while_held_up() -> None:
    """Who resets its connection is found out by the next write at the latest, and leaves nothing behind."""

    async def scenario() -> None:
        async with serving() as relay:
            sender, _ = await overdo(relay)
            other = await relay.login()
            sender.line.reset()
            while sender.key in relay.context.relay.registry.active:
                await other.send(sender.key, b"are you there?")
                await other.pong()
            assert len(relay.context.derp_connections) == 2
            assert relay.context.relay.consistency_errors() == []

    run(scenario)


def test_a_client_that_leaves_while_held_up() -> None:
    """Where nobody else writes to it, two keep-alives find out that it has gone, however long the pause is."""

    async def scenario() -> None:
        async with relay(rate_limit_bytes_per_s=1.0) as server:
            sender, witness = await open_client(server), await open_client(server)
            sender.write(*(frames.send_packet(witness.key, packet(number)) for number in range(MANY)))
            await until(lambda: server.context.relay.stats.rate_pauses)
            sender.close()
            await pass_time(140)
            assert server.context.relay.registry.count == 1

    run_by_clock(scenario)


def test_a_client_that_does_not_read_while_held_up() -> None:
    """The write timeout ends it as any other."""

    async def scenario() -> None:
        async with serving(write_timeout_s=0.05, small_buffers=True) as relay:
            limit_keys(relay.context.relay, STRICT)
            sender, receiver = await relay.login(receive_bytes=4096), await relay.login()
            sender.line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await sender.say(b"".join(frames.send_packet(receiver.key, packet(number)) for number in range(MANY)))
            await until(lambda: relay.context.relay.stats.rate_pauses)
            limit_keys(relay.context.relay, None)  # for who logs in from now on
            other = await relay.login()
            while not relay.disconnects:
                await other.send(sender.key, bytes(65_536))
                await other.pong()
            assert relay.disconnects == {"write timeout": 1}

    run(scenario)


def test_a_browser_is_held_up() -> None:
    """Inside WebSocket nothing changes: what was read waits its turn, and all arrives in order."""

    async def scenario() -> None:
        async with serving() as relay:
            limit_keys(relay.context.relay, RateLimit(1_000_000, MIN_BURST_BYTES))
            receiver = await relay.login()
            sender = await websocket_login(relay)
            await sender.say(b"".join(frames.send_packet(receiver.key, packet(number)) for number in range(MANY)))
            assert [(await receiver.packet()).packet for _ in range(MANY)] == [packet(n) for n in range(MANY)]
            assert relay.context.relay.stats.rate_pauses > 1

    run(scenario)


# --- telling ----------------------------------------------------------------------------------------------------------


def test_what_a_login_is_told() -> None:
    """ServerInfo names the rate, and a burst that real clients can live with."""

    async def scenario() -> None:
        async with relay(rate_limit_bytes_per_s=1_250_000.0, rate_burst_bytes=65_568.0) as server:
            text = await (await Wire.open(server)).log_in()
            assert json.loads(text) == {
                "version": 2,
                "TokenBucketBytesPerSecond": 1_250_000,
                "TokenBucketBytesBurst": 1_250_000,
            }

    run_by_clock(scenario)


def test_another_limit_is_told_to_who_is_here() -> None:
    """All clients get ServerInfo again, with Health behind it if there is any: they forget that at each ServerInfo."""

    async def scenario() -> None:
        async with serving() as relay:
            relay.context.health = Told({0: "renew the pin"})
            clients = [await relay.login() for _ in range(40)]
            peer = await relay.login(mesh=True)
            for client in clients:
                assert await client.message() == Health("renew the pin")
            for limit in (LOOSE, STRICT, None):
                limit_all_keys(relay.context, limit)
                for client in clients:
                    told = await server_info(client)
                    assert told == (limit.server_info() if limit is not None else ServerInfo())
                    assert await client.message() == Health("renew the pin")
            await peer.pong()
            assert peer.protocol.server_info == ServerInfo()

    run(scenario)


def test_the_same_limit_again() -> None:
    """Reading an unchanged file gives nobody a new burst, and tells nobody anything."""

    async def scenario() -> None:
        async with serving() as relay:
            sender, receiver = await overdo(relay)
            received = relay.context.relay.stats.bytes_received
            limit_all_keys(relay.context, RateLimit(STRICT.bytes_per_s, STRICT.burst_bytes))
            before = receiver.protocol.server_info
            await receiver.pong()
            assert receiver.protocol.server_info is before
            assert relay.context.relay.stats.bytes_received == received
            assert sender.key in relay.context.relay.registry.active

    run(scenario)


# --- the file ---------------------------------------------------------------------------------------------------------

RATE, BURST = "PerClientRateLimitBytesPerSec", "PerClientRateBurstBytes"


def listens(process: RelayProcess) -> bool:
    try:
        return process.get("/healthz").strip() == b"ok"
    except (OSError, http.client.HTTPException):
        return False


async def until_told(client: DERPClient, bytes_per_s: int) -> None:
    while client.server_info is None or client.server_info.rate_bytes_per_s != bytes_per_s:
        await client.recv()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP")
@pytest.mark.parametrize("workers", [1, 3] if sys.platform == "linux" else [1])
def test_sighup(workers: int, tmp_path: Path) -> None:
    """The file is read again: everybody here and everybody new is told, at all workers; a bad file changes nothing."""
    file = tmp_path / "rate.json"
    file.write_text(json.dumps({RATE: 2_000_000}))

    async def scenario(process: RelayProcess) -> None:
        async def login() -> DERPClient:
            return await DERPClient.connect("127.0.0.1", process.port, cert_name=process.pin)

        clients = [await login() for _ in range(12)]
        for client in clients:
            assert client.server_info == ServerInfo(2, 2_000_000, 2_000_000)
        file.write_text(json.dumps({RATE: 3_000_000, BURST: 4_000_000}))
        process.send_signal(signal.SIGHUP)
        for client in clients:
            await until_told(client, 3_000_000)
        file.write_text("{")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the configuration stays as it is" in process.log(), "the bad file is reported", process.log)
        clients.append(await login())
        assert clients[-1].server_info == ServerInfo(2, 3_000_000, 4_000_000)
        assert process.metric("tailhub_rate_limit_bytes_per_second") == 3_000_000
        file.write_text("{}")
        process.send_signal(signal.SIGHUP)
        for client in clients:
            await until_told(client, 0)
        for client in clients:
            await client.close()

    with RelayProcess("--workers", str(workers), "--rate-config", str(file)) as process:
        run_clients(scenario(process))
        name = "tailhub_rate_limit_bytes_per_second"
        wait_until(lambda: name not in process.metrics(), "the limit is off", process.log)
        assert process.log().count("the configuration stays as it is") == 1
        assert process.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="several workers need Linux")
def test_a_worker_that_is_started_again(tmp_path: Path) -> None:
    """It has the limit of now, not the one from the start."""
    file = tmp_path / "rate.json"
    file.write_text(json.dumps({RATE: 2_000_000}))

    async def told(process: RelayProcess) -> set[int]:
        found = set()
        for _ in range(24):  # that all come to one worker would be a wonder
            async with await DERPClient.connect("127.0.0.1", process.port, cert_name=process.pin) as client:
                assert client.server_info is not None
                found.add(client.server_info.rate_bytes_per_s)
        return found

    with RelayProcess("--workers", "2", "--rate-config", str(file)) as process:
        file.write_text(json.dumps({RATE: 3_000_000}))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: process.metric("tailhub_rate_limit_bytes_per_second") == 3_000_000, "reloaded", process.log)
        for child in psutil.Process(process.pid).children():
            child.kill()
        wait_until(lambda: process.log().count("takes its place") == 3, "all are started again", process.log)
        wait_until(lambda: listens(process), "the desk is back", process.log)
        assert process.metric("tailhub_rate_limit_bytes_per_second") == 3_000_000
        assert run_clients(told(process)) == {3_000_000}


@pytest.mark.parametrize("command", ["relay", "derper", "config check"])
def test_a_bad_file_at_the_start(command: str, tmp_path: Path) -> None:
    """No relay starts with a limit that it cannot read, and ``config check`` finds it before."""
    file = tmp_path / "rate.json"
    file.write_text('{"PerClientRateLimitBytesPerSec": "10 Mbit/s"}')
    option = ("-dev", "-rate-config") if command == "derper" else (*LOOPBACK, "--rate-config")
    words = (sys.executable, "-m", "tailhub", *command.split(), *option, str(file))
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=os.environ | {"STATE_DIRECTORY": str(tmp_path / "state"), "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)},
        timeout=LIMIT_S,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1
    assert "TH220" in said
    assert '`"10 Mbit/s"`' in said


def test_the_original_s_flag(tmp_path: Path) -> None:
    """``derper -rate-config FILE`` obeys the file."""
    file = tmp_path / "rate.json"
    file.write_text(json.dumps({RATE: 1_250_000, BURST: 1}))
    state = tmp_path / "derper"
    words = ("-a", "127.0.0.1:0", "-stun=false", "-c", str(state / "derper.key"), "-rate-config", str(file))
    environ = {"TAILHUB_DISCOVER": "false", "TAILHUB_ADDRESS": "127.0.0.1"}
    with RelayProcess(*words, defaults=(), command="derper", state_dir=state, environ=environ) as process:
        assert process.metric("tailhub_rate_limit_bytes_per_second") == 1_250_000
        assert process.metric("tailhub_rate_limit_burst_bytes") == MIN_BURST_BYTES
        wait_until(lambda: "TH223" in process.log(), "the burst is said to be too small", process.log)
