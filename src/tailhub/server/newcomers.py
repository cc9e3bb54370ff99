"""Connections that have not logged in: bounded in number and in time, because anyone can open them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from math import inf
from typing import Any

from tailhub.net.stream import Stream

MAX_NEWCOMERS = 8192
PREFACE_S = 30.0  # for TLS and HTTP together
LOGIN_S = 10.0  # from ServerKey to ClientInfo


class Newcomer:
    """One connection on its way from accept to login. `address` is None for a unix socket."""

    __slots__ = ("_line", "_table", "address", "due_at", "listener", "port", "reason", "server_name", "stream")

    def __init__(self, table: Newcomers, address: IPv4Address | IPv6Address | None, port: int) -> None:
        self._table = table
        self._line: dict[Newcomer, None] | None = None  # where it waits, see `Newcomers`
        self.due_at = 0.0  # on the loop's clock: then it is closed
        self.reason = ""  # for what
        self.address = address
        self.port = port
        self.server_name = ""  # that it asked for in TLS
        self.listener = 0  # its number in ``RelayConfig.listeners``
        self.stream: Stream = None  # type: ignore[assignment]  # set by its creator at once, see `Newcomers.add`

    @property
    def ip(self) -> str:
        """The address as text, empty for a unix socket."""
        return "" if self.address is None else str(self.address)

    def set_deadline(self, seconds: float, reason: str) -> None:
        """Close the stream if it is still here after `seconds`."""
        if self._line is not None:
            del self._line[self]
        self.reason = reason
        self._line = self._table.wait(self, seconds)

    def leave(self) -> None:
        """Logged in or gone: no deadline any more."""
        if self._line is not None:
            del self._line[self]
            self._line = None
        self._table.discard(self)


class Newcomers:
    """All newcomers in order of arrival. When there are too many, the one that has dawdled longest gives way.

    Deadlines: there are few different times to wait, and those who wait for the same time are due in the order in which
    they began. So each time has a line, and one timer of the loop serves all of them; two for each login cost more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int = MAX_NEWCOMERS) -> None:
        self._loop = loop
        self._most = most
        self._waiting: dict[Newcomer, None] = {}
        self._lines: dict[float, dict[Newcomer, None]] = {}  # by seconds
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Newcomer]:
        return iter(self._waiting)

    def make(self, peer: Any) -> Newcomer:
        """A newcomer from an accepted socket's address."""
        if not isinstance(peer, tuple):
            return Newcomer(self, None, 0)
        host = peer[0]
        if ":" not in host:
            return Newcomer(self, IPv4Address(socket.inet_aton(host)), peer[1])
        address = IPv6Address(socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
        return Newcomer(self, address.ipv4_mapped or address, peer[1])

    def add(self, newcomer: Newcomer, stream: Stream) -> None:
        """Take the newcomer in, with the stream that it came on."""
        newcomer.stream = stream
        self._waiting[newcomer] = None
        newcomer.set_deadline(PREFACE_S, "said nothing useful for 30 s")
        if len(self._waiting) > self._most:
            self.give_way("too many connections that have not logged in")

    def wait(self, newcomer: Newcomer, seconds: float) -> dict[Newcomer, None]:
        """Put one at the end of the line for `seconds`; called through `Newcomer.set_deadline`."""
        line = self._lines.get(seconds)
        if line is None:
            line = self._lines[seconds] = {}
        line[newcomer] = None
        newcomer.due_at = due_at = self._loop.time() + seconds
        if due_at < self._timer_at:
            self._set_timer(due_at)
        return line

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._close_late)
        self._timer_at = when

    def _close_late(self) -> None:
        """Close those whose time is over, and wake up for the next one."""
        reached, self._timer, self._timer_at = self._timer_at, None, inf
        now = max(reached, self._loop.time())  # a timer may fire a clock tick early
        next_at = inf
        for line in list(self._lines.values()):
            while (first := next(iter(line), None)) is not None:
                if first.due_at > now:
                    next_at = min(next_at, first.due_at)
                    break
                first.stream.abort(first.reason)
                if first in line:  # its stream had ended before
                    first.leave()
        if next_at < self._timer_at:
            self._set_timer(next_at)

    def give_way(self, reason: str) -> bool:
        """Close the one that has dawdled longest, if there is any."""
        for newcomer in self._waiting:
            self.evicted += 1
            newcomer.stream.abort(reason)
            return True
        return False

    def discard(self, newcomer: Newcomer) -> None:
        """Forget one; called through `Newcomer.leave`."""
        self._waiting.pop(newcomer, None)

    def close_all(self, reason: str) -> None:
        """End all of them."""
        for newcomer in list(self._waiting):
            newcomer.stream.abort(reason)
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, inf
