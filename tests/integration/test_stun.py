"""The STUN server and client over loopback."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from support.waiting import until
from tailhub.client.stun import StunResult, stun_query
from tailhub.exceptions import LocalError, StunError
from tailhub.server.late_answers import MAX_WAITING
from tailhub.server.stun import TURN_DATAGRAMS, StunServer
from tailhub.stun.limits import SourceLimit
from tailhub.stun.message import binding_request, parse_response

LIMIT_S = 10.0
TID = bytes(range(12))
BARE = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + TID  # a plain request of 20 bytes
REFUSED = b"\x00\x01\x00\x04\x21\x12\xa4\x42" + TID + b"\x00\x03\x00\x00"  # demands something unknown
SUCCESS = b"\x01\x01\x00\x00\x21\x12\xa4\x42" + TID
JUNK = [b"", b"x", bytes(20), SUCCESS, binding_request(TID)[:-1], BARE + bytes(1480), BARE + bytes(1481), bytes(60000)]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="answering as asked over IPv4 is for Linux only")


def bound(host: str = "127.0.0.1") -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, 0))
    except OSError as error:
        sock.close()
        pytest.skip(f"{host} cannot be had here: {error}")
    return sock


@asynccontextmanager
async def serving(*hosts: str, **options: Any) -> AsyncIterator[StunServer]:
    server = StunServer([bound(host) for host in hosts or ("127.0.0.1",)], **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def port_of(server: StunServer, at: int = 0) -> int:
    return server.addresses[at][1]


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


class Client:
    """A datagram socket of a test, connected to a server."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.connect(address)

    def send(self, data: bytes) -> None:
        self.sock.send(data)

    async def recv(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.sock, 2000)

    async def ask(self, data: bytes) -> bytes:
        self.send(data)
        return await self.recv()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.sock.getsockname()[:2]
        return host, port


@pytest.fixture
def connect() -> Iterator[Callable[[str, int], Client]]:
    with ExitStack() as stack:

        def open_client(host: str, port: int) -> Client:
            client = Client((host, port))
            stack.callback(client.sock.close)
            return client

        yield open_client


Connect = Callable[[str, int], Client]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_client_and_server(host: str) -> None:
    """Our client learns from our server its own address and port, and how long it took."""

    async def test() -> None:
        async with serving(host) as server:
            result = await stun_query(host, port_of(server))
            assert result.address == host
            assert 0 < result.port < 65536
            assert 0 <= result.rtt_s < LIMIT_S
            assert result.answered_from == (host, port_of(server))
            counters = server.counters["ipv6" if ":" in host else "ipv4"]
            assert (counters.requests, counters.answers, counters.rfc_requests) == (1, 1, 0)

    run(test)


@needs_linux
@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.8.8.8"])
def test_answers_from_the_address_asked(asked: str) -> None:
    """A server on the wildcard address answers from the address that was asked."""

    async def test() -> None:
        async with serving("0.0.0.0") as server:
            result = await stun_query(asked, port_of(server))
            assert result.answered_from == (asked, port_of(server))

    run(test)


def test_ipv6_wildcard() -> None:
    """A server on the IPv6 wildcard address answers from the address that was asked."""

    async def test() -> None:
        async with serving("::") as server:
            result = await stun_query("::1", port_of(server))
            assert (result.address, result.answered_from) == ("::1", ("::1", port_of(server)))

    run(test)


def test_families_are_counted_apart() -> None:
    """One server serves both families, each with its own counters."""

    async def test() -> None:
        async with serving("127.0.0.1", "::1") as server:
            await stun_query("127.0.0.1", port_of(server, 0))
            await stun_query("::1", port_of(server, 1))
            await stun_query("::1", port_of(server, 1))
            assert {family: counters.requests for family, counters in server.counters.items()} == {"ipv4": 1, "ipv6": 2}
            assert server.dispositions()["success"] == 3

    run(test)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_plain_requests(host: str, connect: Connect) -> None:
    """A plain RFC 8489 request is answered, one that demands too much is refused with 420."""

    async def test() -> None:
        async with serving(host) as server:
            client = connect("127.0.0.1", port_of(server))
            assert parse_response(await client.ask(BARE)) == (TID, *client.address)
            assert (await client.ask(REFUSED))[:2] == b"\x01\x11"
            counters = server.counters["ipv4"]
            assert (counters.requests, counters.rfc_requests, counters.answers) == (2, 2, 2)

    run(test)


def test_plain_requests_switched_off(connect: Connect) -> None:
    """With `answer_rfc` off only Tailscale's requests are answered, and the others are counted."""

    async def test() -> None:
        async with serving(answer_rfc=False) as server:
            client = connect("127.0.0.1", port_of(server))
            client.send(BARE)
            client.send(REFUSED)
            assert parse_response(await client.ask(binding_request(b"tailscale---"))) == (
                b"tailscale---",
                *client.address,
            )
            assert server.dispositions()["refused"] == 2

    run(test)


def test_plain_requests_are_limited(connect: Connect) -> None:
    """Too many plain requests of one source are not answered; Tailscale's still are."""

    async def test() -> None:
        async with serving(rfc_limit=SourceLimit(answers_per_s=0.001, burst=3.0)) as server:
            client = connect("127.0.0.1", port_of(server))
            for _ in range(10):
                client.send(BARE)
            client.send(binding_request(b"tailscale---"))
            tids = [parse_response(await client.recv())[0] for _ in range(4)]
            assert tids == [TID] * 3 + [b"tailscale---"]
            assert server.dispositions()["limited"] == 7

    run(test)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_junk_gets_no_answer(host: str, connect: Connect) -> None:
    """Whatever is no Binding request is counted and not answered."""

    async def test() -> None:
        async with serving(host) as server:
            client = connect("127.0.0.1", port_of(server))
            for data in JUNK:
                client.send(data)
            assert parse_response(await client.ask(binding_request(b"tailscale---")))[0] == b"tailscale---"
            assert server.dispositions()["not_stun"] == len(JUNK)
            assert server.counters["ipv4"].answers == 1

    run(test)


@pytest.mark.parametrize(("host", "asked"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_a_burst(host: str, asked: str, connect: Connect) -> None:
    """Many requests at once, mixed with junk and plain ones, are all answered, each to whom it is due."""

    async def test() -> None:
        async with serving(host, rfc_limit=SourceLimit(burst=1000.0)) as server:
            clients = [connect(asked, port_of(server)) for _ in range(3)]
            for round_ in range(3):
                expected: list[list[bytes]] = [[], [], []]
                for n in range(TURN_DATAGRAMS + TURN_DATAGRAMS // 2):
                    tid = b"round%03d-%03d" % (round_, n)
                    client = clients[n % 3]
                    if n % 16 == 7:
                        client.send(b"junk")
                    client.send(binding_request(tid) if n % 5 else BARE[:8] + tid)
                    expected[n % 3].append(tid)
                for client, tids in zip(clients, expected, strict=True):
                    for tid in tids:
                        assert parse_response(await client.recv()) == (tid, *client.address)
            counters = server.counters["ipv6" if ":" in host else "ipv4"]
            assert counters.answers == counters.requests == 3 * (TURN_DATAGRAMS + TURN_DATAGRAMS // 2)
            assert counters.rfc_requests == 3 * 20
            assert counters.bad == 3 * 6

    run(test)


# --- steering ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("host", "asked"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")])
def test_muted(host: str, asked: str, connect: Connect) -> None:
    """A muted address gets no answer, one by one or by the batch, and all that comes from it is counted as muted."""

    async def test() -> None:
        async with serving(host) as server:
            client = connect(asked, port_of(server))
            counters = server.counters["ipv6" if ":" in host else "ipv4"]
            muted: set[bytes] = set()
            server.muted = muted
            for burst in (1, TURN_DATAGRAMS + 5, TURN_DATAGRAMS + 5):  # the last one by the batch
                before = (counters.requests, counters.answers, counters.muted, counters.bad)
                muted.add(ip_address(asked).packed)
                for number in range(burst):
                    client.send((binding_request(TID), BARE, b"junk")[number % 3])
                expected = before[2] + burst
                await until(lambda expected=expected: counters.muted == expected)
                muted.clear()
                assert parse_response(await client.ask(binding_request(b"then it is  "))) == (
                    b"then it is  ",
                    *client.address,
                )
                after = (counters.requests, counters.answers, counters.muted, counters.bad)
                assert after == (before[0] + 1, before[1] + 1, before[2] + burst, before[3])
            assert server.dispositions()["muted"] == counters.muted

    run(test)


@pytest.mark.parametrize("has_burst", [False, True], ids=["one-by-one", "by-the-batch"])
def test_others_are_not_muted(has_burst: bool, connect: Connect) -> None:
    """Answers to others go on while an address is muted."""

    async def test() -> None:
        async with serving() as server:
            server.muted = {ip_address("192.0.2.1").packed}
            client = connect("127.0.0.1", port_of(server))
            for number in range(3 * TURN_DATAGRAMS if has_burst else 1):
                client.send(binding_request(b"number%6d" % number))
            for number in range(3 * TURN_DATAGRAMS if has_burst else 1):
                assert parse_response(await client.recv())[0] == b"number%6d" % number
            assert server.dispositions()["muted"] == 0

    run(test)


@pytest.mark.parametrize(("host", "asked"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("::", "::1")])
def test_late_answers(host: str, asked: str, connect: Connect) -> None:
    """With a delay every answer comes that much later, from the address that was asked, also in a burst."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with serving(host) as server:
            server.late.delay_s = 0.05
            client = connect(asked, port_of(server))
            began = loop.time()
            for number in range(2 * TURN_DATAGRAMS):
                client.send(binding_request(b"number%6d" % number))
            for number in range(2 * TURN_DATAGRAMS):
                assert parse_response(await client.recv()) == (b"number%6d" % number, *client.address)
            assert loop.time() - began >= 0.05
            server.late.delay_s = 0.0
            assert parse_response(await client.ask(binding_request(TID)))[0] == TID

    run(test)


def test_most_late_answers(connect: Connect) -> None:
    """So many answers wait and no more; what comes beyond that is counted as muted."""

    async def test() -> None:
        async with serving() as server:
            server.late.delay_s = 60.0
            client = connect("127.0.0.1", port_of(server))
            while not server.dispositions()["muted"]:
                client.send(binding_request(TID))
                await asyncio.sleep(0)
            assert server.counters["ipv4"].requests - server.dispositions()["muted"] == MAX_WAITING

    run(test)


class Outsider(socket.socket):
    """A server's socket on which everything seems to come from somewhere else."""

    source: tuple[str, int] = ("198.51.100.20", 40000)
    requests: int = 0
    answers: asyncio.Queue[bytes]

    def recvfrom(self, *_: Any) -> tuple[bytes, Any]:
        data, source = super().recvfrom(2000)
        self.requests += 1
        return data, source if self.requests == 1 else self.source

    def sendto(self, data: Any, *rest: Any) -> int:
        self.answers.put_nowait(data)
        return len(data)


def test_first_from_outside(connect: Connect) -> None:
    """The first source that is not this machine's loopback is reported, once."""

    async def test() -> None:
        sock = Outsider(socket.AF_INET, socket.SOCK_DGRAM)
        sock.answers = asyncio.Queue()
        sock.bind(("127.0.0.1", 0))
        reported: asyncio.Queue[str] = asyncio.Queue()
        server = StunServer([sock], on_first_outside=reported.put_nowait)
        server.start()
        client = connect("127.0.0.1", port_of(server))
        for data in (binding_request(TID), b"junk", binding_request(TID), BARE, binding_request(TID)):
            client.send(data)
        assert await reported.get() == "198.51.100.20"
        for _ in range(4):
            await sock.answers.get()
        assert reported.empty()
        server.stop()

    run(test)


def test_the_next_from_outside(connect: Connect) -> None:
    """After the first one from outside was reported the server reports the next one each time it is asked to."""

    async def test() -> None:
        sock = Outsider(socket.AF_INET, socket.SOCK_DGRAM)
        sock.answers = asyncio.Queue()
        sock.bind(("127.0.0.1", 0))
        first: asyncio.Queue[str] = asyncio.Queue()
        later: asyncio.Queue[str] = asyncio.Queue()
        server = StunServer([sock], on_first_outside=first.put_nowait)
        server.start()
        client = connect("127.0.0.1", port_of(server))
        server.watch_outside(later.put_nowait)  # the first one is still waited for
        for _ in range(3):
            client.send(binding_request(TID))
        assert await first.get() == "198.51.100.20"
        for _ in range(3):
            await sock.answers.get()
        assert later.empty()
        for _ in range(2):
            server.watch_outside(later.put_nowait)
            for _ in range(2):
                client.send(binding_request(TID))
            assert await later.get() == "198.51.100.20"
            for _ in range(2):
                await sock.answers.get()
            assert later.empty()
        server.stop()

    run(test)


class Faulty(socket.socket):
    """A server's socket that cannot send, and whose first read fails."""

    failures: list[int]
    read_error = errno.ECONNREFUSED

    def recvfrom(self, *args: Any) -> tuple[bytes, Any]:
        if self.read_error:
            number, self.read_error = self.read_error, 0
            raise OSError(number, os.strerror(number))
        return super().recvfrom(*args)

    def sendto(self, *args: Any) -> int:
        if self.failures:
            number = self.failures.pop()
            raise OSError(number, os.strerror(number))
        return super().sendto(*args)


def test_errors_do_not_end_it(connect: Connect) -> None:
    """Errors in reading and sending are counted, and what comes after them is answered."""

    async def test() -> None:
        sock = Faulty(socket.AF_INET, socket.SOCK_DGRAM)
        sock.failures = [errno.ENOBUFS, errno.EAGAIN, errno.EPERM, errno.EHOSTUNREACH]
        sock.bind(("127.0.0.1", 0))
        server = StunServer([sock])
        server.start()
        client = connect("127.0.0.1", port_of(server))
        for _ in range(5):
            client.send(binding_request(TID))
        assert parse_response(await client.recv()) == (TID, *client.address)
        assert server.counters["ipv4"].send_errors == 4
        assert server.counters["ipv4"].read_errors == 1
        server.stop()

    run(test)


def test_query_from_the_own_port() -> None:
    """A server that asks another one is told the port of its own STUN socket, and goes on answering meanwhile."""

    async def test() -> None:
        async with serving() as ours, serving() as other:
            answers = await asyncio.gather(
                ours.query("127.0.0.1", port_of(other), LIMIT_S),
                other.query("127.0.0.1", port_of(ours), LIMIT_S),
            )
            assert answers == [("127.0.0.1", port_of(ours)), ("127.0.0.1", port_of(other))]

    run(test)


def test_query_without_an_answer(connect: Connect) -> None:
    """A question that nobody answers is a TimeoutError; an answer to no question of ours is junk."""

    async def test() -> None:
        async with serving() as server:
            silent = bound()
            with pytest.raises(TimeoutError):
                await server.query("127.0.0.1", silent.getsockname()[1], 0.05)
            silent.setblocking(False)
            request = silent.recv(100)
            silent.sendto(b"\x01\x01" + request[2:], ("127.0.0.1", port_of(server)))
            silent.close()
            await connect("127.0.0.1", port_of(server)).ask(binding_request(TID))
            assert server.dispositions()["not_stun"] == 1

    run(test)


def test_query_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that was lost is sent again, with the same transaction id."""
    monkeypatch.setattr("tailhub.server.stun.RETRANSMIT_S", 0.01)

    async def test() -> None:
        async with serving() as server:
            with bound() as lossy:
                lossy.setblocking(False)
                asking = asyncio.create_task(server.query("127.0.0.1", lossy.getsockname()[1], LIMIT_S))
                loop = asyncio.get_running_loop()
                first, _ = await loop.sock_recvfrom(lossy, 100)
                second, source = await loop.sock_recvfrom(lossy, 100)
                assert first == second
                answer = b"\x01\x01\x00\x0c" + second[4:20] + b"\0\x01\0\x08\0\x01\x04\xd2\xc0\0\x02\x01"
                lossy.sendto(answer, source)
                assert await asking == ("192.0.2.1", 1234)

    run(test)


def test_query_refused() -> None:
    """An error response to a question of ours is a StunError."""

    async def test() -> None:
        async with serving() as server:
            with bound() as refusing:
                refusing.setblocking(False)
                asking = asyncio.create_task(server.query("127.0.0.1", refusing.getsockname()[1], LIMIT_S))
                request, source = await asyncio.get_running_loop().sock_recvfrom(refusing, 100)
                refusing.sendto(b"\x01\x11\0\x08" + request[4:20] + b"\0\x09\0\x04\0\0\x03\0", source)
                with pytest.raises(StunError, match="300"):
                    await asking

    run(test)


def test_query_that_cannot_be() -> None:
    """A question over a family without a socket is an OSError, to a name a LocalError."""

    async def test() -> None:
        async with serving() as server:
            with pytest.raises(OSError, match="no STUN socket for IPv6"):
                await server.query("::1", 3478, 1.0)
            with pytest.raises(LocalError, match="localhost"):
                await server.query("localhost", 3478, 1.0)

    run(test)


def test_stop_ends_queries() -> None:
    """Stopping the server ends its questions with an OSError."""

    async def test() -> None:
        async with serving() as server:
            with bound() as silent:
                asking = asyncio.create_task(server.query("127.0.0.1", silent.getsockname()[1], LIMIT_S))
                await asyncio.sleep(0)
                server.stop()
                with pytest.raises(OSError, match="stopped"):
                    await asking

    run(test)


def test_client_without_an_answer() -> None:
    """The client ends with TimeoutError when nothing answers."""

    async def test() -> None:
        with bound() as silent, pytest.raises(TimeoutError):
            await stun_query("127.0.0.1", silent.getsockname()[1], timeout_s=0.05)

    run(test)


@needs_linux
def test_client_and_a_closed_port() -> None:
    """The client says at once when the machine reports that nobody listens."""

    async def test() -> None:
        with bound() as free:
            port = free.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            await stun_query("127.0.0.1", port, timeout_s=LIMIT_S)

    run(test)


def test_client_takes_only_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asks again, passes over what is not for it, and tells when the answer comes from another address."""
    monkeypatch.setattr("tailhub.client.stun.RETRANSMIT_S", 0.01)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        with bound() as asked, bound() as another:
            asked.setblocking(False)
            asking = asyncio.create_task(stun_query("127.0.0.1", asked.getsockname()[1], timeout_s=LIMIT_S))
            await loop.sock_recvfrom(asked, 100)
            request, source = await loop.sock_recvfrom(asked, 100)
            mapped = b"\0\x01\0\x08\0\x01\x04\xd2\xc0\0\x02\x01"
            another.sendto(b"junk", source)
            another.sendto(b"\x01\x01\x00\x0c\x21\x12\xa4\x42" + TID + mapped, source)
            another.sendto(b"\x01\x01\x00\x0c" + request[4:20] + mapped, source)
            result = await asking
            assert result == StunResult("192.0.2.1", 1234, result.rtt_s, another.getsockname())

    run(test)


def test_client_and_an_error() -> None:
    """The client ends with StunError when the server refuses."""

    async def test() -> None:
        with bound() as refusing:
            refusing.setblocking(False)
            asking = asyncio.create_task(stun_query("127.0.0.1", refusing.getsockname()[1], timeout_s=LIMIT_S))
            request, source = await asyncio.get_running_loop().sock_recvfrom(refusing, 100)
            refusing.sendto(b"\x01\x11\0\x08" + request[4:20] + b"\0\x09\0\x04\0\0\x04\x14", source)
            with pytest.raises(StunError, match="420"):
                await asking

    run(test)
