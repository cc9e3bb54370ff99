"""The relay as a service manager sees it: sockets that it is given, and what it tells."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="unix sockets")
LIMIT_S = 30.0
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
def service(directory: Path, sockets: list[socket.socket], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A relay that was given `sockets`; it is ended at the end."""
    environ = {**os.environ, "NOTIFY_SOCKET": str(directory / "notify"), "LISTEN_FDS": str(len(sockets)), "LANG": "C"}
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


def test_the_manager_hears_of_ready_and_of_the_end(tmp_path: Path) -> None:
    """A service tells when it listens, and when it stops."""
    with manager(tmp_path) as notified, service(tmp_path, [], "--listen", "127.0.0.1:0", "--stun-listen", "off") as one:
        assert notified.recv(100) == b"READY=1"
        one.send_signal(signal.SIGTERM)
        assert notified.recv(100) == b"STOPPING=1"
        assert one.wait(LIMIT_S) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_given_sockets_are_used(tmp_path: Path, workers: str) -> None:
    """Sockets of the manager serve TCP and UDP in the place of own ones, by several workers too."""
    with manager(tmp_path) as notified, listening() as tcp, listening(socket.SOCK_DGRAM) as udp:
        where = [f"127.0.0.1:{sock.getsockname()[1]}" for sock in (tcp, udp)]
        options = ["--listen", where[0], "--stun-listen", where[1], "--workers", workers]
        with service(tmp_path, [tcp, udp], *options) as one:
            assert notified.recv(100) == b"READY=1"
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
            assert notified.recv(100) == b"READY=1"
            assert one.stdout is not None
            line = next(line for line in one.stdout if "TH150" in line)
            assert f"TCP 127.0.0.1:{port}" in line
