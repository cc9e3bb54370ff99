"""The operator's pages beside a running relay: they come when asked for, and whatever becomes of them, it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.relay_process import LIMIT_S, RelayProcess, UnixConnection, get_page, until
from support.scripted_relay import run
from support.scripted_relay import until as eventually
from tailhub.client import DERPClient as Client
from tailhub.client import ReceivedPacket
from tailhub.exceptions import ConnectionClosedError
from tailhub.keys import NodePublic

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")


@pytest.fixture(name="relay", scope="module")
def _relay() -> Iterator[RelayProcess]:
    """A relay for tests that leave it running."""
    with RelayProcess("--store", "off") as process:
        yield process


def pages_pid(relay: RelayProcess) -> int | None:
    """The process of the pages, if it runs."""
    for child in psutil.Process(relay.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "tailhub.admin" in child.cmdline():
                return child.pid
    return None


def over_tcp(relay: RelayProcess, target: str, port: int = 0) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port or relay.admin_port, timeout=LIMIT_S)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def api(relay: RelayProcess, target: str) -> Any:
    """What a call of the API answers."""
    return json.loads(relay.get(f"/api/v1/{target}"))


def key_of(client: Client) -> str:
    return str(NodePublic(client.public_key))


async def login(relay: RelayProcess) -> Client:
    return await Client.connect("127.0.0.1", relay.port, cert_name=relay.pin)


async def pass_packets(one: Client, other: Client, count: int = 1) -> None:
    for _ in range(count):
        await one.send(other.public_key, b"packet")
        assert await other.recv() == ReceivedPacket(one.public_key, b"packet")


def test_nothing_runs_until_somebody_asks() -> None:
    """A relay that nobody asks for a page has no process for pages; what commands ask does not start it."""
    with RelayProcess("--store", "off") as relay:
        assert relay.get("/healthz") == b"ok\n"
        assert relay.derp_map()["Regions"]
        assert api(relay, "drain")["phase"] == "off"
        assert pages_pid(relay) is None
        assert over_tcp(relay, "/healthz")[0] == 200
        assert pages_pid(relay) is not None


def test_a_killed_one_is_replaced(relay: RelayProcess) -> None:
    """After kill -9 of the pages' process clients stay and the next request is answered, by another process."""

    async def scenario() -> None:
        async with await login(relay) as alice, await login(relay) as bob:
            await asyncio.to_thread(over_tcp, relay, "/metrics")
            before = pages_pid(relay)
            assert before is not None
            os.kill(before, signal.SIGKILL)
            await pass_packets(alice, bob, 10)
            status, body = await asyncio.to_thread(over_tcp, relay, "/metrics")
            assert (status, b"tailhub_clients 2.0" in body) == (200, True)
            assert pages_pid(relay) != before
            await pass_packets(bob, alice)

    run(scenario())
    assert "SIGKILL" in relay.log()


def test_a_killed_relay_leaves_nothing_behind(tmp_path: Path) -> None:
    """After kill -9 of the relay the pages' process ends too, and another relay can listen where it did."""
    with RelayProcess("--store", "off", state_dir=tmp_path) as relay:
        port = relay.admin_port
        assert over_tcp(relay, "/healthz")[0] == 200
        pid = pages_pid(relay)
        assert pid is not None
        relay.stop(signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid), "the pages' process has ended")
    with RelayProcess("--store", "off", "--admin-listen", f"127.0.0.1:{port}", state_dir=tmp_path) as relay:
        assert over_tcp(relay, "/healthz", port)[0] == 200


def test_a_stopped_relay_ends_it() -> None:
    """When the relay is asked to end the pages' process ends with it."""
    with RelayProcess("--store", "off") as relay:
        assert over_tcp(relay, "/healthz")[0] == 200
        pid = pages_pid(relay)
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_those_who_do_not_read(relay: RelayProcess) -> None:
    """Whoever asks for pages and does not read them keeps neither others from pages nor clients from packets."""
    port = relay.admin_port

    async def scenario() -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
            async with await login(relay) as alice, await login(relay) as bob:
                await pass_packets(alice, bob, 50)
                assert (await asyncio.to_thread(over_tcp, relay, "/metrics"))[0] == 200

    run(scenario())


@pytest.mark.parametrize("is_tcp", [True, False])
def test_hundreds_at_once(*, is_tcp: bool) -> None:
    """Hundreds who ask at the same time, while the process is not there yet, are all answered."""
    with RelayProcess("--store", "off") as relay, ThreadPoolExecutor(60) as pool:
        port = relay.admin_port

        def ask(_: int) -> int:
            return over_tcp(relay, "/healthz", port)[0] if is_tcp else get_page(relay.state_dir, "/readyz")[0]

        assert set(pool.map(ask, range(300))) == {200}


def test_both_kinds_on_one_connection(relay: RelayProcess) -> None:
    """On one connection to the unix socket requests for the relay and for the pages' process follow each other."""
    connection = UnixConnection(relay.state_dir / "admin.sock")
    answers = []
    for target in ("/healthz", "/derpmap.json", "/metrics", "/healthz", "/api/v1/drain", "/api/v1/overview"):
        connection.request("GET", target)
        response = connection.getresponse()
        answers.append((response.status, len(response.read()) > 0))
    connection.close()
    assert answers == [(200, True)] * 6


def answers_of(relay: RelayProcess, sent: Sequence[bytes]) -> bytes:
    """All that comes back for these bytes, sent one after the other over the unix socket, the last asking to close."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LIMIT_S)
        sock.connect(str(relay.state_dir / "admin.sock"))
        got = b""
        with contextlib.suppress(ConnectionError):  # it was answered before all was read
            for piece in sent:
                sock.sendall(piece)
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(65536):
                got += data
        return got


def test_requests_in_a_row(relay: RelayProcess) -> None:
    """Requests that come in one piece are all answered, whoever answers them."""
    one = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /api/v1/tenants HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    got = answers_of(relay, [one % b"/healthz" + one % b"/metrics" + one % b"/derpmap.json" + last])
    assert got.count(b"HTTP/1.1 200") == 4


@pytest.mark.parametrize(("size", "status"), [(60_000, b"200"), (140_000, b"431")])
@pytest.mark.parametrize("piece", [1000, 1 << 20])
def test_large_heads(relay: RelayProcess, size: int, status: bytes, piece: int) -> None:
    """A head of up to 64 KiB is passed on whole, however it comes; a larger one is refused."""
    head = b"GET /api/v1/mesh HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: %s\r\n\r\n" % (b"x" * size)
    got = answers_of(relay, [head[start : start + piece] for start in range(0, len(head), piece)])
    assert got.split()[1] == status


def test_a_body_that_comes_later(relay: RelayProcess) -> None:
    """A request that is passed on may have a body that has not been read yet."""
    head = b"POST /api/v1/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 30000\r\n\r\n"
    got = answers_of(relay, [head, b"x" * 10_000, b"x" * 20_000])
    assert got.split()[1] == b"404"


def test_clients_pairs_and_disconnect(relay: RelayProcess) -> None:
    """The API shows who is here and who sends whom how much; a client that is disconnected is told so in the log."""

    async def scenario() -> None:
        async with await login(relay) as alice, await login(relay) as bob:
            api(relay, "pairs")  # from now on they count
            await pass_packets(alice, bob, 5)

            def is_shown() -> bool:
                rows = {row["key"]: row for row in api(relay, "clients")["clients"]}
                sent = rows.get(key_of(alice), {}).get("packets_received", 0)
                pairs = {(row["src"], row["dst"]): row["packets"] for row in api(relay, "pairs")["pairs"]}
                return bool(sent == 5 and pairs.get((key_of(alice), key_of(bob))) == 5)

            await eventually(is_shown)
            connection = UnixConnection(relay.state_dir / "admin.sock")
            connection.request("DELETE", f"/api/v1/clients/{key_of(alice)}")
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["disconnected"]) == (200, 1)
            connection.close()
            with pytest.raises(ConnectionClosedError):
                await alice.recv()
            await eventually(lambda: "disconnected by the operator: unix socket" in relay.log())
            await eventually(lambda: len(api(relay, "clients")["clients"]) == 1)
            assert bob.public_key  # who is still here

    run(scenario())


def test_with_workers() -> None:
    """The clients of all workers are shown, those of a dead one no more, and any can be disconnected."""
    with RelayProcess("--store", "off", "--workers", "3") as relay:

        async def scenario() -> None:
            async with contextlib.AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(await login(relay)) for _ in range(16)]
                await eventually(lambda: len(api(relay, "clients")["clients"]) == 16)
                rows = api(relay, "clients")["clients"]
                workers = {row["worker"] for row in rows}
                assert len(workers) > 1
                assert {row["key"] for row in rows} == {key_of(client) for client in clients}
                api(relay, "pairs")
                for one, other in itertools.pairwise(clients):
                    await pass_packets(one, other)
                await eventually(lambda: len(api(relay, "pairs")["pairs"]) == 15)

                mesh = {row["number"]: row for row in api(relay, "mesh")["workers"]}
                assert sum(row["clients"] for row in mesh.values()) == 16
                victim = max(workers)
                os.kill(mesh[victim]["pid"], signal.SIGKILL)
                left = [row["key"] for row in rows if row["worker"] != victim]
                await eventually(lambda: {row["key"] for row in api(relay, "clients")["clients"]} == set(left))

                status, body = call(relay, "DELETE", f"clients/{left[0]}")
                assert (status, body["disconnected"]) == (200, 1)
                await eventually(lambda: {row["key"] for row in api(relay, "clients")["clients"]} == set(left[1:]))

        run(scenario())


def test_a_killed_desk_leaves_nothing_behind() -> None:
    """With workers the process is the desk's: it ends with it, and the next desk starts another one."""
    with RelayProcess("--store", "off", "--workers", "2") as relay:
        port = relay.admin_port
        assert over_tcp(relay, "/healthz", port)[0] == 200
        pid = pages_pid(relay)
        assert pid is not None
        desk = psutil.Process(pid).parent()
        assert desk is not None
        assert Path(f"/proc/{desk.pid}/comm").read_text().strip() == "tailhub-desk"
        desk.kill()
        until(lambda: not psutil.pid_exists(pid), "the pages' process has ended")
        until(lambda: over_tcp(relay, "/healthz", port)[0] == 200, "the pages are there again")
        assert pages_pid(relay) not in (None, pid)


def call(relay: RelayProcess, method: str, target: str) -> tuple[int, Any]:
    connection = UnixConnection(relay.state_dir / "admin.sock")
    try:
        connection.request(method, f"/api/v1/{target}")
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
