"""Messages between two processes of one program over a pair of connected sockets: any value that pickle takes.

Only for processes that trust each other as one does: what unpickles a message does what the message says.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
from collections.abc import Callable
from typing import Any, Final

_LENGTH_BYTES: Final = 4
_MAX_WAITING: Final = 64 << 20  # bytes; the other process hangs, and nobody waits for its answers any more


class MessageChannel:
    """One end, on `sock`, which it owns. `on_closed` is called once, when the other end is gone."""

    def __init__(
        self, sock: socket.socket, on_message: Callable[[Any], None], on_closed: Callable[[], None] = lambda: None
    ) -> None:
        self._sock = sock
        self._on_message = on_message
        self._on_closed = on_closed
        self._early: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    def send(self, message: Any) -> None:
        """Send one message; lost when the other end is gone or has not read for long."""
        body = pickle.dumps(message)
        data = len(body).to_bytes(_LENGTH_BYTES) + body
        if self._writer is None:
            self._early.append(data)
        elif self._writer.transport.get_write_buffer_size() < _MAX_WAITING:
            self._writer.write(data)

    def close(self) -> None:
        """Close; `on_closed` is not called any more."""
        self._on_closed = lambda: None
        self._task.cancel()

    async def _run(self) -> None:
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=self._sock)
            self._writer.writelines(self._early)
            self._early.clear()
            while True:
                length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES))
                self._on_message(pickle.loads(await reader.readexactly(length)))  # noqa: S301  from ourselves
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            if self._writer is not None:
                with contextlib.suppress(RuntimeError):  # the loop has been closed already
                    self._writer.close()
            self._on_closed()
