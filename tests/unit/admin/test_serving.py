from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tailhub.admin import serving
from tailhub.admin.handover import MAX_HEAD_BYTES, make_pair, pass_on
from tailhub.admin.serving import OVER_UNIX, Serving

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


class App:
    """Answers each request with what it was, when `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.answer = b""
        self.asked = self.disconnected = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        body, more = b"", True
        while more:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.disconnected += 1
                return
            body, more = body + event["body"], event["more_body"]
        await self.go_on.wait()
        is_unix = bool(scope["state"].get(OVER_UNIX))
        answer = self.answer or b"%s %s %d %d" % (scope["method"].encode(), scope["raw_path"], len(body), is_unix)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class World:
    """A server with clients in one loop."""

    def __init__(self, app: App, address: tuple[str, int], handover: socket.socket) -> None:
        self.app, self.address, self.handover = app, address, handover

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.address)

    async def said(self, *pieces: bytes, ends: bool = False) -> bytes:
        """All that is answered on a connection where these pieces are sent, until it is closed."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if ends:
            writer.write_eof()
        with contextlib.suppress(ConnectionError):
            return await read_all(reader)
        return b""


async def read_all(reader: asyncio.StreamReader) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(65536):
            data += piece
    return data


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    app, (ours, theirs) = App(), make_pair()
    listener = socket.create_server(("127.0.0.1", 0))
    served = Serving(app, [listener], theirs)
    await served.start()
    try:
        yield World(app, listener.getsockname(), ours)
    finally:
        await served.stop()
        ours.close()
        theirs.close()
        await asyncio.sleep(0)


def run(work: Callable[[World], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), world() as made:
            await work(made)

    asyncio.run(whole())


def test_one_request_after_another() -> None:
    """A connection stays open for further requests, with bodies or without."""

    async def work(world: World) -> None:
        reader, writer = await world.connect()
        for request, answer in (
            (GET, b"GET /x 0 0"),
            (b"POST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", b"POST /y 3 0"),
        ):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(len(answer)) == answer
        writer.close()

    run(work)


def test_requests_in_a_row() -> None:
    """Requests that come in one piece are answered in order."""

    async def work(world: World) -> None:
        last = b"GET /z HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        answered = await world.said(GET + GET + last)
        assert answered.count(b"GET /x 0 0") == 2
        assert answered.endswith(b"GET /z 0 0")

    run(work)


def test_a_request_in_pieces() -> None:
    """It does not matter how the network cuts a request."""

    async def work(world: World) -> None:
        request = b"POST /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        assert (await world.said(*(request[at : at + 1] for at in range(len(request))))).endswith(b"POST /p 3 0")

    run(work)


def test_a_half_closed_connection() -> None:
    """Who has asked and closes its side still gets the answer, and then the end."""

    async def work(world: World) -> None:
        world.app.go_on.clear()
        asking = asyncio.create_task(world.said(GET, ends=True))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, world.app.go_on.set)
        assert (await asking).endswith(b"GET /x 0 0")

    run(work)


@pytest.mark.parametrize("start", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"])
def test_a_request_that_ends_early(start: bytes) -> None:
    """Who closes its side in the middle of a request gets nothing, and the connection is closed."""

    async def work(world: World) -> None:
        assert await world.said(start, ends=True) == b""

    run(work)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHo"])
def test_a_slow_head(monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    """A request that does not come to its end is given up, and so is a connection on which nothing comes."""
    monkeypatch.setattr(serving, "HEAD_S", 0.05)

    async def work(world: World) -> None:
        assert await world.said(start) == b""

    run(work)


def test_a_dribbling_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not buy more time."""
    monkeypatch.setattr(serving, "HEAD_S", 0.1)

    async def work(world: World) -> None:
        reader, writer = await world.connect()
        reading = asyncio.create_task(read_all(reader))
        with contextlib.suppress(ConnectionError):
            while not reading.done():
                writer.write(b"G")
                await writer.drain()
                await asyncio.wait([reading], timeout=0.01)
        assert await reading == b""

    run(work)


def test_a_slow_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come to its end is given up."""
    monkeypatch.setattr(serving, "WORK_S", 0.05)
    monkeypatch.setattr(serving, "HEAD_S", 1000.0)

    async def work(world: World) -> None:
        assert await world.said(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab") == b""
        assert world.app.disconnected == 1

    run(work)


async def say_always(client: socket.socket) -> None:
    while True:
        await asyncio.get_running_loop().sock_sendall(client, b"\r\n")
        await asyncio.sleep(0.02)


def test_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection whose peer does not read its answer is not kept for ever."""
    for name in ("WORK_S", "HEAD_S"):
        monkeypatch.setattr(serving, name, 0.1)

    async def work(world: World) -> None:
        world.app.answer = b"x" * (16 << 20)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, world.address)
            await loop.sock_sendall(client, GET)
            with pytest.raises(ConnectionError):
                await say_always(client)

    run(work)


def test_an_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an answer a connection without further requests is closed."""
    monkeypatch.setattr(serving, "IDLE_S", 0)

    async def work(world: World) -> None:
        assert (await world.said(GET)).endswith(b"GET /x 0 0")

    run(work)


@pytest.mark.parametrize(
    "request_",
    [b"\0\0\0", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\nHost h\r\n\r\n", b"GET  HTTP/9\r\n\r\n"],
)
def test_what_is_no_http(request_: bytes) -> None:
    """Other bytes are answered with 400, and that is the end."""

    async def work(world: World) -> None:
        assert (await world.said(request_ + b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")

    run(work)


def test_what_is_no_http_behind_a_request() -> None:
    """Bytes that make no sense while an answer is under way end the connection, and the next one is served."""

    async def work(world: World) -> None:
        world.app.go_on.clear()
        reading = asyncio.create_task(
            world.said(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        )
        assert await reading == b""
        world.app.go_on.set()
        assert (await world.said(GET, ends=True)).endswith(b"GET /x 0 0")

    run(work)


def test_a_head_that_is_too_long() -> None:
    """A head has a bound."""

    async def work(world: World) -> None:
        long = b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * (2 * MAX_HEAD_BYTES)
        answered = await world.said(long)
        assert answered == b"" or answered.startswith(b"HTTP/1.1 400 ")
        assert world.app.asked == 0

    run(work)


def test_too_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than there may be is closed at once; when one of the others ends there is room again."""
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 2)

    async def work(world: World) -> None:
        open_ones = [await world.connect() for _ in range(2)]
        for reader, writer in open_ones:
            writer.write(GET)
            await reader.readuntil(b"GET /x 0 0")
        assert await world.said(GET) == b""
        ours, theirs = socket.socketpair()
        pass_on(world.handover, theirs.fileno(), GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        assert (await read_all(reader)).endswith(b"GET /x 0 1")  # over the unix socket there is always a way in
        writer.close()
        open_ones[0][1].close()
        await open_ones[0][1].wait_closed()
        answer = b""
        while not answer:
            answer = await world.said(GET, ends=True)
        assert answer.endswith(b"GET /x 0 0")
        open_ones[1][1].close()

    run(work)


def test_a_connection_that_is_passed_on() -> None:
    """What the relay has read of it counts, what comes then too, and the caller came over the unix socket."""

    async def work(world: World) -> None:
        ours, theirs = socket.socketpair()
        ours.sendall(b"ength: 3\r\n\r\nab")
        pass_on(world.handover, theirs.fileno(), b"POST /p HTTP/1.1\r\nHost: tailhub\r\nConnection: close\r\nContent-L")
        theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        writer.write(b"c")
        assert (await read_all(reader)).endswith(b"POST /p 3 1")
        writer.close()

    run(work)


def test_several_that_are_passed_on() -> None:
    """Each goes on by itself, and one that is closed already harms no other."""

    async def work(world: World) -> None:
        ends = []
        for number in range(5):
            ours, theirs = socket.socketpair()
            pass_on(
                world.handover, theirs.fileno(), b"GET /%d HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" % number
            )
            theirs.close()
            if number == 2:
                ours.close()
            else:
                ends.append((number, ours))
        for number, ours in ends:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            assert (await read_all(reader)).endswith(b"GET /%d 0 1" % number)
            writer.close()

    run(work)
