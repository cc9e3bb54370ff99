"""Ways from one relay to another that a test can cut: TCP proxies on loopback, in a thread of their own.

A test may thus wait in whatever way it likes, blocking or not, and the bytes go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeAlias

_READ_BYTES = 1 << 16
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST
_LIMIT_S = 20.0

Tap: TypeAlias = Callable[[bytes], object]


class Cut(enum.Enum):
    """What has become of a way."""

    RESET = "reset"  # connections are reset, new ones at once
    REFUSED = "refused"  # connections are reset, and nobody listens
    SILENT = "silent"  # nothing arrives any more, and nobody is told; after healing TCP goes on where it was


class Wires:
    """All ways of a test. Use it in a ``with``. `make_tap` is called for each connection, and what that gives for each
    piece that whoever dialled has sent.
    """

    def __init__(self, make_tap: Callable[[], Tap] | None = None) -> None:
        self.make_tap = make_tap or (lambda: len)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires")
        self._wires: list[Wire] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for wire in self._wires:
            self.do(wire.end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def lay(self, port: int, host: str, target: int) -> Wire:
        """A way from `port` of loopback to a port of `host`."""
        wire = Wire(self, port, host, target)
        self.do(wire.listen())
        self._wires.append(wire)
        return wire

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Have the thread do it, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT_S)


class Wire:
    """One way; `port` is where it begins. Made by `Wires.lay`."""

    def __init__(self, wires: Wires, port: int, host: str, target: int) -> None:
        self.port = port
        self._wires = wires
        self._host, self._target = host, target
        self._cut: Cut | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    def cut(self, how: Cut) -> None:
        """Cut it, which lasts until it is healed."""
        self._wires.do(self._become(how))

    def heal(self) -> None:
        """Everything passes again."""
        self._wires.do(self._become(None))

    async def listen(self) -> None:
        """Let dialling begin; by `Wires`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def end(self) -> None:
        """Close all; by `Wires`."""
        self._deafen()
        await self._break()

    async def _become(self, cut: Cut | None) -> None:
        self._cut = cut
        if cut is Cut.SILENT:
            self._flows.clear()
        else:
            self._flows.set()
        if cut in (Cut.RESET, Cut.REFUSED):
            await self._break()
        if cut is Cut.REFUSED:
            self._deafen()
        elif self._server is None:
            await self.listen()

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _break(self) -> None:
        """Reset all connections."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ends = self._connections[task] = [writer]
        try:
            if self._cut in (Cut.RESET, Cut.REFUSED):
                return
            await self._flows.wait()
            behind_reader, behind_writer = await asyncio.open_connection(self._host, self._target)
            ends.append(behind_writer)
            ways = [
                asyncio.ensure_future(self._carry(reader, behind_writer, self._wires.make_tap())),
                asyncio.ensure_future(self._carry(behind_reader, writer, len)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                _reset(end)
            del self._connections[task]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tap: Tap) -> None:
        """Pass everything on while there is no cut; what was read when one came waits for its end."""
        with contextlib.suppress(OSError):
            while True:
                await self._flows.wait()
                data = await reader.read(_READ_BYTES)
                await self._flows.wait()
                if not data:
                    break
                tap(data)
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
