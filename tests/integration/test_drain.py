"""A relay that ends gently: what its clients hear of it, and when they are back."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.flock import BACK_WITHIN_S, Flock, node_of
from support.ports import free_ports
from support.relay_process import RelayProcess, UnixConnection, get_page
from support.relay_process import until as wait_until
from support.scripted_relay import run as run_clients
from support.waiting import LIMIT_S, until
from support.waiting import run as run_for_long
from support.wire import GONE, Wire, open_client, pass_time, relay, run
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.relay.closing import STUN_SILENT_FROM_S
from tailhub.server.app import RelayServer
from tailhub.server.draining import REASON, TEXT, Draining, State

OVER_S = 30.0


def draining(server: RelayServer) -> Draining:
    assert server.draining is not None
    return server.draining


async def health(client: Wire) -> str:
    """The next text that a client is told."""
    frame_type, body = await client.frame()
    assert frame_type == FrameType.HEALTH
    return frames.parse_health(body)


def test_clients_are_told_and_closed_one_after_the_other() -> None:
    """At once they are told; in the time there is they are closed, each after Restarting with the time left, and then
    the relay ends.
    """

    async def scenario() -> None:
        async with relay() as server:
            clients = [await open_client(server) for _ in range(10)]
            ended = asyncio.Event()
            server.on_end = ended.set
            draining(server).begin(OVER_S)
            for client in clients:
                assert await health(client) == TEXT
            for part in range(1, 4):
                await pass_time(OVER_S / 4)
                assert abs(len(server.context.derp_connections) - (10 - 10 * part / 4)) <= 1
            assert draining(server).state is State.DRAINING
            assert not ended.is_set()
            await pass_time(OVER_S / 4 + 1)
            assert ended.is_set()
            assert draining(server).state is State.DRAINED
            times = []
            for client in clients:
                frame_type, body = await client.frame()
                assert frame_type == FrameType.RESTARTING
                times.append(frames.parse_restarting(body)[0])
                assert await client.frame() == GONE
            assert max(times) <= OVER_S * 1000
            assert len(set(times)) > 5
            assert dict(server.context.events.disconnects) == {REASON: 10}

    run(scenario)


def test_nobody_is_taken_and_whoever_comes_waits() -> None:
    """Who connects meanwhile is neither refused nor answered, and served first when the drain is called off."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            draining(server).begin(OVER_S)
            assert await health(client) == TEXT
            waiting = asyncio.ensure_future(open_client(server))
            await pass_time(OVER_S / 2)
            assert not waiting.done()
            draining(server).stop()
            await waiting
            assert await health(client) == ""  # no cause for alarm any more
            await pass_time(OVER_S)
            assert len(server.context.derp_connections) == 2

    run(scenario)


def test_a_relay_that_stays() -> None:
    """It has all closed and takes nobody, until it is told to serve again or to end."""

    async def scenario() -> None:
        async with relay() as server:
            await open_client(server)
            draining(server).begin(1.0, stays=True)
            await pass_time(5)
            assert draining(server).state is State.DRAINED
            assert not draining(server).is_ending
            draining(server).stop()
            await open_client(server)
            draining(server).begin(1.0, stays=True)
            await pass_time(5)
            draining(server).end(2.0)
            assert draining(server).is_ending

    run(scenario)


@pytest.mark.parametrize(("over_s", "is_silent"), [(STUN_SILENT_FROM_S, True), (STUN_SILENT_FROM_S - 1, False)])
def test_stun_is_silent_in_a_long_drain(over_s: float, is_silent: bool) -> None:
    """Whoever is cut off for long is to find another region; for a restart nobody's home is to move."""

    async def scenario() -> None:
        async with relay(stun_listen="127.0.0.1:0") as server:
            assert server.stun is not None
            draining(server).begin(over_s)
            assert (bytes((192, 0, 2, 1)) in server.stun.muted) == is_silent
            draining(server).stop()
            assert bytes((192, 0, 2, 1)) not in server.stun.muted

    run(scenario)


def test_who_logs_in_meanwhile_is_told_and_closed_last() -> None:
    """A connection that was taken before the drain began may log in: it is told, and closed at the end."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            server_key = await client.upgrade()
            draining(server).begin(OVER_S)
            client.write(client.client_info(server_key))
            assert (await client.frame())[0] == FrameType.SERVER_INFO
            assert await health(client) == TEXT
            await pass_time(OVER_S / 2)
            await pass_time(OVER_S / 2)
            assert (await client.frame())[0] == FrameType.RESTARTING

    run(scenario)


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["1", "2"], ids=["one-process", "two-workers"])
def workers(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_everybody_is_back_after_a_restart(tmp_path: Path, workers: str) -> None:
    """Stopped and started under traffic of 200 clients, the relay has all of them again within 5 s of listening, and
    each of them had been told before it was closed.
    """
    options = ("--listen", f"127.0.0.1:{free_ports()}", "--workers", workers)

    def start() -> RelayProcess:
        return RelayProcess(*options, state_dir=tmp_path / "state").__enter__()

    async def scenario() -> None:
        before = await asyncio.to_thread(start)
        try:
            node = node_of(before)
            async with Flock(node) as flock:
                await flock.all_talk()
                assert await asyncio.to_thread(before.stop) == 0
                assert not any(flock.is_in)
                assert set(flock.told) == {TEXT}
                after = await asyncio.to_thread(start)
                try:
                    await until(lambda: all(flock.is_in), BACK_WITHIN_S)
                    await flock.all_talk()
                finally:
                    await asyncio.to_thread(after.stop)
        finally:
            before.stop()

    run_for_long(scenario, 3 * LIMIT_S)


def test_the_command_has_the_relay_end(tmp_path: Path, workers: str) -> None:
    """`tailhub drain --over` says how far it is, and ends with exit code 0 when the relay has."""
    with RelayProcess("--workers", workers) as process:
        node = node_of(process)

        async def scenario() -> str:
            async with Flock(node, 20) as flock:
                await flock.all_talk()
                command = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tailhub", "drain", "--over", "1s", "--state-dir", str(process.state_dir)),
                    stdout=subprocess.PIPE,
                )
                said, _ = await command.communicate()
                assert command.returncode == 0
                assert len(flock.reasons) >= 20
                return said.decode()

        said = run_clients(scenario())
        assert "Left: 20" in said
        assert "the relay has ended" in said
        assert process.wait() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(workers: str, second: signal.Signals) -> None:
    """Whoever does not want to wait for a drain says so again."""
    with RelayProcess("--workers", workers, "--drain-s", "3600") as process:
        node = node_of(process)

        async def scenario() -> None:
            async with Flock(node, 2) as flock:
                await flock.all_talk()
                process.send_signal(signal.SIGTERM)
                await until(lambda: b'"draining"' in process.get("/api/v1/drain"))
                process.send_signal(second)
                assert await asyncio.to_thread(process.wait) == 0

        run_clients(scenario())


def test_others_see_that_it_drains(workers: str) -> None:
    """Whoever asks whether the relay is to get clients hears no while it drains, and yes when that is called off."""
    with RelayProcess("--workers", workers) as process:

        def is_ready() -> bool:
            return get_page(process.state_dir, "/readyz")[0] == 200

        wait_until(is_ready, "it is ready", process.log)
        for method, expected in (("POST", False), ("DELETE", True)):
            connection = UnixConnection(process.state_dir / "admin.sock")
            connection.request(method, "/api/v1/drain", json.dumps({"over_s": 3600}))
            assert connection.getresponse().status == 200
            connection.close()
            wait_until(lambda expected=expected: is_ready() == expected, f"{method}: ready is {expected}", process.log)  # type: ignore[misc]
        assert process.metric("tailhub_draining") == 0


def test_an_interrupt_ends_at_once(workers: str) -> None:
    """Ctrl-C waits for nobody."""
    with RelayProcess("--workers", workers, "--drain-s", "3600") as process:
        node = node_of(process)

        async def scenario() -> None:
            async with Flock(node, 2) as flock:
                await flock.all_talk()
                assert await asyncio.to_thread(process.stop, signal.SIGINT) == 0
                assert TEXT not in flock.told

        run_clients(scenario())


def test_an_operator_cannot_call_off_an_end() -> None:
    """A relay that was told to end ends, also when its drain is called off, or another one asked for."""

    async def scenario() -> None:
        async with relay() as server:
            await open_client(server)
            ended = asyncio.Event()
            server.on_end = ended.set
            draining(server).end(OVER_S)
            await pass_time(0)
            draining(server).stop()
            draining(server).begin(10 * OVER_S, stays=True)
            await pass_time(OVER_S + 1)
            assert ended.is_set()

    run(scenario)


def test_a_desk_that_ends_in_a_drain() -> None:
    """The next one knows of no drain, and has the workers serve everyone again."""
    with RelayProcess("--workers", "2") as process:
        (desk,) = [child for child in psutil.Process(process.pid).children() if child.name() == "tailhub-desk"]
        node = node_of(process)
        connection = UnixConnection(process.state_dir / "admin.sock")
        connection.request("POST", "/api/v1/drain", json.dumps({"over_s": 3600}))
        assert b'"draining"' in connection.getresponse().read()
        connection.close()
        desk.kill()

        async def scenario() -> None:
            async with Flock(node, 20) as flock:  # at both workers
                await flock.all_talk()

        run_for_long(scenario, 3 * LIMIT_S)
        assert b'"off"' in process.get("/api/v1/drain")
