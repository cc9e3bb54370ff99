"""The server's parts on loopback in this process, and clients for them on the same event loop.

::

    async with serving() as relay:
        a, b = await relay.login(), await relay.login()
        await a.send(b.key, b"hello")
        assert await b.packet() == ReceivedPacket(a.key, b"hello")
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial

from support.tls_streams import client_context
from support.waiting import LIMIT_S, RelayLoop, until, within
from tailhub import box
from tailhub.certs.meta import make_meta
from tailhub.certs.self_signed import make_self_signed
from tailhub.derp import frames
from tailhub.derp.client_protocol import ClientProtocol
from tailhub.derp.handshake import ClientInfo
from tailhub.derp.messages import Message, Pong, ReceivedPacket
from tailhub.keys import MeshKey, NodePrivate
from tailhub.net.accept import Acceptor
from tailhub.net.bind import BACKLOG
from tailhub.net.crowd import Crowd
from tailhub.net.receiver import ReadBuffers
from tailhub.net.tls_context import server_context
from tailhub.net.write_watch import WriteWatch
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueueLimits
from tailhub.server.context import Responder, ServerContext
from tailhub.server.events import Events
from tailhub.server.fronts import Front
from tailhub.server.incoming import accept_public, set_tcp_options
from tailhub.server.newcomers import MAX_NEWCOMERS, Newcomers
from tailhub.server.turn import Turn
from tailhub.web.debug import DebugSources
from tailhub.web.pages import PublicPages, PublicSources
from tailhub.web.public_settings import PublicSettings

MESH_KEY = MeshKey(bytes(range(32)))
PRIVATE_KEY = NodePrivate(bytes(range(1, 33)))


@cache
def _tls_context() -> ssl.SSLContext:
    now = datetime.now(UTC)
    certificate_pem, key_pem = make_self_signed(["relay.test"], ["127.0.0.1"], now)
    return server_context(certificate_pem, key_pem, make_meta(box.public_key(PRIVATE_KEY), now).pem)


def public_pages() -> Responder:
    """The small pages, with nothing to show."""
    debug = DebugSources(values=dict, faults=list, traffic=list, facts=dict)
    return PublicPages(PublicSettings(), PublicSources(lambda _asked: None, debug)).respond


@asynccontextmanager
async def serving(
    *,
    limits: QueueLimits | None = None,
    most_newcomers: int = MAX_NEWCOMERS,
    write_timeout_s: float = 2.0,
    small_buffers: bool = False,
    pages: Responder | None = None,
    tls: ssl.SSLContext | None = None,
    private_key: NodePrivate = PRIVATE_KEY,
    front: Front | None = None,
) -> AsyncIterator[Served]:
    """A relay that listens, until the block ends. `tls`: with other certificates than its own."""
    place = Place(tls or _tls_context(), private_key, front or Front())
    served = Served(limits, most_newcomers, write_timeout_s, small_buffers, pages or public_pages(), place)
    try:
        yield served
    finally:
        await served.stop()


@dataclass(frozen=True)
class Place:
    """What a relay shows, who it is, and what is around its listener."""

    tls: ssl.SSLContext
    private_key: NodePrivate
    front: Front


class Served:
    """A relay with everything but state, STUN and operator's pages. `context` is the server's own."""

    def __init__(
        self,
        limits: QueueLimits | None,
        most_newcomers: int,
        write_timeout_s: float,
        small_buffers: bool,
        pages: Responder,
        place: Place,
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, RelayLoop)
        self.public_key = box.public_key(place.private_key).raw
        self.context = ServerContext(
            loop=loop,
            relay=Relay(limits, own_key=self.public_key),
            private_key=place.private_key,
            public_key=self.public_key,
            server_key_frame=frames.server_key(self.public_key),
            policy=AdmissionPolicy((MESH_KEY,)),
            choose_tls=lambda listener, name: place.tls,
            fronts=(place.front,),
            pages=pages,
            buffers=ReadBuffers(),
            watch=WriteWatch(loop, interval_s=0.02),
            crowd=Crowd(loop),
            turn=Turn(loop, loop.turn_selector),
            newcomers=Newcomers(loop, most_newcomers),
            callers=Newcomers(loop),
            events=Events(loop),
            client_write_timeout_s=write_timeout_s,
        )
        listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        if small_buffers:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        set_tcp_options(listener, 600, 15)
        self.port: int = listener.getsockname()[1]
        self.acceptor = Acceptor(loop, {listener: partial(accept_public, self.context, 0)})
        self.acceptor.start()
        self._clients: list[Line] = []

    @property
    def failures(self) -> dict[str, int]:
        """Connections that ended before they were logged in, by reason."""
        return dict(self.context.events.failures)

    @property
    def disconnects(self) -> dict[str, int]:
        """Logged-in connections that ended, by reason."""
        return dict(self.context.events.disconnects)

    async def stop(self) -> None:
        """End everything."""
        self.acceptor.stop()
        self.context.newcomers.close_all("the test is over")
        for connection in list(self.context.derp_connections):
            connection.abort("the test is over")
        self.context.events.stop()
        for client in self._clients:
            await client.close()

    async def connect(self, *, tls: ssl.SSLContext | None = None, plain: bool = False, receive_bytes: int = 0) -> Line:
        """A connection with TLS, or without when `plain`; `receive_bytes` bounds what its kernel takes unread."""
        sock = socket.socket()
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setblocking(False)
        await within(asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = None if plain else tls or client_context()
        try:
            reader, writer = await within(
                asyncio.open_connection(sock=sock, ssl=context, server_hostname="" if context else None, limit=1 << 16)
            )
        except BaseException:
            sock.close()
            raise
        line = Line(reader, writer)
        self._clients.append(line)
        return line

    async def login(
        self,
        private: NodePrivate | None = None,
        *,
        mesh: bool = False,
        info: ClientInfo | None = None,
        fast: bool = False,
        ideal_node: str = "",
        tls: ssl.SSLContext | None = None,
        receive_bytes: int = 0,
    ) -> Client:
        """A client that has logged in, by HTTP upgrade or (`fast`) with a fast start."""
        private = private or box.generate()
        info = info or ClientInfo(mesh_key=MESH_KEY if mesh else None)
        protocol = ClientProtocol(
            private, "relay.test", info=info, meta_key=self.public_key if fast else None, ideal_node=ideal_node
        )
        client = Client(await self.connect(tls=tls, receive_bytes=receive_bytes), private, protocol)
        await client.send_pending()
        while protocol.waiting_for:
            await client.receive()
        # ServerInfo is written before the client is registered, in the same turn.
        assert client.key in self.context.relay.registry.active
        return client


class Line:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def write(self, data: bytes) -> None:
        """Send; returns when the kernel has taken most of it."""
        self.writer.write(data)
        await within(self.writer.drain())

    async def read(self) -> bytes:
        """What has come; nothing at the end, also when it is a reset."""
        try:
            return await within(self.reader.read(1 << 17))
        except (ConnectionError, ssl.SSLError):
            return b""

    async def read_all(self) -> bytes:
        """Everything up to the end."""
        data = bytearray()
        while piece := await self.read():
            data += piece
        return bytes(data)

    async def read_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        return await within(self.reader.readuntil(end))

    async def response(self) -> tuple[int, bytes]:
        """An HTTP response with Content-Length: status and body."""
        head = await self.read_until(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        return status, await within(self.reader.readexactly(int(lengths[0].split(b":")[1]))) if lengths else b""

    def reset(self) -> None:
        """Go away without a word: the other side's kernel gets a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """End the connection."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()


class Client:
    """One DERP client."""

    def __init__(self, line: Line, private: NodePrivate, protocol: ClientProtocol) -> None:
        self.line = line
        self.private = private
        self.key = box.public_key(private).raw
        self.protocol = protocol
        self._messages: list[Message | Pong] = []

    async def send_pending(self) -> None:
        """Send what the protocol wants sent."""
        if data := self.protocol.data_to_send():
            await self.line.write(data)

    async def receive(self) -> None:
        """Take what comes next. Raises `ConnectionError` at the end."""
        data = await self.line.read()
        if not data:
            raise ConnectionResetError("the relay closed the connection")
        self._messages += self.protocol.receive_data(data)
        await self.send_pending()

    async def say(self, data: bytes) -> None:
        """Send frames."""
        await self.line.write(data)

    async def send(self, dst: bytes, packet: bytes) -> None:
        """Send a packet."""
        await self.say(frames.send_packet(dst, packet))

    async def message(self) -> Message | Pong:
        """The next message but ServerInfo."""
        while True:
            while self._messages:
                message = self._messages.pop(0)
                if not hasattr(message, "rate_bytes_per_s"):
                    return message
            await self.receive()

    async def packet(self) -> ReceivedPacket:
        """The next message, which must be a packet."""
        message = await self.message()
        assert isinstance(message, ReceivedPacket), message
        return message

    async def pong(self) -> None:
        """Ping the relay and wait for its answer, passing over all else: what was sent before has been dealt with."""
        await self.say(frames.ping(b"pingpong"))
        while not isinstance(await self.message(), Pong):
            pass

    async def ended(self) -> None:
        """Wait until the relay closes."""
        while await self.line.read():
            pass

    async def close(self) -> None:
        """End the connection."""
        await self.line.close()


class Conversation:
    """Two clients that exchange packets all the while; `stop` fails if one was lost or took another's place."""

    def __init__(self, left: Client, right: Client) -> None:
        self._left = left
        self._right = right
        self.exchanged = 0
        self._task = asyncio.create_task(self._talk())

    @classmethod
    async def start(cls, relay: Served) -> Conversation:
        """Two new clients begin to talk."""
        return cls(await relay.login(), await relay.login())

    async def _talk(self) -> None:
        while True:
            text = b"%d" % self.exchanged
            await self._left.send(self._right.key, text)
            assert await self._right.packet() == ReceivedPacket(self._left.key, text)
            await self._right.send(self._left.key, text)
            assert await self._left.packet() == ReceivedPacket(self._right.key, text)
            self.exchanged += 1

    async def goes_on(self) -> None:
        """See that packets are still exchanged."""
        wanted = self.exchanged + 3
        await until(lambda: self._task.done() or self.exchanged >= wanted, LIMIT_S)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Stop, after seeing that it still goes on."""
        await self.goes_on()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
