"""A TLS server that gives written answers: what stands in for a front that cannot be run here, or a clock."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping


@contextlib.asynccontextmanager
async def answering(context: ssl.SSLContext | None, answers: Mapping[str, bytes]) -> AsyncIterator[int]:
    """Answer each request by its path, ``*`` for the rest, and close; its port. No answer: hold it and say nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            answer = answers.get(head.split(b" ")[1].decode(), answers.get("*"))
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def page(status: str, body: str = "", **headers: str) -> bytes:
    """A whole answer; underscores in names of headers are hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = body.encode()
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(data)}", "", ""]).encode() + data
