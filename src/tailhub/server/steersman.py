"""Carries out what `tailhub.relay.steering` decides: tells it what logins do, keeps its time, and passes its orders on.

Connections know a `Steersman`. In a relay of one process that is a `LocalSteersman`; a worker asks the desk, which
answers STUN and therefore has the only one (`tailhub.server.steering_desk`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, TypeAlias

from tailhub.relay.steering import Order, Steering

Address: TypeAlias = IPv4Address | IPv6Address


class SteeredLogin(Protocol):
    """A connection that is steered: no frame goes to it until there is an order."""

    def obey(self, order: Order) -> None:
        """Do it now. After CLOSE, and after ADMIT of one that is allowed, the steersman has forgotten it."""


class Steersman(Protocol):
    """Who decides where homes are to be. Addresses are those of clients, behind whatever proxies.

    `steers_refused`: refused logins are brought here. `steers_all`: so are all others, because they are to move too.
    """

    steers_refused: bool
    steers_all: bool

    def arrived(
        self, login: SteeredLogin, key: bytes, address: Address, is_home: bool | None, *, is_allowed: bool
    ) -> None:
        """As `Steering.arrived`."""

    def noted(self, login: SteeredLogin, is_home: bool) -> None:
        """As `Steering.noted`."""

    def left(self, login: SteeredLogin) -> None:
        """As `Steering.left`."""

    def came(self, key: bytes, address: Address) -> None:
        """As `Steering.came`, for those who are served by a relay that steers who is not."""

    def went(self, address: Address) -> None:
        """As `Steering.went`."""

    def changed(self, keys: Collection[bytes]) -> None:
        """As `Steering.changed`."""


class LocalSteersman:
    """Steers by `steering`, in the running loop."""

    def __init__(self, steering: Steering[SteeredLogin], *, steers_refused: bool) -> None:
        self.steering = steering
        self.steers_refused = steers_refused
        self.steers_all = False
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None  # when `_act` is called
        self._next_at: float | None = None  # None: at once

    def stop(self) -> None:
        """Give no more orders."""
        if self._next is not None:
            self._next.cancel()

    def arrived(
        self, login: SteeredLogin, key: bytes, address: Address, is_home: bool | None, *, is_allowed: bool
    ) -> None:
        """As `Steering.arrived`."""
        self.steering.arrived(login, key, address, is_home, self._loop.time(), is_allowed=is_allowed)
        self._act_soon()

    def noted(self, login: SteeredLogin, is_home: bool) -> None:
        """As `Steering.noted`."""
        self.steering.noted(login, is_home, self._loop.time())
        self._act_soon()

    def left(self, login: SteeredLogin) -> None:
        """As `Steering.left`."""
        self.steering.left(login)

    def came(self, key: bytes, address: Address, clients: int = 1) -> None:
        """As `Steering.came`."""
        self.steering.came(key, address, clients)

    def went(self, address: Address, clients: int = 1) -> None:
        """As `Steering.went`."""
        self.steering.went(address, self._loop.time(), clients)
        self._act_soon()

    def changed(self, keys: Collection[bytes]) -> None:
        """As `Steering.changed`."""
        self.steering.changed(keys)

    def evacuate(self, is_on: bool) -> None:
        """Are all to move, also those who are served?"""
        self.steers_all = is_on
        self.steering.evacuate(is_on)
        self._act_soon()

    def _act_soon(self) -> None:
        """Not within this call, which a connection has made."""
        if self._next is not None:
            if self._next_at is None:
                return
            self._next.cancel()
        self._next, self._next_at = self._loop.call_soon(self._act), None

    def _act(self) -> None:
        self._next = None
        self.steering.advance(self._loop.time())
        for login, order in self.steering.take_orders():
            login.obey(order)
        due = self.steering.next_deadline()
        if due is not None and self._next is None:
            self._next, self._next_at = self._loop.call_at(due, self._act), due
