"""A relay with several workers, as processes: it must look like one relay, whatever becomes of its processes."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from support.certificates import Made, make_certificate
from support.client_checks import CHECKS, Check, RelayUnderTest
from support.relay_process import RelayProcess
from support.relay_process import until as wait_until
from support.scripted_relay import run
from support.scripted_relay import until as eventually
from tailhub import box
from tailhub.client import DERPClient as Client
from tailhub.client import PeerGone, PeerPresent, ReceivedPacket
from tailhub.keys import MeshKey, NodePrivate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="several workers need Linux")

MESH_KEY = MeshKey(b"\xcd" * 32)
WORKERS = 3
MANY = 24  # connections: that all come to one of three workers would be a wonder


@pytest.fixture(name="mesh_key_file", scope="module")
def _mesh_key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("relay") / "mesh.key"
    path.write_text(MESH_KEY.to_text() + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(name="shared", scope="module")
def _shared(mesh_key_file: Path) -> Iterator[RelayProcess]:
    """A relay for tests that leave it as it was."""
    with RelayProcess("--workers", str(WORKERS), "--mesh-key-file", str(mesh_key_file)) as process:
        yield process


@pytest.fixture(name="own")
def _own(mesh_key_file: Path) -> Iterator[RelayProcess]:
    """A relay for one test."""
    with RelayProcess("--workers", str(WORKERS), "--mesh-key-file", str(mesh_key_file)) as process:
        yield process


def workers_of(relay: RelayProcess) -> list[psutil.Process]:
    """Its worker processes, by their names."""
    children = psutil.Process(relay.pid).children()
    return [child for child in children if name_of(child).startswith("tailhub-w")]


def name_of(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/comm").read_text().strip()


def desk_of(relay: RelayProcess) -> psutil.Process:
    (desk,) = [child for child in psutil.Process(relay.pid).children() if name_of(child) == "tailhub-desk"]
    return desk


@asynccontextmanager
async def clients(relay: RelayProcess, count: int, private: NodePrivate | None = None) -> AsyncIterator[list[Client]]:
    """Clients that have logged in; all with the key `private` if there is one."""
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        yield [await stack.enter_async_context(await login(relay, private)) for _ in range(count)]


async def login(relay: RelayProcess, private: NodePrivate | None = None, *, mesh: bool = False) -> Client:
    mesh_key = MESH_KEY if mesh else None
    return await Client.connect("127.0.0.1", relay.port, private_key=private, cert_name=relay.pin, mesh_key=mesh_key)


async def until_message(client: Client, wanted: Callable[[object], bool]) -> object:
    """Receive until such a message comes."""
    while not wanted(message := await client.recv()):
        pass
    return message


async def passes(src: Client, dst: Client) -> None:
    """A packet from one to the other arrives."""
    packet = os.urandom(16)
    await src.send(dst.public_key, packet)
    await until_message(dst, lambda message: message == ReceivedPacket(src.public_key, packet))


async def passes_in_the_end(src: Client, dst: Client) -> None:
    """A packet arrives some time, however many before it are lost."""
    mark = os.urandom(8)

    async def send() -> None:
        while True:
            await src.send(dst.public_key, mark)
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(send())
    await until_message(dst, lambda message: message == ReceivedPacket(src.public_key, mark))
    sending.cancel()


# --- one relay --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_client_with_several_workers(shared: RelayProcess, check: Check) -> None:
    """A client gets from a relay with several workers what it gets from one with one."""
    run(check(RelayUnderTest("127.0.0.1", shared.port, shared.pin, MESH_KEY)))


def test_everybody_reaches_everybody(own: RelayProcess) -> None:
    """Packets pass between all clients, and those between workers are counted as such."""

    async def scenario() -> None:
        async with clients(own, MANY) as all_clients:
            for src in all_clients:
                for dst in all_clients:
                    await passes(src, dst)
            assert own.metric("tailhub_clients") == MANY
            assert own.metric("tailhub_packets_received_total") == MANY * MANY
            assert own.metric("tailhub_packets_sent_total") == MANY * MANY
            assert 0 < own.metric("tailhub_packets_between_workers_total") < MANY * MANY

    run(scenario())


def test_a_leaving_client_is_announced_on_all_workers(shared: RelayProcess) -> None:
    """Whoever got a packet from a client is told when that leaves, at whatever worker it is."""

    async def scenario() -> None:
        async with clients(shared, MANY) as others:
            leaving = await login(shared)
            for client in others:
                await passes(leaving, client)
            await leaving.close()
            for client in others:
                await until_message(
                    client, lambda message: isinstance(message, PeerGone) and message.key == leaving.public_key
                )

    run(scenario())


def test_a_mesh_peer_sees_all_workers_as_one(shared: RelayProcess) -> None:
    """A watcher at one worker hears of the clients of all, once each, reaches them and can close them."""

    async def scenario() -> None:
        async with clients(shared, MANY) as before, await login(shared, mesh=True) as mesh:
            await mesh.watch_conns()
            missing = {client.public_key for client in before}
            while missing:
                message = await mesh.recv()
                if isinstance(message, PeerPresent):
                    missing.discard(message.key)
            src = os.urandom(32)
            for client in before:
                await mesh.forward_packet(src, client.public_key, b"forwarded")
                await until_message(client, lambda message: message == ReceivedPacket(src, b"forwarded"))
            async with clients(shared, MANY) as after:
                missing = {client.public_key for client in after}
                while missing:
                    message = await mesh.recv()
                    if isinstance(message, PeerPresent):
                        missing.remove(message.key)
            for client in before:
                await mesh.close_peer(client.public_key)
                await eventually(lambda client=client: client.is_closed)
                await until_message(
                    mesh,
                    lambda message, key=client.public_key: isinstance(message, PeerGone) and message.key == key,
                )

    run(scenario())


def test_the_last_writer_gets_the_packets_at_whatever_worker(shared: RelayProcess) -> None:
    """Of many connections with one key, spread over workers, packets go to the newest, then to whoever wrote last."""

    async def scenario() -> None:
        private = box.generate()
        async with clients(shared, MANY, private) as same, clients(shared, MANY) as senders:
            for number, sender in enumerate(senders):
                await passes_in_the_end(sender, same[-1])
                writer = same[number]
                await writer.ping()
                await passes_in_the_end(sender, writer)  # the other workers hear of it a moment later
                await same[-1].ping()

    run(scenario())


def test_pages_of_the_public_port_are_the_same_at_every_worker(shared: RelayProcess) -> None:
    """The desk makes the pages, with the numbers of all workers, whichever of them was asked."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    accepts = set()
    for _ in range(MANY):
        for path, status in (("/generate_204", 204), ("/", 200), ("/debug/varz", 200), ("/derp", 426)):
            connection = http.client.HTTPSConnection("127.0.0.1", shared.port, timeout=20, context=context)
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            connection.close()
            assert response.status == status, path
            if path == "/debug/varz":
                accepts.add(re.search(r"^derp_accepts (\d+)", body, re.MULTILINE)[1])  # type: ignore[index]
    assert len(accepts) == 1


# --- processes end ----------------------------------------------------------------------------------------------------


def test_a_killed_worker_takes_only_its_own_clients(own: RelayProcess) -> None:
    """The others stay and hear who is gone; nobody who connects meanwhile is refused; the next worker reaches all."""

    async def scenario() -> None:
        async with clients(own, MANY) as before:
            accepts = own.metric("tailhub_logins_total")
            victim = next(worker for worker in workers_of(own) if has_connection(worker, before[0]))
            lost = [client for client in before if has_connection(victim, client)]
            stay = [client for client in before if client not in lost]
            assert stay
            for client in stay:
                await passes(lost[0], client)
            victim.kill()
            newcomers = [await login(own) for _ in range(MANY)]  # raises when it is refused
            for client in lost:
                await eventually(lambda client=client: client.is_closed)
            for client in stay:
                await until_message(
                    client, lambda message: isinstance(message, PeerGone) and message.key == lost[0].public_key
                )
            await eventually(lambda: len(workers_of(own)) == WORKERS)
            for src in stay:
                for dst in newcomers:
                    await passes_in_the_end(src, dst)
            assert not any(client.is_closed for client in (*stay, *newcomers))
            wait_until(lambda: own.metric("tailhub_clients") == len(stay) + len(newcomers), "all are counted")
            assert own.metric("tailhub_worker_restarts_total") == 1
            assert own.metric("tailhub_logins_total") >= accepts + MANY
            for client in newcomers:
                await client.close()

    run(scenario())
    assert "was ended by SIGKILL; another one takes its place" in own.log()


def test_the_next_worker_has_the_certificate_of_today(tmp_path: Path) -> None:
    """A worker that takes the place of a killed one serves what has been renewed since the start, from the first."""
    ca = make_certificate(common_name="A CA", is_ca=True)
    old, new = (make_certificate(dns_names=["relay.example"], issuer=ca) for _ in range(2))

    def put(made: Made) -> None:
        for name, content in (("key", made.key_pem), ("crt", made.pem + ca.pem)):
            (tmp_path / "new").write_bytes(content)
            (tmp_path / "new").replace(tmp_path / f"a.{name}")

    def served() -> set[bytes]:
        pems = [ssl.get_server_certificate(("127.0.0.1", relay.port)) for _ in range(MANY)]
        return {ssl.PEM_cert_to_DER_cert(pem) for pem in pems}

    put(old)
    files = "--cert", str(tmp_path / "a.crt"), "--key", str(tmp_path / "a.key"), "--hostname", "relay.example"
    with RelayProcess("--workers", "2", *files) as relay:
        assert served() == {old.der}
        put(new)
        wait_until(lambda: served() == {new.der}, "the new one is served")
        before = {worker.pid for worker in workers_of(relay)}
        victim = workers_of(relay)[0]
        victim.kill()
        wait_until(lambda: len({one.pid for one in workers_of(relay)} - before) == 1, "another worker is there")
        assert served() == {new.der}


def test_a_killed_desk_costs_no_client_anything(own: RelayProcess) -> None:
    """Pages come back with the next desk, and clients notice nothing."""

    async def scenario() -> None:
        async with clients(own, MANY) as all_clients:
            old = desk_of(own)
            old.kill()
            for client in all_clients:
                await passes(all_clients[0], client)
            await eventually(lambda: any(name_of(child) == "tailhub-desk" for child in children_of(own, old.pid)))
            wait_until(lambda: count_of(own, "tailhub_clients") == MANY, "the new desk counts all clients", own.log)

    run(scenario())


def test_a_hanging_worker_holds_up_nobody_else(own: RelayProcess) -> None:
    """Metrics and the clients of other workers go on while one worker does nothing at all."""

    async def scenario() -> None:
        async with clients(own, MANY) as all_clients:
            victim = next(worker for worker in workers_of(own) if has_connection(worker, all_clients[0]))
            stay = [client for client in all_clients if not has_connection(victim, client)]
            victim.suspend()
            try:
                for client in stay:
                    await passes(stay[0], client)
                assert own.metric("tailhub_workers") == WORKERS
            finally:
                victim.resume()
            for client in all_clients:
                await passes(all_clients[0], client)

    run(scenario())


def test_all_processes_end_together(own: RelayProcess) -> None:
    """SIGTERM ends the relay with code 0 and leaves no process behind."""
    children = psutil.Process(own.pid).children()
    assert len(children) == WORKERS + 1
    assert own.stop() == 0
    assert not any(child.is_running() for child in children)


def test_no_process_outlives_a_killed_supervisor(own: RelayProcess) -> None:
    """When the first process is killed the others end by themselves, so the port is free for the next start."""
    children = psutil.Process(own.pid).children()
    os.kill(own.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_a_second_relay_does_not_share_the_port(shared: RelayProcess) -> None:
    """Another relay of the same user on the same port is refused, whether it has one worker or more."""
    for workers in ("1", "2"):
        with (
            pytest.raises(AssertionError, match="TH03"),
            RelayProcess("--listen", f"127.0.0.1:{shared.port}", "--workers", workers),
        ):
            pass


def children_of(relay: RelayProcess, without: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(relay.pid).children() if child.pid != without]


def count_of(relay: RelayProcess, name: str) -> float:
    try:
        return relay.metric(name)
    except OSError:
        return -1


def has_connection(worker: psutil.Process, client: Client) -> bool:
    """Is this worker at the other end of the client's connection?"""
    address = client._writer.get_extra_info("sockname")
    return any(tuple(found.raddr) == address[:2] for found in worker.net_connections("tcp") if found.raddr)
