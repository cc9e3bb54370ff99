"""Accepting connections over loopback, with descriptors and without."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.ports import free_ports
from support.waiting import LIMIT_S, run, until
from tailhub.net.accept import Acceptor, acceptance

PROGRAM = Path(__file__).parents[1] / "support" / "exhausted_acceptor.py"


class Taken:
    """Remembers what was accepted."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.addresses: list[Any] = []

    def __call__(self, sock: socket.socket, address: Any) -> None:
        self.sockets.append(sock)
        self.addresses.append(address)

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def test_each_connection_is_handed_on_with_its_address() -> None:
    """All connections that come at once on all listeners are accepted, each with the address of its peer."""

    async def scenario() -> None:
        listeners = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(2)]
        taken = Taken()
        acceptor = Acceptor(asyncio.get_running_loop(), dict.fromkeys(listeners, taken))
        acceptor.start()
        clients = [socket.create_connection(listeners[n % 2].getsockname()) for n in range(150)]
        await until(lambda: len(taken.sockets) == 150)
        assert sorted(taken.addresses) == sorted(client.getsockname() for client in clients)
        assert (acceptor.accepted, acceptor.exhausted) == (150, 0)
        acceptor.stop()
        for client in clients:
            client.close()
        taken.close()

    run(scenario)


def shared_listeners(count: int) -> list[socket.socket]:
    """Listening sockets on one port, as workers have them; the port was asked for, as an operator does."""
    listeners: list[socket.socket] = []
    for port in (free_ports(), *[0] * (count - 1)):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port or listeners[0].getsockname()[1]))
        listener.listen(128)
        listeners.append(listener)
    return listeners


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a bound socket stop listening")
@pytest.mark.parametrize("count", [1, 3])
def test_refusing_for_a_while(count: int) -> None:
    """While it refuses nobody can connect, and who was waiting is let go; when it resumes all sockets accept again."""

    async def scenario() -> None:
        listeners = shared_listeners(count)
        where = listeners[0].getsockname()
        taken = Taken()
        acceptor = Acceptor(asyncio.get_running_loop(), dict.fromkeys(listeners, taken))
        acceptor.start()
        acceptor.pause()
        waiting = socket.create_connection(where)
        acceptor.pause(refuse=True)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
        acceptor.resume()
        clients = [socket.create_connection(where) for _ in range(30)]
        await until(lambda: len(taken.sockets) == 30)
        acceptor.stop()
        for client in (waiting, *clients):
            client.close()
        taken.close()

    run(scenario)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a bound socket stop listening")
def test_listeners_taken_while_it_refuses() -> None:
    """New ones refuse too, and one that refuses and is handed to somebody else listens there."""

    async def scenario() -> None:
        first, second = shared_listeners(1)[0], shared_listeners(1)[0]
        taken, loop = Taken(), asyncio.get_running_loop()
        acceptor = Acceptor(loop, {first: taken})
        acceptor.start()
        acceptor.pause(refuse=True)
        acceptor.take({first: taken, second: taken}, lambda: True)
        for listener in (first, second):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(listener.getsockname())
        copy = first.dup()
        acceptor.stop()
        heir = Acceptor(loop, {copy: taken})
        heir.start()
        client = socket.create_connection(copy.getsockname())
        await until(lambda: heir.accepted == 1)
        heir.stop()
        client.close()
        taken.close()

    run(scenario)


def test_more_connections_than_admitted_are_closed_at_once() -> None:
    """Over the limit a connection is accepted and closed, and later ones come in again."""

    async def scenario() -> None:
        now = 100.0
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            taken = Taken()
            admits = acceptance(2.0, 5.0, lambda: now)
            acceptor = Acceptor(asyncio.get_running_loop(), {listener: taken}, admits=admits)
            acceptor.start()
            clients = [socket.create_connection(listener.getsockname()) for _ in range(8)]
            await until(lambda: acceptor.limited == 3)
            assert acceptor.accepted == 5
            now += 1.0
            clients += [socket.create_connection(listener.getsockname()) for _ in range(3)]
            await until(lambda: acceptor.limited == 4)
            assert acceptor.accepted == 7
            acceptor.stop()
            for client in clients:
                client.close()
            taken.close()

    run(scenario)


def test_stopping_closes_the_listeners() -> None:
    """After `stop` nobody listens any more; what was accepted stays open."""

    async def scenario() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        taken = Taken()
        acceptor = Acceptor(asyncio.get_running_loop(), {listener: taken})
        acceptor.start()
        with socket.create_connection(address) as client:
            await until(lambda: taken.sockets)
            acceptor.stop()
            assert listener.fileno() == -1
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
            taken.sockets[0].sendall(b"still here")
            assert client.recv(100) == b"still here"
        taken.close()

    run(scenario)


class _Unlucky(socket.socket):
    """A listener whose first `accept` fails."""

    failures = 1

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            self.failures -= 1
            raise ConnectionAbortedError(errno.ECONNABORTED, "gone before it was accepted")
        return super().accept()


def test_a_connection_that_is_gone_before_it_was_accepted_harms_nobody() -> None:
    """An error of `accept` that concerns one connection does not keep the next from being accepted."""

    async def scenario() -> None:
        listener = _Unlucky()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = Taken()
        acceptor = Acceptor(asyncio.get_running_loop(), {listener: taken})
        acceptor.start()
        with socket.create_connection(listener.getsockname()):
            await until(lambda: taken.sockets)
        assert (acceptor.accepted, acceptor.exhausted) == (1, 0)
        acceptor.stop()
        taken.close()

    run(scenario)


class Program:
    """The accepting program, which has few descriptors."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answers = process.stdout
        assert self._answers is not None
        self.address = ("127.0.0.1", json.loads(self._answers.readline())["port"])

    def ask(self, command: str) -> dict[str, int]:
        """Give a command; the counters after it."""
        assert self._process.stdin is not None
        assert self._answers is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        counters: dict[str, int] = json.loads(self._answers.readline())
        return counters

    def connect(self) -> socket.socket:
        """A client."""
        return socket.create_connection(self.address, timeout=LIMIT_S)


@pytest.fixture
def program() -> Iterator[Program]:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


def test_without_descriptors_newcomers_see_a_clean_end_and_accepting_goes_on(program: Program) -> None:
    """Out of descriptors, further connections are closed at once and counted; when some are free again, it goes on."""
    program.ask("start")
    program.ask("limit 11")  # ten, and the acceptor's reserve
    clients = [program.connect() for _ in range(25)]
    ends = [client for client in clients[10:] if client.recv(1) == b""]
    assert len(ends) == 15
    assert program.ask("look") == {"held": 10, "accepted": 10, "exhausted": 15}
    assert program.ask("close 3")["held"] == 7
    late = [program.connect() for _ in range(3)]
    while program.ask("look")["held"] < 10:
        pass
    assert program.ask("look") == {"held": 10, "accepted": 13, "exhausted": 15}
    for client in clients + late:
        client.close()


def test_without_even_a_reserve_connections_wait_and_are_accepted_later(program: Program) -> None:
    """If not one descriptor could be had from the start, newcomers wait until there are some."""
    program.ask("limit 0")
    program.ask("start")
    clients = [program.connect() for _ in range(5)]
    for _ in range(5):  # each answer is a turn of the loop that has looked at the listener
        assert program.ask("look") == {"held": 0, "accepted": 0, "exhausted": 0}
    program.ask("limit 20")
    while program.ask("look")["held"] < 5:
        pass
    for client in clients:
        client.close()
