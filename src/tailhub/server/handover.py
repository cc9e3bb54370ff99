"""What the supervisor and its processes tell each other: any message with its kind, in both directions, and sockets.

Each process has one channel to the supervisor (`channel_pair`). A message is any value that pickle takes, best a small
dataclass where it is known what is to be done with it; sockets may go with it. When the supervisor is gone the channel
ends, and so does the process. The supervisor, which has no loop, is woken by a signal (`wake_by_signal`).

Only for processes that trust each other as one does: what unpickles a message does what the message says.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pickle
import signal
import socket
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

DESK: Final = 0xFFFF  # the number of the process that is not a worker
MAX_SOCKETS: Final = 200  # with one message; the kernel takes 253 descriptors
_RIGHTS_SPACE: Final = socket.CMSG_SPACE((MAX_SOCKETS + 1) * 4)
_INLINE_BYTES: Final = 64 << 10  # of a message on the channel itself; a longer one goes in a file in memory

OnHandover: TypeAlias = Callable[[Any, list[socket.socket]], None]
"""Gets a message and the sockets that came with it, which are its own from then on."""


@dataclass(frozen=True, slots=True)
class LinkTo:
    """To a process: the socket that comes with this leads to process `number`."""

    number: int


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a channel. They keep messages apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def hand_over(channel: socket.socket, message: object, sockets: Sequence[socket.socket] = ()) -> bool:
    """Give the process at the other end a message and at most `MAX_SOCKETS` sockets.

    Returns whether it can get them: they are lost when it is gone or hangs.
    """
    if len(sockets) > MAX_SOCKETS:
        raise ValueError(f"{len(sockets)} sockets in one message; {MAX_SOCKETS} is the most")
    body = pickle.dumps(message)
    descriptors = [sock.fileno() for sock in sockets]
    try:
        with contextlib.ExitStack() as undo:
            if len(body) > _INLINE_BYTES:
                descriptors.append(_in_memory(body, undo))
                body = b"\0"  # no pickle begins so
            # Not send_fds and recv_fds, which take flags and leave them out (up to Python 3.13 at least).
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
            channel.sendmsg([body], rights, socket.MSG_DONTWAIT)
    except OSError:
        return False
    return True


def take_over(channel: socket.socket) -> tuple[Any, list[socket.socket]] | None:
    """The next message with its sockets, without waiting; None when none has come.

    Raises `EOFError` when the other end is gone.
    """
    try:
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        body, ancillary, _, _ = channel.recvmsg(_INLINE_BYTES, _RIGHTS_SPACE, flags)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError as exc:
        raise EOFError from exc
    if not body:
        raise EOFError
    descriptors = array("i", b"".join(data for _, _, data in ancillary))
    if body == b"\0":
        with os.fdopen(descriptors.pop(), "rb") as file:
            file.seek(0)
            body = file.read()
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    return pickle.loads(body), sockets  # noqa: S301  from ourselves


def wake_by_signal(channel: socket.socket) -> None:
    """Have the kernel send this process SIGIO whenever something has come on `channel`."""
    fcntl.fcntl(channel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(channel, fcntl.F_SETFL, fcntl.fcntl(channel, fcntl.F_GETFL) | os.O_ASYNC)


class Handovers:
    """A process's end of its `channel`, which it owns: `on_handover` gets what comes."""

    def __init__(self, channel: socket.socket, on_handover: OnHandover) -> None:
        self._channel = channel
        self._on_handover = on_handover
        channel.setblocking(False)
        asyncio.get_running_loop().add_reader(channel, self._readable)

    def send(self, message: object, sockets: Sequence[socket.socket] = ()) -> bool:
        """Tell the supervisor; returns whether it can learn of it."""
        return hand_over(self._channel, message, sockets)

    def close(self) -> None:
        """Take no more."""
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()

    def _readable(self) -> None:
        try:
            got = take_over(self._channel)
        except EOFError:
            asyncio.get_running_loop().remove_reader(self._channel)
            signal.raise_signal(signal.SIGTERM)  # the supervisor is gone: end as if it had asked for it
            return
        if got is not None:
            message, sockets = got
            for sock in sockets:
                sock.setblocking(False)
            self._on_handover(message, sockets)


def _in_memory(body: bytes, undo: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create("tailhub-message")
    undo.callback(os.close, descriptor)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(body)
    return descriptor
