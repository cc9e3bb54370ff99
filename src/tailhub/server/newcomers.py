"""Connections that have not logged in: bounded in number and in time, because anyone can open them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from tailhub.net.stream import Stream

MAX_NEWCOMERS = 8192
PREFACE_S = 30.0  # for TLS and HTTP together
LOGIN_S = 10.0  # from ServerKey to ClientInfo


class Newcomer:
    """One connection on its way from accept to login. `address` is None for a unix socket."""

    __slots__ = ("_table", "_timer", "address", "port", "stream")

    def __init__(self, table: Newcomers, address: IPv4Address | IPv6Address | None, port: int) -> None:
        self._table = table
        self._timer: asyncio.TimerHandle | None = None
        self.address = address
        self.port = port
        self.stream: Stream = None  # type: ignore[assignment]  # set by its creator at once, see `Newcomers.add`

    @property
    def ip(self) -> str:
        """The address as text, empty for a unix socket."""
        return "" if self.address is None else str(self.address)

    def set_deadline(self, loop: asyncio.AbstractEventLoop, seconds: float, reason: str) -> None:
        """Close the stream if it is still here after `seconds`."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self.stream.abort, reason)

    def leave(self) -> None:
        """Logged in or gone: no deadline any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._table.discard(self)


class Newcomers:
    """All newcomers in order of arrival. When there are too many, the one that has dawdled longest gives way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int = MAX_NEWCOMERS) -> None:
        self._loop = loop
        self._most = most
        self._waiting: dict[Newcomer, None] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Newcomer]:
        return iter(self._waiting)

    def make(self, peer: Any) -> Newcomer:
        """A newcomer from an accepted socket's address."""
        if not isinstance(peer, tuple):
            return Newcomer(self, None, 0)
        address = ip_address(peer[0].partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return Newcomer(self, address, peer[1])

    def add(self, newcomer: Newcomer, stream: Stream) -> None:
        """Take the newcomer in, with the stream that it came on."""
        newcomer.stream = stream
        self._waiting[newcomer] = None
        newcomer.set_deadline(self._loop, PREFACE_S, "said nothing useful for 30 s")
        if len(self._waiting) > self._most:
            self.give_way("too many connections that have not logged in")

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
