"""The relay as a service manager sees it: sockets that it is given, and what it tells."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.flock import BACK_WITHIN_S, CLIENTS, Flock, node_at
from support.how_to import served_pin
from support.waiting import run, until

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="unix sockets")
LIMIT_S = 30.0
KEPT = "tailhub"  # the name of sockets that are kept for the next run
# As systemd starts a service: the sockets are descriptors from 3 on, and the process knows its own number.
START = (
    "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); "
    "os.execv(sys.executable, [sys.executable, '-m', 'tailhub', *sys.argv[1:]])"
)


@contextmanager
def manager(directory: Path) -> Iterator[socket.socket]:
    """Where notifications arrive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(directory / "notify"))
        sock.settimeout(LIMIT_S)
        yield sock


@contextmanager
def service(
    directory: Path, sockets: list[socket.socket], *arguments: str, name: str = "tailhub.socket"
) -> Iterator[subprocess.Popen[str]]:
    """A relay that was given `sockets`, each by this name; it is ended at the end."""
    environ = {**os.environ, "NOTIFY_SOCKET": str(directory / "notify"), "LISTEN_FDS": str(len(sockets)), "LANG": "C"}
    environ["LISTEN_FDNAMES"] = ":".join([name] * len(sockets))
    off = ["--no-discover", "--admin-listen", "off", "--state-dir", str(directory / "state")]
    with subprocess.Popen(
        [sys.executable, "-c", START, "relay", *off, *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: pass_on(sockets),
        close_fds=False,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def pass_on(sockets: list[socket.socket]) -> None:
    """Have them at 3 and after."""
    for number, sock in enumerate([os.dup(sock.fileno()) for sock in sockets], 3):
        os.dup2(sock, number, inheritable=True)


def listening(kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def hear(notified: socket.socket, state: bytes) -> None:
    """Until the manager is told `state`."""
    while notified.recv(100) != state:
        pass


def test_the_manager_hears_of_ready_and_of_the_end(tmp_path: Path) -> None:
    """A service tells when it listens, and when it stops."""
    with manager(tmp_path) as notified, service(tmp_path, [], "--listen", "127.0.0.1:0", "--stun-listen", "off") as one:
        hear(notified, b"READY=1")
        one.send_signal(signal.SIGTERM)
        hear(notified, b"STOPPING=1")
        assert one.wait(LIMIT_S) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_given_sockets_are_used(tmp_path: Path, workers: str) -> None:
    """Sockets of the manager serve TCP and UDP in the place of own ones, by several workers too."""
    with manager(tmp_path) as notified, listening() as tcp, listening(socket.SOCK_DGRAM) as udp:
        where = [f"127.0.0.1:{sock.getsockname()[1]}" for sock in (tcp, udp)]
        options = ["--listen", where[0], "--stun-listen", where[1], "--workers", workers]
        with service(tmp_path, [tcp, udp], *options) as one:
            hear(notified, b"READY=1")
            with socket.create_connection(tcp.getsockname(), LIMIT_S) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")  # TLS is spoken here, and it says so
                assert client.recv(100).startswith(b"HTTP/1.1 400")
            one.send_signal(signal.SIGTERM)
            assert one.wait(LIMIT_S) == 0


def test_a_given_socket_that_nobody_asks_for_is_named(tmp_path: Path) -> None:
    """When the manager's socket and the configuration disagree, the first screen says so."""
    with manager(tmp_path) as notified, listening() as tcp:
        port = tcp.getsockname()[1]
        with service(tmp_path, [tcp], "--listen", "127.0.0.1:0", "--stun-listen", "off") as one:
            hear(notified, b"READY=1")
            assert one.stdout is not None
            line = next(line for line in one.stdout if "TH150" in line)
            assert f"TCP 127.0.0.1:{port}" in line


def given_to_keep(notified: socket.socket) -> list[socket.socket]:
    """The sockets that the manager is given before it hears that the service is ready."""
    kept = []
    while True:
        message, descriptors, _, _ = socket.recv_fds(notified, 100, 64)
        if message == f"FDSTORE=1\nFDNAME={KEPT}".encode():
            kept += [socket.socket(fileno=descriptor) for descriptor in descriptors]
        elif message == b"READY=1":
            return kept
        elif message == b"BARRIER=1":
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            assert message == f"FDSTOREREMOVE=1\nFDNAME={KEPT}".encode()
            assert not kept


@pytest.mark.parametrize("workers", [1, 2])
def test_who_connects_between_two_runs_is_served_by_the_second(tmp_path: Path, workers: int) -> None:
    """The manager keeps the public sockets, one a worker, and the next run takes them and who waits there."""
    options = ("--listen", "127.0.0.1:0", "--stun-listen", "off", "--workers", str(workers))
    with ExitStack() as stack:
        notified = stack.enter_context(manager(tmp_path))
        with service(tmp_path, [], *options) as first:
            kept = [stack.enter_context(sock) for sock in given_to_keep(notified)]
            assert len(kept) == workers
            first.send_signal(signal.SIGTERM)
            hear(notified, b"STOPPING=1")
            assert first.wait(LIMIT_S) == 0
        where = kept[0].getsockname()
        waiting = [stack.enter_context(socket.create_connection(where, LIMIT_S)) for _ in range(8)]
        options = ("--listen", f"127.0.0.1:{where[1]}", *options[2:])
        with service(tmp_path, kept, *options, name=KEPT):
            again = [stack.enter_context(sock) for sock in given_to_keep(notified)]
            assert {os.fstat(sock.fileno()).st_ino for sock in again} == {
                os.fstat(sock.fileno()).st_ino for sock in kept
            }
            for client in waiting:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("workers", [1, 2])
def test_no_client_is_refused_over_a_restart(tmp_path: Path, workers: int) -> None:
    """Of 200 clients that talk, each loses one connection when the relay ends, and gets the next at its first try."""
    options = ("--listen", "127.0.0.1:0", "--stun-listen", "off", "--workers", str(workers))

    async def scenario(stack: ExitStack, notified: socket.socket) -> None:
        first = stack.enter_context(service(tmp_path, [], *options))
        kept = [stack.enter_context(sock) for sock in await asyncio.to_thread(given_to_keep, notified)]
        port = kept[0].getsockname()[1]
        async with Flock(node_at(port, served_pin(port))) as flock:
            await flock.all_talk()
            first.send_signal(signal.SIGTERM)
            await asyncio.to_thread(hear, notified, b"STOPPING=1")
            assert await asyncio.to_thread(first.wait, LIMIT_S) == 0
            # That they connect now, to sockets that nobody serves, is part of it.
            again = ("--listen", f"127.0.0.1:{port}", *options[2:])
            stack.enter_context(service(tmp_path, kept, *again, name=KEPT))
            await asyncio.to_thread(given_to_keep, notified)
            await until(lambda: all(flock.is_in), BACK_WITHIN_S)
            await flock.all_talk()
            assert len(flock.reasons) == CLIENTS, flock.reasons[CLIENTS:]

    with ExitStack() as stack:
        run(lambda: scenario(stack, stack.enter_context(manager(tmp_path))), 3 * LIMIT_S)


def test_a_kept_socket_that_is_wanted_no_more_goes_without_a_word(tmp_path: Path) -> None:
    """When the configuration names a port no more, what was kept of it is given up, and nobody is told."""
    options = ("--listen", "127.0.0.1:0", "--stun-listen", "off")
    with manager(tmp_path) as notified, listening() as tcp, service(tmp_path, [tcp], *options, name=KEPT) as one:
        (kept,) = given_to_keep(notified)
        with kept:
            assert kept.getsockname() != tcp.getsockname()
        one.send_signal(signal.SIGTERM)
        assert "TH150" not in one.communicate(timeout=LIMIT_S)[0]


def test_sockets_of_a_unit_are_not_kept_twice(tmp_path: Path) -> None:
    """What a socket unit keeps is not given to the manager once more."""
    with manager(tmp_path) as notified, listening() as tcp:
        where = f"127.0.0.1:{tcp.getsockname()[1]}"
        with service(tmp_path, [tcp], "--listen", where, "--stun-listen", "off"):
            assert given_to_keep(notified) == []
