"""Connections for other names than the relay's, passed on to their own server untouched.

Not the packet path: asyncio's streams, which hold at most some 128 KiB a direction and stop reading when the other side
does not read. Which name goes where: `tailhub.server.fronts`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any

from tailhub.preface.proxy_header import Address, serialize_proxy_header
from tailhub.server.events import Events
from tailhub.server.fronts import Backend
from tailhub.server.newcomers import Newcomer

MAX_CONNECTIONS = 4096
CONNECT_S = 5.0  # for the backend to answer
HALF_CLOSED_S = 600.0  # that one direction may go on when the other has ended
_PIECE_BYTES = 64 << 10  # read at a time; a stream holds twice as much

_log = logging.getLogger("tailhub")


class Passthrough:
    """All connections that are passed on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, events: Events, most: int = MAX_CONNECTIONS) -> None:
        self._loop = loop
        self._events = events
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()
        self._own_ends: set[object] = set()  # of connections to backends

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, newcomer: Newcomer, backend: Backend, first_bytes: bytes) -> None:
        """Pass a newcomer on, with what it has said so far. It is none of the relay's from now on."""
        if len(self._tasks) >= self._most:
            newcomer.stream.abort("passthrough: too many connections")
            return
        sock = newcomer.stream.detach()
        newcomer.leave()
        if _far_end(sock) in self._own_ends:  # it would go round until no connection is left
            self._events.backend_failed(backend.text, "it leads back to this relay")
            sock.close()
            return
        if backend.header:
            source = (newcomer.address, newcomer.port) if newcomer.address is not None else None
            first_bytes = serialize_proxy_header(source, _own_end(sock)) + first_bytes
        task = self._loop.create_task(self._pass(sock, backend, first_bytes))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End all of them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass(self, sock: socket.socket, backend: Backend, first_bytes: bytes) -> None:
        writers: list[asyncio.StreamWriter] = []
        own_end: object = None
        try:
            try:
                async with asyncio.timeout(CONNECT_S):
                    from_backend, to_backend = await _open(backend)
            except OSError as exc:  # a timeout is one
                self._events.backend_failed(backend.text, _reason(exc))
                return
            writers.append(to_backend)
            from_client, to_client = await asyncio.open_connection(sock=sock, limit=_PIECE_BYTES)
            writers.append(to_client)
            for writer in writers:  # `drain` then waits until the kernel has all of it: the end cuts nothing off
                writer.transport.set_write_buffer_limits(high=0)
            self._events.passthrough["passed on"] += 1
            if own_end := to_backend.get_extra_info("sockname"):
                self._own_ends.add(own_end)
            to_backend.write(first_bytes)
            await _both(_copy(from_client, to_backend), _copy(from_backend, to_client))
        except OSError:  # either side went away in the middle
            return
        except Exception:  # ours: it costs this connection, not the relay
            _log.exception("error while passing a connection on")
        finally:
            self._own_ends.discard(own_end)
            for writer in writers:
                writer.transport.abort()
            sock.close()


def _reason(error: OSError) -> str:
    """Why a backend cannot be reached; asyncio's own words for it repeat the address."""
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S:g} s"
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error)


async def _open(backend: Backend) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if backend.path:
        return await asyncio.open_unix_connection(backend.path, limit=_PIECE_BYTES)
    return await asyncio.open_connection(backend.host, backend.port, limit=_PIECE_BYTES)


async def _both(*copies: Coroutine[Any, Any, bool]) -> None:
    """Copy both ways until both have ended, or one of them badly."""
    tasks = [asyncio.ensure_future(copy) for copy in copies]
    try:
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if all(task.result() for task in done) and waiting:
            await asyncio.wait(waiting, timeout=HALF_CLOSED_S)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Copy up to the end, and end the other side's input too; whether it came to a good end."""
    try:
        while data := await reader.read(_PIECE_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        return False
    return True


def _own_end(sock: socket.socket) -> tuple[Address, int] | None:
    """Our own address of a connection, None on a unix socket or one that is gone."""
    try:
        name = sock.getsockname()
    except OSError:
        return None
    return (ip_address(name[0].partition("%")[0]), name[1]) if isinstance(name, tuple) else None


def _far_end(sock: socket.socket) -> object:
    """The other side's address, as that side has it; None for one that is gone or has none."""
    try:
        return sock.getpeername() or None
    except OSError:
        return None
