"""The socket of a link between two workers: moves the bytes of `tailhub.relay.worker_link`, once a turn each way."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from tailhub.exceptions import FrameError
from tailhub.relay.relay import Relay
from tailhub.relay.worker_link import MAX_RECORD, WorkerLink
from tailhub.server.turn import Turn

READ_BYTES = 256 << 10
WRITE_BYTES = 256 << 10  # taken from the queue at a time
# What may lie in the kernel: packets there can no longer be dropped for their age.
KERNEL_BYTES = 512 << 10

_log = logging.getLogger("tailhub")


class WorkerSocket:
    """Sink of a link, and one of the turn's connections. Owns `sock`; `on_closed` is called once, with the reason."""

    __slots__ = ("_buffer", "_held", "_loop", "_on_closed", "_pending", "_relay", "_sock", "_turn", "_view", "link")

    def __init__(self, relay: Relay, turn: Turn, sock: socket.socket, on_closed: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._relay = relay
        self._turn = turn
        self._sock: socket.socket | None = sock
        self._on_closed = on_closed
        self._buffer = bytearray(READ_BYTES + MAX_RECORD)
        self._view = memoryview(self._buffer)
        self._held = 0  # bytes of an unfinished record, at the start of the buffer
        self._pending = b""
        self.link = WorkerLink(relay, self)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        self._turn.sockets.add_reader(sock.fileno(), self.read_now)
        relay.presence.add_sibling(self.link)

    # --- Sink and Flushable -------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something is in the queue."""
        self._turn.add(self)

    def close(self, reason: str) -> None:
        """End the link, not within this call."""
        self._loop.call_soon(self.abort, reason)

    def abort(self, reason: str) -> None:
        """End the link now."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._turn.sockets.remove_reader(sock.fileno())
        self._turn.sockets.remove_writer(sock.fileno())
        sock.close()
        self._relay.presence.remove_sibling(self.link)
        self.link.queue.clear("gone_disconnected")
        self._on_closed(reason)

    def flush(self, now: float) -> None:
        """Write what waits, as far as the kernel takes it."""
        self.link.dirty = False
        take = self.link.queue.take
        while not self._pending and self._sock is not None:
            data = take(now, WRITE_BYTES)
            if not data:
                return
            self._send(self._sock, data)

    def _send(self, sock: socket.socket, data: bytes) -> None:
        try:
            n = sock.send(data)
        except (BlockingIOError, InterruptedError):
            n = 0
        except OSError as exc:
            self.abort(f"write: {exc.strerror or exc}")
            return
        had = bool(self._pending)
        self._pending = data[n:]
        if self._pending and not had:
            self._turn.sockets.add_writer(sock.fileno(), self._writable)
        elif had and not self._pending:
            self._turn.sockets.remove_writer(sock.fileno())

    def _writable(self) -> None:
        if self._sock is not None and self._pending:
            self._send(self._sock, self._pending)
        if not self._pending:
            self.flush(self._loop.time())

    # --- reading ------------------------------------------------------------------------------------------------------

    def read_now(self) -> None:
        """Take in what has come; called when something has, and when it matters."""
        sock, held = self._sock, self._held
        if sock is None:
            return
        try:
            n = sock.recv_into(self._view[held : held + READ_BYTES])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self.abort(f"read: {exc.strerror or exc}")
            return
        if n == 0:
            self.abort("the other worker has ended")
            return
        end = held + n
        try:
            pos = self.link.receive(self._buffer, end, self._loop.time())
        except FrameError as exc:
            self.abort(f"another worker said something that is not understood: {exc}")
            return
        except Exception:  # ours: it costs this link
            _log.exception("error while taking what another worker forwards")
            self.abort("internal error")
            return
        self._held = end - pos
        self._buffer[: self._held] = self._buffer[pos:end]
