"""Verifiers for tests: one whose answers a test gives, and servers that speak to ours over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, TypeAlias

from tailhub import findings
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.relay.admission import Answer, Verdict
from tailhub.relay.allowed_keys import AllowedKey, Listing

Respond: TypeAlias = Callable[[str, bytes], "bytes | None"]
"""From request line with headers, and body, to the whole answer; None: silence."""


class ScriptedVerifier:
    """Waits until the test answers, unless it `always` gives one answer.

    `asked` has the keys it was asked about, `cancelled` counts broken questions.
    """

    fails_open = False
    tenant = ""

    def __init__(self, name: str = "script") -> None:
        self.name = name
        self.asked: list[bytes] = []
        self.cancelled = 0
        self.always: Answer | None = None
        self._answers: list[asyncio.Future[Verdict]] = []

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        """Wait for `answer`."""
        self.asked.append(key)
        if self.always is not None:
            return Verdict(self.name, self.always)
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def probe(self, limit_s: float) -> Finding | None:
        """Nothing is ever wrong."""
        return None

    @property
    def open_questions(self) -> int:
        """How many wait for an answer."""
        return sum(not answer.done() for answer in self._answers)

    def answer(self, answer: Answer) -> None:
        """Answer the question that has waited longest."""
        first = next(question for question in self._answers if not question.done())
        first.set_result(Verdict(self.name, answer))


class KeptList:
    """An allow list's backing that a test fills: `entries` by key; None: it cannot be read."""

    def __init__(self, *entries: AllowedKey, place: str = "the list") -> None:
        self.place = place
        self.looks = 0
        self.is_there = True
        self.entries: dict[bytes, AllowedKey] | None = {entry.key: entry for entry in entries}

    async def read(self) -> Listing:
        """What the test has put there."""
        self.looks += 1
        if self.entries is None:
            raise MachineError(findings.file_trouble(self.place, "it is away"))
        return Listing(dict(self.entries), is_there=self.is_there)

    async def changed(self) -> Listing | None:
        """The same: whoever asks finds out what has changed."""
        return await self.read()

    async def allow(self, entry: AllowedKey, replaces: Collection[bytes] = ()) -> None:
        """Put a key there."""
        assert self.entries is not None
        self.entries = {key: kept for key, kept in self.entries.items() if key not in replaces} | {entry.key: entry}

    async def disallow(self, keys: Collection[bytes]) -> None:
        """Take keys away."""
        assert self.entries is not None
        self.entries = {key: kept for key, kept in self.entries.items() if key not in keys}


class HttpScript:
    """An HTTP server of a test: answers each connection once, by `respond`."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.heads: list[str] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0].split(":")[1])) if lengths else b""
            self.heads.append(head)
            self.bodies.append(body)
            answer = self.respond(head, body)
            if answer is None:
                await reader.read()  # until the other side gives up
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()


def http_answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole response."""
    fields = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def http_server(respond: Respond) -> AsyncIterator[tuple[HttpScript, str]]:
    """On a loopback port; its URL ends with ``/verify``."""
    script = HttpScript(respond)
    async with await asyncio.start_server(script.serve, "127.0.0.1", 0) as server:
        yield script, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/verify"


@contextlib.asynccontextmanager
async def unix_http_server(path: Path, respond: Respond) -> AsyncIterator[HttpScript]:
    """On a unix socket; one that was left there is replaced."""
    script = HttpScript(respond)
    async with await asyncio.start_unix_server(script.serve, str(path)):
        yield script


@contextlib.contextmanager
def served_verdicts(answer: Mapping[str, str], port: int = 0) -> Iterator[str]:
    """A program in a thread that answers every question with ``answer["Allow"]``, as it is just then; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = f'{{"Allow":{answer["Allow"]}}}'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/verify"
        finally:
            server.shutdown()
            thread.join()
