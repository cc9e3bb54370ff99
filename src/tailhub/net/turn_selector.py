"""The selector of the relay's event loop: reads our streams itself, and tells when a turn of the loop is over.

asyncio makes a handle run for each socket that is ready, and has no hook for the end of a turn: `call_soon` runs in the
*next* one, which costs a second look at all sockets for each batch of packets. With one packet a turn both together are
a third of all CPU. ``SelectorEventLoop(TurnSelector())`` is public API; nothing of asyncio is patched.

Where there is epoll, streams are watched by an epoll of our own, and what asyncio watches (listeners, STUN, its own
wake-up) is one more descriptor in it. Elsewhere `has_sockets` is False and streams are watched by the loop.
"""

from __future__ import annotations

import math
import select
import selectors
import sys
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any, Final, Protocol, TypeAlias

from tailhub.net.pace import Pace

# The loop has worked out how long to wait before it asks us. What runs at the end of a turn may set timers or call
# `call_soon`, which that sum does not know, so after such work the wait is short. Once, not again and again.
_WAIT_AFTER_WORK_S = 0.02

# Sockets dealt with before what they brought is written. Thousands may be ready with half a millisecond's work each,
# and what came first must not wait for all of them. So many are enough to have much to write to each receiver.
_AT_ONCE: Final = 32
# After so long with our sockets it is the turn of the loop's (STUN, new connections, signals) and of timers, then again
# of those of ours that are left.
_LONG_S: Final = 0.02

_HAS_EPOLL: Final = sys.platform == "linux"
_READ: Final = 1  # EPOLLIN
_WRITE: Final = 4  # EPOLLOUT

Ready: TypeAlias = list[tuple[int, int]]
"""Descriptors and what they are ready for, as epoll has it."""


class Sockets(Protocol):
    """Calls back when a socket is ready, as an event loop does."""

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever something can be read, until `remove_reader`."""

    def remove_reader(self, fd: int, /) -> bool:
        """Do so no more. Returns whether it was done. Nothing wrong if not."""

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever something can be written, until `remove_writer`."""

    def remove_writer(self, fd: int, /) -> bool:
        """Do so no more. Returns whether it was done. Nothing wrong if not."""


class TurnSelector(selectors.DefaultSelector):
    """The platform's selector, and `Sockets` where `has_sockets` is set.

    `at_turn_end` is called while `is_due` is set, several times in a turn where many sockets are ready; it must clear
    that and not raise. `on_error` learns of what callbacks of sockets raise, in the form of
    ``loop.call_exception_handler``. Before it waits it pauses as `pace` has it.
    """

    has_sockets = _HAS_EPOLL

    def __init__(self) -> None:
        super().__init__()
        self.is_due = False
        self.at_turn_end: Callable[[], None] | None = None
        self.on_error: Callable[[dict[str, Any]], None] | None = None
        self.pace: Pace | None = None
        # Names that no selector of the standard library has: `_readers` is one of SelectSelector's.
        self._on_read: dict[int, Callable[[], None]] = {}
        self._on_write: dict[int, Callable[[], None]] = {}
        if _HAS_EPOLL:
            self._epoll = select.epoll()
            self._poll: Callable[[float, int], Ready] = self._epoll.poll
            self._left: Ready = []  # of the last turn, which took too long; `_poll` gives them out then
            self._own_fd: int = self.fileno()  # of the platform's selector, in which asyncio's sockets are
            self._epoll.register(self._own_fd, _READ)

    # --- our sockets --------------------------------------------------------------------------------------------------

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """See `Sockets`."""
        self._add(self._on_read, fd, callback, is_new=fd not in self._on_write)

    def remove_reader(self, fd: int, /) -> bool:
        """See `Sockets`."""
        if self._on_read.pop(fd, None) is None:
            return False
        self._watch(fd)
        return True

    def add_writer(self, fd: int, callback: Callable[[], None], /) -> None:
        """See `Sockets`."""
        self._add(self._on_write, fd, callback, is_new=fd not in self._on_read)

    def remove_writer(self, fd: int, /) -> bool:
        """See `Sockets`."""
        if self._on_write.pop(fd, None) is None:
            return False
        self._watch(fd)
        return True

    def _add(self, to: dict[int, Callable[[], None]], fd: int, callback: Callable[[], None], *, is_new: bool) -> None:
        was_there = fd in to
        to[fd] = callback
        if was_there:
            return
        try:
            self._watch(fd, is_new=is_new)
        except OSError:  # the kernel allows no more of them, say
            del to[fd]
            raise

    def _watch(self, fd: int, *, is_new: bool = False) -> None:
        events = (_READ if fd in self._on_read else 0) | (_WRITE if fd in self._on_write else 0)
        if is_new:
            self._epoll.register(fd, events)
        elif events:
            self._epoll.modify(fd, events)
        else:  # not with no events: errors would still be told, again and again
            self._epoll.unregister(fd)

    # --- what the loop calls ------------------------------------------------------------------------------------------

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets; before it and behind the reads of our own, the work that is due is done.

        Work before the wait comes from what the loop itself has called since: logins, timers, accepted connections.
        """
        if self.is_due and self.at_turn_end is not None:
            self._end_turn()
            if timeout is None or timeout > _WAIT_AFTER_WORK_S:
                timeout = _WAIT_AFTER_WORK_S
        if not _HAS_EPOLL:
            return super().select(timeout)
        pace = self.pace
        if pace is not None and pace.pause_s and timeout != 0:
            sleep(pace.pause_s)
        # epoll counts in milliseconds; rounded up, because a timer that is not due yet would be waited for again.
        wait_s = -1 if timeout is None else math.ceil(timeout * 1e3) * 1e-3 if timeout > 0 else 0
        try:
            ready = self._poll(wait_s, len(self._on_read) + len(self._on_write) + 1)
        except InterruptedError:
            return []
        if pace is not None:
            pace.reads += len(ready)
        readers = self._on_read
        is_own_ready = False
        # All that are ready are called, each once: the kernel puts those that stay ready behind the others.
        for some in self._divide(ready) if ready[_AT_ONCE:] else (ready,):
            for fd, events in some:
                try:
                    # Looked up only now, because the callback before may have ended this one. Errors go to either.
                    if events != _WRITE and fd in readers:
                        readers[fd]()
                    elif fd == self._own_fd:
                        is_own_ready = True
                        continue
                    if events != _READ and fd in self._on_write:
                        self._on_write[fd]()
                except Exception as exc:  # as asyncio does it: a bug must not end the loop
                    self._tell_of(exc)
            if self.is_due:
                self._end_turn()
        return super().select(0) if is_own_ready else []

    def _divide(self, ready: Ready) -> Iterator[Ready]:
        until = monotonic() + _LONG_S
        for at in range(0, len(ready), _AT_ONCE):
            if at and monotonic() > until:
                # They may have ended, or be others, when their turn comes: a socket may be called for nothing.
                self._left = [(self._own_fd, _READ), *ready[at:]]
                self._poll = self._poll_left
                return
            yield ready[at : at + _AT_ONCE]

    def _poll_left(self, timeout: float, most: int) -> Ready:
        self._poll = self._epoll.poll
        left, self._left = self._left, []
        return left

    def close(self) -> None:
        """Give up the descriptors; sockets stay open."""
        if _HAS_EPOLL:
            self._epoll.close()
        super().close()

    def _end_turn(self) -> None:
        while self.is_due and self.at_turn_end is not None:  # writing may find others broken, who have to be told
            self.at_turn_end()

    def _tell_of(self, exc: Exception) -> None:
        if self.on_error is None:
            raise exc
        self.on_error({"message": "Exception in a callback of a socket", "exception": exc})
