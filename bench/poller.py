"""Waiting for sockets with a time limit finer than a millisecond: epoll, and poll(2) where there is no epoll."""

from __future__ import annotations

import select
import sys

READABLE = 1  # POLLIN, the same number in epoll and poll
WRITABLE = 4  # POLLOUT
_COARSE_S = 0.02  # from here on a millisecond does not matter


class Poller:
    """Registered sockets by descriptor; `wait` gives ``(descriptor, events)`` pairs.

    Make it before the sockets: `wait` hands the epoll's own descriptor to select(2), which knows none over 1023.
    """

    def __init__(self) -> None:
        self._registered = 0
        if sys.platform == "linux":
            self._poll = select.epoll()
        else:
            self._poll = select.poll()

    def register(self, fd: int) -> None:
        """Watch for readable."""
        self._registered += 1
        self._poll.register(fd, READABLE)

    def unregister(self, fd: int) -> None:
        """Stop watching."""
        self._registered -= 1
        self._poll.unregister(fd)

    def want_write(self, fd: int, wanted: bool) -> None:
        """Watch for writable too, or no more."""
        self._poll.modify(fd, READABLE | WRITABLE if wanted else READABLE)

    def wait(self, timeout_s: float) -> list[tuple[int, int]]:
        """What is ready, after at most `timeout_s` seconds."""
        if sys.platform == "linux":
            most = self._registered or 1
            if 0 < timeout_s < _COARSE_S:
                # epoll_wait counts in milliseconds, select(2) in microseconds; a fixed rate needs the finer one.
                ready = self._poll.poll(0, most)
                if ready:
                    return ready
                select.select((self._poll.fileno(),), (), (), timeout_s)
                timeout_s = 0
            return self._poll.poll(max(timeout_s, 0), most)
        return self._poll.poll(max(timeout_s, 0) * 1000)
