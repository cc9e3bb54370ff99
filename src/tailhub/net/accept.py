"""Accepting connections, also when the machine has run out of descriptors. Knows no DERP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tailhub.net.bind import BACKLOG
from tailhub.ratelimit import TokenBucket

_BATCH = 64  # connections a turn, so that a flood of them does not keep others waiting
_RETRY_S = 0.1
OnAccept: TypeAlias = Callable[[socket.socket, Any], None]
"""Is handed each new connection and its address."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts on listening sockets, which it owns, and hands each new one to what its listening socket says.

    When descriptors run out, one held in reserve is given up for a moment to accept the newcomer, and `make_room` may
    close some other connection (True if it did). Else the newcomer is closed: it sees a clean end instead of a
    time-out, the queue of the kernel does not stay full, and accepting never ends. The same happens earlier when
    `has_room` says that others need the descriptors that are left.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listeners: Mapping[socket.socket, OnAccept],
        make_room: Callable[[], bool] = lambda: False,
        has_room: Callable[[], bool] = lambda: True,
        admits: Callable[[], bool] = lambda: True,
    ) -> None:
        self._loop = loop
        self._listeners = dict(listeners)
        self._make_room = make_room
        self._has_room = has_room
        self._admits = admits
        self._reserve: int | None = None
        self._retries: dict[socket.socket, asyncio.TimerHandle] = {}
        self._is_paused = self._refuses = False
        self.accepted = 0
        self.limited = 0  # connections closed at once because `admits` said no
        self.exhausted = 0  # connections closed at once for want of descriptors

    def start(self) -> None:
        """Begin to accept."""
        self._refill_reserve()
        for listener in self._listeners:
            listener.setblocking(False)
            self._hear(listener)

    def pause(self, *, refuse: bool = False) -> None:
        """Leave whoever comes in the kernel's queue: the sockets go on listening.

        Or `refuse` them, so that they go elsewhere at once, those who wait in the queue too: where the kernel can do
        that with sockets that stay bound (Linux), and never at a unix socket.
        """
        self._is_paused, self._refuses = True, refuse
        for timer in self._retries.values():
            timer.cancel()
        self._retries.clear()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            if refuse:
                _end_listening(listener)

    def resume(self) -> None:
        """Accept again, those first who have been waiting. Raises `OSError` if somebody else has a port now."""
        self._is_paused = self._refuses = False
        for listener in self._listeners:
            self._hear(listener)

    def _hear(self, listener: socket.socket) -> None:
        """Have it listen, unless it does: one that refused may be that of a process before this one."""
        if not _listens(listener):
            listener.listen(BACKLOG)
        self._loop.add_reader(listener, self._on_readable, listener)

    def take(self, listeners: Mapping[socket.socket, OnAccept], admits: Callable[[], bool]) -> None:
        """Accept on these from now on. It closes none of those that are left out: whoever knows of them does."""
        for listener in self._listeners.keys() - listeners.keys():
            self._loop.remove_reader(listener)
            if (timer := self._retries.pop(listener, None)) is not None:
                timer.cancel()
        new = listeners.keys() - self._listeners.keys()
        self._listeners, self._admits = dict(listeners), admits
        for listener in new:
            listener.setblocking(False)
            if not self._is_paused:
                self._hear(listener)
            elif self._refuses:
                _end_listening(listener)

    def stop(self) -> None:
        """Stop accepting and close the listening sockets."""
        for timer in self._retries.values():
            timer.cancel()
        self._retries.clear()
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def _on_readable(self, listener: socket.socket) -> None:
        on_accept = self._listeners.get(listener)
        if on_accept is None:  # taken away in this turn
            return
        for _ in range(_BATCH):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno in _EXHAUSTED and not self._shed(listener):
                    return
                # Anything else (ECONNABORTED and the like) concerns the one connection that is already gone.
                continue
            if not self._admits():
                self.limited += 1
                sock.close()
            elif self._has_room():
                self.accepted += 1
                on_accept(sock, address)
            else:
                self._accept_or_close(sock, address, on_accept)

    def _shed(self, listener: socket.socket) -> bool:
        """Accept one connection with the reserve. False when none waits, or without reserve: then a bit later.

        The kernel looks for a descriptor before it looks for a connection, so there may be none.
        """
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
            is_waiting = True
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                is_waiting = False
            except OSError:
                pass  # the one that waited is gone, or the free descriptor
            else:
                self._accept_or_close(sock, address, self._listeners[listener])
            self._refill_reserve()
            if self._reserve is not None:
                return is_waiting
        self._loop.remove_reader(listener)
        self._retries[listener] = self._loop.call_later(_RETRY_S, self._retry, listener)
        return False

    def _accept_or_close(self, sock: socket.socket, address: Any, on_accept: OnAccept) -> None:
        if self._make_room():
            self._refill_reserve()  # first: handing on may take descriptors too
            self.accepted += 1
            on_accept(sock, address)
        else:
            self.exhausted += 1
            sock.close()

    def _retry(self, listener: socket.socket) -> None:
        del self._retries[listener]
        self._refill_reserve()
        self._loop.add_reader(listener, self._on_readable, listener)

    def _refill_reserve(self) -> None:
        if self._reserve is None:
            with contextlib.suppress(OSError):
                self._reserve = os.open(os.devnull, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))


def _listens(listener: socket.socket) -> bool:
    try:
        return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:  # a system that does not say; there it listens, as it never stops
        return True


def _end_listening(listener: socket.socket) -> None:
    """Have the kernel refuse connections, until `listen` is called again. Also for copies in other processes."""
    if listener.family != getattr(socket, "AF_UNIX", None):
        with contextlib.suppress(OSError):  # it does not listen, or the system cannot do that
            listener.shutdown(socket.SHUT_RD)


def acceptance(rate: float, burst: float, time: Callable[[], float]) -> Callable[[], bool]:
    """Whether one more connection may come: `rate` a second and `burst` at once (0: those of a second); rate 0: any."""
    if rate <= 0:
        return lambda: True
    bucket = TokenBucket(rate, max(burst or rate, 1.0), time())
    return lambda: bucket.allow(1.0, time())
