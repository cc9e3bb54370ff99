"""A box between clients and a relay that does to their bytes what a test tells it: a real TCP proxy on loopback.

::

    async with middlebox(server_port, down=late(0.1)) as port:
        ...  # what the relay sends comes 0.1 s later

A `Ship` carries one direction of one connection. `frames` sees DERP frames, so only on connections without TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import cycle
from typing import TypeAlias

from tailhub.derp.frames import HEADER, HEADER_LEN

Ship: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Frame: TypeAlias = tuple[int, bytes]

_READ_BYTES = 1 << 16


@contextlib.asynccontextmanager
async def middlebox(*ports: int, up: Ship | None = None, down: Ship | None = None) -> AsyncIterator[int]:
    """A box before `ports` of 127.0.0.1, with `up` towards it and `down` from it; gives its own port.

    Connections go to each of the ports in turn.
    """
    tasks: set[asyncio.Task[None]] = set()
    turns = cycle(ports)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", next(turns))
        ways = [
            asyncio.create_task(_carry(up or straight, reader, behind_writer)),
            asyncio.create_task(_carry(down or straight, behind_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass
        for way in ways:
            way.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # the test may end in just this moment
            await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, behind_writer):
            end.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(ship: Ship, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await ship(reader, writer)


async def straight(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass everything on as it comes."""
    while data := await reader.read(_READ_BYTES):
        writer.write(data)
        await writer.drain()


def late(delay_s: float) -> Ship:
    """Pass everything on so much later."""

    async def ship(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(_READ_BYTES):
            loop.call_later(delay_s, writer.write, data)

    return ship


def in_lumps(every_s: float) -> Ship:
    """Collect, and pass on what there is every `every_s`: a proxy that buffers."""

    async def ship(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held = bytearray()

        async def flush() -> None:
            while True:
                await asyncio.sleep(every_s)
                writer.write(bytes(held))
                held.clear()

        flushing = asyncio.create_task(flush())
        try:
            while data := await reader.read(_READ_BYTES):
                held.extend(data)
        finally:
            flushing.cancel()

    return ship


def chokes_on(size: int) -> Ship:
    """Pass on what comes in less than so many bytes at a time; after more, nothing at all."""

    async def ship(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_READ_BYTES):
            if len(data) > size:
                break
            writer.write(data)
        while await reader.read(_READ_BYTES):
            pass

    return ship


def frames(edit: Callable[[int, bytes], list[Frame]]) -> Ship:
    """Pass HTTP heads on, then of each DERP frame what `edit` makes of it."""

    async def ship(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readuntil(b"\r\n\r\n"))
        while True:
            kind, length = HEADER.unpack(await reader.readexactly(HEADER_LEN))
            for edited, body in edit(kind, await reader.readexactly(length)):
                writer.write(HEADER.pack(edited, len(body)) + body)

    return ship
