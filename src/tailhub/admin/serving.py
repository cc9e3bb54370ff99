"""HTTP for the operator's pages: uvicorn's protocol on sockets that others have opened, with bounds on all it takes.

uvicorn's own server is not used: it would take signals, which are the relay's, and look around ten times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence
from typing import Any, Final

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from tailhub.admin.handover import MAX_HEAD_BYTES, take

__all__ = ["OVER_UNIX", "Serving"]

OVER_UNIX: Final = "unix"  # in a connection's state: it came over the relay's unix socket
MOST_CONNECTIONS: Final = 256
HEAD_S: Final = 10.0  # that a request may take to come, and a connection may be silent at first
WORK_S: Final = 60.0  # that a request's body, its answer, and the reading of that may take together
STOP_S: Final = 1.0  # that requests have to see that it is over
IDLE_S: Final = 30.0  # between two requests


class _Connection(H11Protocol):
    """One connection. It ends when it is slow; when there are too many, one more is closed at once."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any], first: bytes = b"") -> None:
        super().__init__(config, state, app_state, asyncio.get_running_loop())
        self._first = first  # what has been read of it already
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MOST_CONNECTIONS and OVER_UNIX not in self.app_state:
            transport.abort()  # who may open the unix socket has a way in, however many come over TCP
            return
        super().connection_made(transport)
        self._limit(HEAD_S)
        if self._first:
            self.data_received(self._first)
            self._first = b""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self._is_between():  # the next request begins
            self._limit(HEAD_S)
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:  # its head is whole
            self._limit(WORK_S)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Who has asked and says no more may still read the answer."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def on_response_complete(self) -> None:
        """As uvicorn's, and whoever does not read the answer keeps the connection for so long only."""
        self._limit(WORK_S)
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:  # a request that came behind this one
            self._limit(WORK_S)

    def send_400_response(self, msg: str) -> None:
        """Tell that this is no HTTP, unless an answer is under way already."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE) or (
            self.cycle and not self.cycle.response_complete
        ):
            self.transport.abort()
            return
        super().send_400_response(msg)
        self._limit(HEAD_S)

    def _is_between(self) -> bool:
        return self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]

    def _limit(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._expired)

    def _expired(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Serving:
    """Serves `app` on listening TCP sockets, and goes on with connections that come by `handover`."""

    def __init__(self, app: Any, listeners: Sequence[socket.socket], handover: socket.socket) -> None:
        self._listeners = listeners
        self._handover = handover
        self._config = Config(
            app,
            loop="asyncio",
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # what others send is not worth a line
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=int(IDLE_S),
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._config.load()
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self._taking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        for sock in self._listeners:
            self._servers.append(
                await loop.create_server(lambda: _Connection(self._config, self._state, {}), sock=sock)
            )
        loop.add_reader(self._handover, self._take)

    async def stop(self) -> None:
        """End all connections, and let go of everything."""
        asyncio.get_running_loop().remove_reader(self._handover)
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=STOP_S)

    @property
    def is_used(self) -> bool:
        """Is anything being answered?"""
        return bool(self._state.tasks)

    def _take(self) -> None:
        try:
            taken = take(self._handover)
        except (BlockingIOError, InterruptedError):
            return
        except (EOFError, OSError):  # the relay is gone, which its channel tells too
            asyncio.get_running_loop().remove_reader(self._handover)
            return
        if taken is not None:
            task = asyncio.get_running_loop().create_task(self._go_on(*taken))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    async def _go_on(self, connection: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Connection(self._config, self._state, {OVER_UNIX: True}, data), connection
            )
