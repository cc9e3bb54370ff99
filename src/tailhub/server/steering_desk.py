"""Steering where there are several workers: they have the clients, the desk answers STUN and decides.

Whatever a worker has told its desk it tells the next one again, when a desk has ended.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from tailhub.relay.evacuation import Phase
from tailhub.relay.steering import Order
from tailhub.server.steersman import Address, LocalSteersman, SteeredLogin

# --- messages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoginArrived:
    """From a worker: `Steersman.arrived`, for its login `number`."""

    number: int
    key: bytes
    address: Address
    is_home: bool | None
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class LoginNoted:
    """From a worker: `Steersman.noted`."""

    number: int
    is_home: bool


@dataclass(frozen=True, slots=True)
class LoginLeft:
    """From a worker: `Steersman.left`."""

    number: int


@dataclass(frozen=True, slots=True)
class ClientCame:
    """From a worker: `Steersman.came`; so many `clients` at once when a new desk is told of all, then without a key."""

    address: Address
    key: bytes = b""
    clients: int = 1


@dataclass(frozen=True, slots=True)
class ClientWent:
    """From a worker: `Steersman.went`."""

    address: Address


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """From a worker: `Steersman.changed`."""

    keys: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class LoginOrder:
    """To a worker: what its login `number` is to do."""

    number: int
    order: Order


@dataclass(frozen=True, slots=True)
class EvacuationPhase:
    """To a worker: how far the evacuation of the relay is; None: there is none."""

    phase: Phase | None


FromWorker: TypeAlias = LoginArrived | LoginNoted | LoginLeft | ClientCame | ClientWent | KeysChanged

# --- the desk's side ------------------------------------------------------------------------------------------------


class _FarLogin:
    """A login at a worker."""

    __slots__ = ("_number", "_worker", "is_allowed")

    def __init__(self, worker: SteeredWorker, number: int, is_allowed: bool) -> None:
        self._worker = worker
        self._number = number
        self.is_allowed = is_allowed

    def obey(self, order: Order) -> None:
        """Pass it on."""
        self._worker.order(self, self._number, order)


class SteeredWorker:
    """One worker, to which `send` sends: its logins and clients."""

    def __init__(self, steersman: LocalSteersman, send: Callable[[Any], None]) -> None:
        self._steersman = steersman
        self._send = send
        self._logins: dict[int, _FarLogin] = {}
        self._clients: Counter[Address] = Counter()

    def receive(self, message: FromWorker) -> None:
        """What it says."""
        match message:
            case LoginArrived(number, key, address, is_home, is_allowed):
                login = self._logins[number] = _FarLogin(self, number, is_allowed)
                self._steersman.arrived(login, key, address, is_home, is_allowed=is_allowed)
            case LoginNoted(number, is_home) if number in self._logins:
                self._steersman.noted(self._logins[number], is_home)
            case LoginLeft(number) if number in self._logins:
                self._steersman.left(self._logins.pop(number))
            case ClientCame(address, key, clients):
                self._clients[address] += clients
                self._steersman.came(key, address, clients)
            case ClientWent(address):
                self._clients[address] -= 1
                if not self._clients[address]:
                    del self._clients[address]
                self._steersman.went(address)
            case KeysChanged(keys):
                self._steersman.changed(keys)

    def order(self, login: _FarLogin, number: int, order: Order) -> None:
        """Tell it what one of its logins is to do."""
        if order is Order.CLOSE or (order is Order.ADMIT and login.is_allowed):
            self._logins.pop(number, None)
        self._send(LoginOrder(number, order))

    def end(self) -> None:
        """It is gone, and so are its clients."""
        for login in self._logins.values():
            self._steersman.left(login)
        self._logins.clear()
        for address, clients in self._clients.items():
            self._steersman.went(address, clients)


# --- the worker's side ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    """One login, and what the desk knows of it."""

    login: SteeredLogin
    key: bytes
    address: Address
    is_home: bool | None
    is_allowed: bool


class DeskSteersman:
    """Has the desk steer. A `Steersman`."""

    def __init__(self, *, steers_refused: bool) -> None:
        self.steers_refused = steers_refused
        self.steers_all = False
        self._send: Callable[[Any], None] | None = None  # to the desk, while there is one
        self._numbers = itertools.count(1)
        self._number_of: dict[SteeredLogin, int] = {}
        self._known: dict[int, _Known] = {}
        self._clients: Counter[Address] = Counter()

    def arrived(
        self, login: SteeredLogin, key: bytes, address: Address, is_home: bool | None, *, is_allowed: bool
    ) -> None:
        """As `Steersman`."""
        number = self._number_of[login] = next(self._numbers)
        self._known[number] = _Known(login, key, address, is_home, is_allowed)
        self._tell(LoginArrived(number, key, address, is_home, is_allowed))

    def noted(self, login: SteeredLogin, is_home: bool) -> None:
        """As `Steersman`."""
        number = self._number_of.get(login)
        if number is not None:
            self._known[number].is_home = is_home
            self._tell(LoginNoted(number, is_home))

    def left(self, login: SteeredLogin) -> None:
        """As `Steersman`."""
        number = self._number_of.pop(login, None)
        if number is not None:
            del self._known[number]
            self._tell(LoginLeft(number))

    def came(self, key: bytes, address: Address) -> None:
        """As `Steersman`."""
        self._clients[address] += 1
        self._tell(ClientCame(address, key))

    def went(self, address: Address) -> None:
        """As `Steersman`."""
        self._clients[address] -= 1
        if not self._clients[address]:
            del self._clients[address]
        self._tell(ClientWent(address))

    def changed(self, keys: Collection[bytes]) -> None:
        """As `Steersman`."""
        if self.steers_refused:
            self._tell(KeysChanged(frozenset(keys)))

    # --- the desk -----------------------------------------------------------------------------------------------------

    def desk_came(self, send: Callable[[Any], None]) -> None:
        """There is a desk now, to which `send` sends."""
        self._send = send
        for address, clients in self._clients.items():
            send(ClientCame(address, clients=clients))
        for number, known in self._known.items():
            send(LoginArrived(number, known.key, known.address, known.is_home, known.is_allowed))

    def desk_left(self) -> None:
        """Until the next one comes there are no orders: who is held stays so."""
        self._send = None

    def receive(self, message: LoginOrder) -> None:
        """What the desk says."""
        known = self._known.get(message.number)
        if known is None:
            return
        if message.order is Order.CLOSE or (message.order is Order.ADMIT and known.is_allowed):
            del self._known[message.number]
            del self._number_of[known.login]
        elif message.order is Order.ADMIT:
            known.is_home = False
        known.login.obey(message.order)

    def _tell(self, message: FromWorker) -> None:
        if self._send is not None:
            self._send(message)
