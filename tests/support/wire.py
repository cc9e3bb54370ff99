"""A relay in this process, clients whose every byte a test chooses, and a clock that a test puts forward.

::

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server)
            await client.log_in()
            await pass_time(65)
            assert await client.frame() == (FrameType.KEEP_ALIVE, b"")

    run(scenario)
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from tailhub import box
from tailhub.derp import frames
from tailhub.derp.frames import HEADER, HEADER_LEN, FrameType
from tailhub.keys import NodePrivate
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig

LIMIT_S = 30.0  # real time for one scenario, against hanging
STEP_S = 0.25  # of time that passes at once: timers that follow each other stay true to it

UPGRADE = b"Upgrade: DERP\r\nConnection: Upgrade\r\n"
GONE = (-1, b"")
"""What `Wire.frame` returns when the relay has closed."""


class ClockLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, which a test can put forward.

    It also goes on while nothing happens at all, so that one can wait; not while anybody works, however slowly.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_IdleSelector(self.put_forward))

    def time(self) -> float:
        """Monotonic seconds."""
        return self._now

    def put_forward(self, seconds: float) -> None:
        """Let timers be due that much earlier."""
        self._now += seconds


class _IdleSelector(selectors.DefaultSelector):
    """Tells how long it has waited in vain."""

    def __init__(self, on_idle: Callable[[float], None]) -> None:
        super().__init__()
        self._on_idle = on_idle

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(timeout)
        if not found and timeout:
            self._on_idle(timeout)
        return found


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on a `ClockLoop`; fail when it hangs in real time, and when a callback raised anything."""
    failures: list[dict[str, Any]] = []

    async def guarded() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context))
        task = asyncio.current_task()
        assert task is not None
        watchdog = threading.Timer(LIMIT_S, loop.call_soon_threadsafe, (task.cancel, "the scenario hangs"))
        watchdog.start()
        try:
            await scenario()
        finally:
            watchdog.cancel()

    with asyncio.Runner(loop_factory=ClockLoop) as runner:
        runner.run(guarded())
    assert not failures, failures


async def pass_time(seconds: float) -> None:
    """Let so many seconds pass for the relay and for its clients, in small steps."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ClockLoop)
    while seconds > 0:
        loop.put_forward(min(STEP_S, seconds))
        seconds -= STEP_S
        for _ in range(4):  # turns: a timer, what it writes, who reads that, and what comes of it
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def relay(**options: Any) -> AsyncIterator[RelayServer]:
    """A relay on a loopback port with a state of its own; `options` are those of `RelayConfig`.

    Unless they ask for one it has no store, whose threads know nothing of a clock that a test moves.
    """
    off = {"stun_listen": "off", "http_listen": "off", "admin_listen": "off", "store": "off"}
    with tempfile.TemporaryDirectory() as directory:
        config = RelayConfig(
            **{"listen": "127.0.0.1:0", **off, "discover": False, "state_dir": Path(directory) / "state", **options}
        )
        server = RelayServer(config)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


def believing_context(*alpn: str) -> ssl.SSLContext:
    """A client's TLS context that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Answer(NamedTuple):
    """An HTTP response. Header names are in lower case."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection to a relay."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.private: NodePrivate = box.generate()
        self.key = box.public_key(self.private).raw

    @classmethod
    async def open(
        cls,
        server: RelayServer,
        *,
        port: int = 0,
        context: ssl.SSLContext | None = None,
        name: str = "relay.example",
        tls: bool = True,
    ) -> Wire:
        """Connect to the public port or to `port`, by default with TLS and ALPN; `name` is the SNI."""
        secure = (context or believing_context("http/1.1")) if tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port or server.listeners.public.port,
            ssl=secure,
            server_hostname=name if tls else None,
        )
        return cls(reader, writer)

    @property
    def tls(self) -> Any:
        """The TLS object."""
        return self.writer.get_extra_info("ssl_object")

    @property
    def port(self) -> int:
        """Our own port."""
        return int(self.writer.get_extra_info("sockname")[1])

    @property
    def chain(self) -> list[bytes]:
        """The certificates that the relay showed, in DER, leaf first."""
        der = 2  # _ssl.ENCODING_DER
        return [certificate.public_bytes(der) for certificate in self.tls._sslobj.get_unverified_chain()]

    def write(self, *data: bytes) -> None:
        """Send bytes."""
        self.writer.write(b"".join(data))

    def close(self) -> None:
        """Go away without a word."""
        self.writer.transport.abort()

    async def rest(self) -> bytes:
        """Everything until the relay closes."""
        data = bytearray()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while piece := await self.reader.read(65536):
                data += piece
        return bytes(data)

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    async def ask(self, line: str, *headers: bytes, host: bytes = b"Host: relay.example\r\n") -> Answer:
        """Send a request, ``GET /path`` or with a version behind it, and read the answer."""
        version = b"" if " HTTP/" in line else b" HTTP/1.1"
        self.write(line.encode() + version + b"\r\n", host, *headers, b"\r\n")
        return await self.answer(has_body=not line.startswith("HEAD"))

    async def answer(self, *, has_body: bool = True) -> Answer:
        """Read the next response."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n")
        first, *lines = head.split("\r\n")
        _, status, reason = first.split(" ", 2)
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", 0)) if has_body else 0
        return Answer(int(status), reason, headers, await self.reader.readexactly(length))

    # --- DERP ---------------------------------------------------------------------------------------------------------

    async def upgrade(self, *headers: bytes) -> bytes:
        """Have the connection upgraded; the relay's key from ServerKey."""
        answer = await self.ask("GET /derp", UPGRADE, *headers)
        assert answer.status == 101, answer
        return await self.server_key()

    async def server_key(self) -> bytes:
        """Read ServerKey."""
        frame_type, body = await self.frame()
        assert frame_type == FrameType.SERVER_KEY
        assert len(body) == 40
        return frames.parse_server_key(body)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame; `GONE` when the relay has closed."""
        try:
            frame_type, length = HEADER.unpack(await self.reader.readexactly(HEADER_LEN))
            return frame_type, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return GONE

    def client_info(self, server_key: bytes, text: bytes = b'{"version":2}') -> bytes:
        """A ClientInfo frame whose box holds `text`."""
        sealed = box.seal(text, box.shared_key(self.private, server_key))
        return frames.serialize(FrameType.CLIENT_INFO, self.key + sealed)

    async def log_in(
        self, text: bytes = b'{"version":2}', *headers: bytes, private: NodePrivate | None = None, behind: bytes = b""
    ) -> bytes:
        """The whole login, with `text` in ClientInfo and `behind` sent in the same flight; the text of ServerInfo."""
        if private is not None:
            self.private, self.key = private, box.public_key(private).raw
        server_key = await self.upgrade(*headers)
        self.write(self.client_info(server_key, text), behind)
        frame_type, body = await self.frame()
        assert frame_type == FrameType.SERVER_INFO, (frame_type, body)
        return box.open_box(body, box.shared_key(self.private, server_key))

    async def settle(self) -> list[tuple[int, bytes]]:
        """Send a Ping; what the relay had to say before its Pong. Everything sent so far has been dealt with then."""
        self.write(frames.ping(b"settled?"))
        said = []
        while (frame := await self.frame()) != (FrameType.PONG, b"settled?"):
            assert frame != GONE, "the relay has closed"
            said.append(frame)
        return said


async def open_client(server: RelayServer, *, private: NodePrivate | None = None, text: bytes = b"{}") -> Wire:
    """A client that has logged in."""
    client = await Wire.open(server)
    await client.log_in(text, private=private)
    return client
