"""How the supervisor gives its processes the sockets by which they talk to each other, and a new rate limit.

Each process has one channel to the supervisor; on it come sockets, each with the number of the process at its other
end, and rate limits. When the supervisor is gone the channel ends, and so does the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import struct
from collections.abc import Callable

from tailhub.relay.rate_limit import RateLimit

DESK = 0xFFFF  # the number of the process that is not a worker
_RATE_LIMIT = 0xFFFE
_MESSAGE = struct.Struct(">IQQ")  # number; of a rate limit bytes a second and burst, both 0 for none


def hand_over(channel: socket.socket, number: int, sock: socket.socket) -> None:
    """Give a process a socket to process `number`; lost when the process is gone or hangs."""
    with contextlib.suppress(OSError):
        socket.send_fds(channel, [_MESSAGE.pack(number, 0, 0)], [sock.fileno()], socket.MSG_DONTWAIT)


def hand_over_limit(channel: socket.socket, limit: RateLimit | None) -> None:
    """Tell a process of another rate limit; lost when the process is gone or hangs."""
    numbers = (limit.bytes_per_s, limit.burst_bytes) if limit is not None else (0, 0)
    with contextlib.suppress(OSError):
        channel.send(_MESSAGE.pack(_RATE_LIMIT, *numbers), socket.MSG_DONTWAIT)


class Handovers:
    """Takes what comes on `channel`: `on_socket` gets the number and the socket, `on_rate_limit` a new limit."""

    def __init__(
        self,
        channel: socket.socket,
        on_socket: Callable[[int, socket.socket], None],
        on_rate_limit: Callable[[RateLimit | None], None],
    ) -> None:
        self._channel = channel
        self._on_socket = on_socket
        self._on_rate_limit = on_rate_limit
        channel.setblocking(False)
        asyncio.get_running_loop().add_reader(channel, self._readable)

    def close(self) -> None:
        """Take no more."""
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()

    def _readable(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, _MESSAGE.size, 1)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            message, descriptors = b"", []
        if len(message) < _MESSAGE.size:
            asyncio.get_running_loop().remove_reader(self._channel)
            signal.raise_signal(signal.SIGTERM)  # the supervisor is gone: end as if it had asked for it
            return
        number, *limit = _MESSAGE.unpack(message)
        if number == _RATE_LIMIT:
            self._on_rate_limit(RateLimit(*limit) if any(limit) else None)
        elif descriptors:
            sock = socket.socket(fileno=descriptors[0])
            sock.setblocking(False)
            self._on_socket(number, sock)
