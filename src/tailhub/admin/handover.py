"""What the relay gives the process of the operator's pages: its command line, and connections to go on with.

At its start that process inherits descriptors, whose numbers stand on its command line (`Inherited`): the channel
(`tailhub.net.message_channel`, messages of `tailhub.admin.feed`), the end of a pair on which connections come, and the
listening TCP sockets, which are its own while it lives. It ends when the channel does.

A connection that is passed on is one message of the pair: the descriptor, and what the relay has read of it, which is
never empty and begins with a request. Messages keep their bounds (SOCK_SEQPACKET; where that is not to be had,
SOCK_DGRAM). Whoever gets one goes on as if it had accepted the connection and read these bytes.

The relay keeps a copy of the receiving end: what a process that died had not taken is for the next one.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_BYTES", "MAX_HEAD_BYTES", "Inherited", "make_pair", "pass_on", "take"]

MAX_HEAD_BYTES: Final = 64 << 10  # of a request, as uvicorn has it
MAX_BYTES: Final = MAX_HEAD_BYTES + (64 << 10)  # of a message: a head and one read behind it
_BUFFER_BYTES: Final = 2 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class Inherited:
    """Numbers of the descriptors that the pages' process is started with."""

    channel: int
    handover: int
    listen: tuple[int, ...] = ()

    @property
    def all(self) -> tuple[int, ...]:
        """All of them."""
        return (self.channel, self.handover, *self.listen)

    def arguments(self) -> list[str]:
        """As they stand on the command line, behind ``-m tailhub.admin``."""
        listen = [word for number in self.listen for word in ("--listen", str(number))]
        return ["--channel", str(self.channel), "--handover", str(self.handover), *listen]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Inherited:
        """Read what `arguments` has written. Raises `ValueError`."""
        numbers: dict[str, list[int]] = {"--channel": [], "--handover": [], "--listen": []}
        if len(arguments) % 2:
            raise ValueError("expected names and numbers in turn")
        for name, number in zip(arguments[::2], arguments[1::2], strict=True):
            if name not in numbers or not (number.isascii() and number.isdigit()):
                raise ValueError(
                    f"expected {', '.join(numbers)} with the number of a descriptor, found {name} {number}"
                )
            numbers[name].append(int(number))
        if len(numbers["--channel"]) != 1 or len(numbers["--handover"]) != 1:
            raise ValueError("expected --channel and --handover, once each")
        return cls(numbers["--channel"][0], numbers["--handover"][0], tuple(numbers["--listen"]))


def make_pair() -> tuple[socket.socket, socket.socket]:
    """The relay's end, which sends, and the pages' end. Neither blocks."""
    kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
    pair = socket.socketpair(socket.AF_UNIX, kind)
    for end in pair:
        end.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # a message must fit
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
    return pair


def pass_on(end: socket.socket, descriptor: int, data: bytes) -> None:
    """Pass a connection on; the caller then closes its own descriptor of it.

    Raises `BlockingIOError` when nobody has taken earlier ones yet and no more fit, and any other `OSError`.
    """
    socket.send_fds(end, [data], [descriptor])


def take(end: socket.socket) -> tuple[socket.socket, bytes] | None:
    """The next connection, with what was read of it; None if it is lost because no descriptor is left for it.

    Raises `BlockingIOError` when there is none, and `EOFError` when the relay is gone.
    """
    data, descriptors, _, _ = socket.recv_fds(end, MAX_BYTES, 1)
    if not descriptors:
        if not data:
            raise EOFError
        return None
    connection = socket.socket(fileno=descriptors[0])
    connection.set_inheritable(False)
    connection.setblocking(False)
    return connection, data
