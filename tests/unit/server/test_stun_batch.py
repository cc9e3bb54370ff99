"""Batches of datagrams over loopback sockets."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tailhub.server.packet_info import prepare

if sys.platform != "linux" or sys.maxsize < 2**32:
    pytest.skip("recvmmsg is used on 64-bit Linux only", allow_module_level=True)

from tailhub.server.stun_batch import SLOTS, DatagramBatch

RECEIVE_BYTES = 100
ANSWER_BYTES = 64


class Pair:
    """A batch on a socket bound to `host`, and clients that talk to it at `asked`."""

    def __init__(self, host: str, asked: str, stack: ExitStack) -> None:
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.stack = stack
        self.server = self.open(host)
        self.batch = DatagramBatch(self.server, prepare(self.server), RECEIVE_BYTES, ANSWER_BYTES)
        self.asked = (asked, self.server.getsockname()[1])

    def open(self, host: str) -> socket.socket:
        sock = self.stack.enter_context(socket.socket(self.family, socket.SOCK_DGRAM))
        try:
            sock.bind((host, 0))
        except OSError as error:
            pytest.skip(f"{host} cannot be had here: {error}")
        sock.settimeout(5)
        return sock

    def client(self) -> socket.socket:
        client = self.open("::1" if self.family == socket.AF_INET6 else "127.0.0.1")
        client.connect(self.asked)  # so that answers from another address do not arrive
        return client


@pytest.fixture(
    params=[
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.7"),
        ("::1", "::1"),
        ("::", "::1"),
    ],
    ids=lambda param: f"{param[0]} asked at {param[1]}",
)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(*request.param, stack)


def test_empty_socket(pair: Pair) -> None:
    """Nothing has arrived: nothing is given, nothing is sent."""
    assert pair.batch.receive() == []
    assert pair.batch.send([]) == (0, 0)


def test_each_gets_its_own(pair: Pair) -> None:
    """Answers of any length reach those who asked, from the address that they asked; None is no answer."""
    clients = [pair.client() for _ in range(9)]
    for round_ in range(3):
        for n, client in enumerate(clients):
            client.send(bytes([round_, n]) * (n + 1))
        got = pair.batch.receive()
        assert [data for data, _, _ in got] == [bytes([round_, n]) * (n + 1) for n in range(9)]
        for (_, ip_packed, port), client in zip(got, clients, strict=True):
            assert (socket.inet_ntop(pair.family, ip_packed), port) == client.getsockname()[:2]
        answers = [None if n % 4 == 3 else b"answer" + data * (n % 3) for n, (data, _, _) in enumerate(got)]
        assert pair.batch.send(answers) == (7, 0)
        for answer, client in zip(answers, clients, strict=True):
            if answer is not None:
                assert client.recv(200) == answer
    for client in clients:
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(200)


def test_more_than_a_batch(pair: Pair) -> None:
    """What does not fit in one batch comes in the next."""
    client = pair.client()
    for n in range(SLOTS + 5):
        client.send(bytes([n]))
    first, second = pair.batch.receive(), pair.batch.receive()
    assert (len(first), len(second)) == (SLOTS, 5)
    assert [data[0] for data, _, _ in first + second] == list(range(SLOTS + 5))


def test_lengths(pair: Pair) -> None:
    """An empty datagram is given as one; one that is too long is cut."""
    client = pair.client()
    for length in (0, RECEIVE_BYTES, RECEIVE_BYTES + 500, 1):
        client.send(bytes(length))
    assert [len(data) for data, _, _ in pair.batch.receive()] == [0, RECEIVE_BYTES, RECEIVE_BYTES, 1]


def test_one_that_fails() -> None:
    """An answer that cannot be sent is counted and keeps back none of the others."""
    with ExitStack() as stack:
        pair = Pair("127.0.0.1", "127.0.0.1", stack)
        too_long = bytes(66000)  # more than UDP can carry
        batch = DatagramBatch(pair.server, None, RECEIVE_BYTES, len(too_long))
        clients = [pair.client() for _ in range(5)]
        for client in clients:
            client.send(b"?")
        batch.receive()
        assert batch.send([b"a", too_long, b"b", b"c", too_long]) == (3, 2)
        assert [clients[n].recv(10) for n in (0, 2, 3)] == [b"a", b"b", b"c"]


def test_closed_socket() -> None:
    """A socket that is not one is an OSError."""
    with ExitStack() as stack:
        pair = Pair("127.0.0.1", "127.0.0.1", stack)
        pair.server.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            pair.batch.receive()
