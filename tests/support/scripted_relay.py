"""A relay that does what a test tells it to: for the client's tests, with faults no good relay would have."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from support.logins import SERVER_KEY, SERVER_PRIVATE
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import SERVER_LIMITS, FrameType
from tailhub.derp.handshake import ClientInfo, ServerHandshake, ServerInfo
from tailhub.derp.upgrade import derp_response

T = TypeVar("T")
LIMIT_S = 20.0  # for anything a test waits for


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine, with a limit instead of a hang."""

    async def limited() -> T:
        async with asyncio.timeout(LIMIT_S):
            return await main

    return asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that other tasks bring about."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  whatever a test looks at, nobody sets an event for it
            await asyncio.sleep(0.002)


class Session:
    """One connection, as the relay sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.head = b""  # of the request, once it has been read
        self.info: ClientInfo | None = None
        self._handshake = ServerHandshake(SERVER_PRIVATE)
        self._decoder = FrameDecoder(SERVER_LIMITS)
        self._frames: list[tuple[int, bytes]] = []

    @property
    def client_key(self) -> bytes:
        return self._handshake.client_key

    def write(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def read_request(self) -> None:
        self.head = await self.reader.readuntil(b"\r\n\r\n")

    async def log_in(self, *before_server_info: bytes, answer: ServerInfo | None = None, admit: bool = True) -> None:
        """The whole login as a good relay does it; `before_server_info` is sent ahead of the admission."""
        await self.read_request()
        if b"Derp-Fast-Start: 1" not in self.head:
            self.write(derp_response(SERVER_KEY))
        self.write(frames.server_key(SERVER_KEY))
        while self.info is None:
            data = await self.reader.read(65536)
            if not data:
                raise ConnectionError("closed before ClientInfo")
            self.info = self._handshake.receive_data(data)
        self._frames += self._decoder.receive_data(self._handshake.trailing)
        self.write(*before_server_info)
        if admit:
            self.admit(answer)

    def admit(self, answer: ServerInfo | None = None) -> None:
        self.write(self._handshake.server_info(answer))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame from the client; (-1, b"") when it has closed."""
        while not self._frames:
            try:
                data = await self.reader.read(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return -1, b""
            self._frames += self._decoder.receive_data(data)
        return self._frames.pop(0)

    async def until_closed(self) -> None:
        while (await self.frame())[0] != -1:
            pass


Script = Callable[[Session], Awaitable[None]]


@contextlib.asynccontextmanager
async def scripted_relay(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Listen on loopback and run `script` for each connection, which is closed when it returns; gives the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await script(Session(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort() if task.cancelling() else writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def routing_script() -> Script:
    """A relay that knows each client by its key and carries packets between them."""
    sessions: dict[bytes, Session] = {}

    async def script(session: Session) -> None:
        await session.log_in()
        sessions[session.client_key] = session
        while True:
            kind, body = await session.frame()
            if kind == -1:
                del sessions[session.client_key]
                return
            if kind == FrameType.SEND_PACKET and body[:32] in sessions:
                sessions[body[:32]].write(frames.recv_packet(session.client_key, body[32:]))
            elif kind == FrameType.PING:
                session.write(frames.pong(body[:8]))

    return script
