"""Moves homes that a relay does not serve to another region, by what they measure: nothing else moves a client.

A client's home is the region that answers its STUN requests fastest. One that is refused here and still gets such
answers keeps this relay as its home, and nobody reaches it any more. So its address is *muted* (its STUN requests stay
unanswered) and it is made to measure again: its connection is closed without a word, and the next one is held in
silence, because any frame but ServerKey counts for it as a sign of life. When its home has moved it says
``NotePreferred 0``. From then on it writes to this relay for those peers whose home is here, and is admitted as a
*guest*; else it would not reach them. The times are measured with real clients; `docs/how-to/steering.md` says what
cannot be done.

The same moves clients that are served, before maintenance: those are `is_allowed` here (`tailhub.relay.evacuation`).

Driven by what happens at `now` (monotonic seconds). A login is whatever tells connections apart. Not here: sockets and
timers (`tailhub.server.steersman`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from heapq import heappop, heappush
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from math import inf
from typing import Generic, TypeAlias, TypeVar

from tailhub.relay.source import source_of

NOTE_S = 0.3  # a client whose home this is says so in the flight of its ClientInfo; one that says nothing visits
SECOND_CLOSE_S = 5.5  # since the first: an active client that has not moved by then is made to measure once more
PATIENCE_S = 12.0  # since the first close: then it will not move, and its user is told why it is not served
SETTLE_S = 3.0  # that a new connection is left in peace in any case: so long a client takes to measure and move
MUTE_S = 3600.0  # then it may come back: what it was refused for may be over
MUTE_JITTER = 0.25  # of that, more or less, so that those who went together do not come back together
MAX_MOVES = 16384  # of those who are refused, and as many of those who are allowed
MAX_MOVES_AT_ADDRESS = 16  # refused keys there: who makes up keys does not fill the table for all others
MAX_ADDRESSES = 4  # of one client, which may have two and roam
MAX_RETURNS = 3  # of one client while it is muted; after that it is not closed any more
MAX_GUESTS = 1024
MAX_GUESTS_AT_ADDRESS = 16

_V4_IN_V6 = bytes(10) + b"\xff\xff"

Address: TypeAlias = IPv4Address | IPv6Address
Login = TypeVar("Login")  # anything that tells connections apart, as keys of a dict do


class Order(StrEnum):
    """What becomes of a login."""

    CLOSE = "close"  # without a further frame
    EXPLAIN = "explain"  # it will not be served, and may be told so; it stays held
    ADMIT = "admit"  # as a guest, unless it is allowed


class _Timed:
    """Something that is to be looked at when `due`."""

    __slots__ = ("due",)

    def __init__(self) -> None:
        self.due = inf


class _Login(_Timed, Generic[Login]):
    """One connection that is held, or admitted as a guest. `is_home` is None until that is clear."""

    __slots__ = ("address", "arrived_at", "is_allowed", "is_guest", "is_home", "key", "name")

    def __init__(self, name: Login, key: bytes, address: Address, is_allowed: bool, now: float) -> None:
        super().__init__()
        self.name = name
        self.key = key
        self.address = address
        self.is_allowed = is_allowed
        self.arrived_at = now
        self.is_home: bool | None = None
        self.is_guest = False


class _Move(_Timed, Generic[Login]):
    """One key that is to have its home elsewhere. Its addresses are muted until this is `due`."""

    __slots__ = ("addresses", "began_at", "closes", "has_moved", "held", "is_allowed", "key", "returns", "source")

    def __init__(self, key: bytes, source: int, is_allowed: bool, now: float) -> None:
        super().__init__()
        self.key = key
        self.source = source  # where it began
        self.is_allowed = is_allowed
        self.began_at = now
        self.addresses: dict[Address, None] = {}
        self.closes = 0
        self.returns = 0
        self.has_moved = False
        self.held: _Login[Login] | None = None  # the last connection with its key as a home


class Steering(Generic[Login]):
    """All clients that are steered. Every method returns at once; what they order waits in `take_orders`.

    `muted` has the packed addresses whose STUN requests are not to be answered, IPv4 in both of its forms. It is one
    set for the life of this object.
    """

    def __init__(self, rng: random.Random) -> None:
        self.muted: set[bytes] = set()
        self.begun = 0  # moves
        self.moved = 0  # homes that moved
        self.stayed = 0  # homes that did not, in time
        self._rng = rng
        self._is_evacuating = False
        self._logins: dict[Login, _Login[Login]] = {}
        self._moves: dict[bytes, _Move[Login]] = {}
        self._moves_at: dict[Address, int] = {}
        self._refused_at: Counter[int] = Counter()  # moves of refused keys, by source
        self._refused = 0  # those together
        self._guests_at: Counter[int] = Counter()
        self._guests = 0
        self._admitted_at: dict[Address, int] = {}
        self._shared_at: dict[Address, dict[_Login[Login], None]] = {}  # not steered, because others there are admitted
        self._orders: list[tuple[Login, Order]] = []
        self._timers: list[tuple[float, int, _Timed]] = []  # those that are void stay until they are due
        self._numbers = count()

    # --- what happens -------------------------------------------------------------------------------------------------

    def arrived(
        self, login: Login, key: bytes, address: Address, is_home: bool | None, now: float, *, is_allowed: bool = False
    ) -> None:
        """A client is not to have its home here, and no frame goes to it until there is an order for this login.

        `is_home` is what it has said, if anything. `is_allowed`: it would be served, but is to move before maintenance.
        """
        entry = self._logins[login] = _Login(login, key, address, is_allowed, now)
        if is_allowed and not self._is_evacuating:  # it has ended meanwhile
            self._admit(entry)
        elif is_home is None:
            self._set_due(entry, now + NOTE_S)
        else:
            self._sort(entry, is_home, now)

    def noted(self, login: Login, is_home: bool, now: float) -> None:
        """A client has said whether its home is here."""
        entry = self._logins.get(login)
        if entry is not None and entry.is_home is not is_home:
            self._sort(entry, is_home, now)

    def left(self, login: Login) -> None:
        """A connection is over, or has nothing to do with this any more."""
        entry = self._logins.get(login)
        if entry is not None:
            self._drop(entry)
        if self._orders:
            self._orders = [order for order in self._orders if order[0] != login]

    def came(self, key: bytes, address: Address, clients: int = 1) -> None:
        """A client is served, and not as a guest: its home may be here, and that of others at its address.

        `clients`: so many there, of which it is the last.
        """
        move = self._moves.get(key)
        if move is not None and not move.is_allowed:
            self._end(move)
        self._admitted_at[address] = self._admitted_at.get(address, 0) + clients
        self._judge(address)

    def went(self, address: Address, now: float, clients: int = 1) -> None:
        """So many `clients` that were admitted from there are gone."""
        rest = self._admitted_at.pop(address) - clients
        if rest:
            self._admitted_at[address] = rest
            return
        self._judge(address)
        for entry in self._shared_at.pop(address, {}):
            self._steer(entry, now)

    def changed(self, keys: Iterable[bytes]) -> None:
        """These may be served now, for all that is known: whose home has moved may come back and see."""
        for key in keys:
            move = self._moves.get(key)
            if move is not None and move.has_moved and not move.is_allowed:
                self._end(move)

    def evacuate(self, is_on: bool) -> None:
        """Is nobody to have its home here any more? Then those who share an address with others are muted too."""
        self._is_evacuating = is_on
        if not is_on:
            for move in [move for move in self._moves.values() if move.is_allowed]:
                self._end(move)
            for entry in [entry for entry in self._logins.values() if entry.is_allowed]:
                self._admit(entry)
        for address in self._moves_at:
            self._judge(address)

    # --- what follows -------------------------------------------------------------------------------------------------

    def take_orders(self) -> list[tuple[Login, Order]]:
        """What is to be done now, each once, in this order."""
        orders, self._orders = self._orders, []
        return orders

    def next_deadline(self) -> float | None:
        """When `advance` has something to do."""
        timers = self._timers
        while timers and timers[0][2].due != timers[0][0]:
            heappop(timers)
        return timers[0][0] if timers else None

    def advance(self, now: float) -> None:
        """Time has passed."""
        while (due := self.next_deadline()) is not None and due <= now:
            timed = self._timers[0][2]
            timed.due = inf
            if isinstance(timed, _Login):
                if timed.is_home is None:  # it has said nothing
                    self._sort(timed, False, now)
                else:
                    self._steer(timed, now)
            elif isinstance(timed, _Move):
                self._end(timed)
                if timed.held is not None:
                    self._steer(timed.held, now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _sort(self, entry: _Login[Login], is_home: bool, now: float) -> None:
        entry.is_home = is_home
        entry.due = inf
        if entry.is_guest:
            self._lose_guest(entry, now)
        elif is_home:
            self._steer(entry, now)
        else:
            self._forget_shared(entry)
            move = self._moves.get(entry.key)
            if move is not None and not move.has_moved:
                move.has_moved = True
                move.held = None
                self.moved += 1
            self._admit(entry)

    def _lose_guest(self, entry: _Login[Login], now: float) -> None:
        """A guest says that its home is here again."""
        move = self._moves.get(entry.key) or self._begin(entry, now)
        if move is not None:
            self._mute(move, entry.address)
            if move.has_moved:
                self._begin_again(move, now)
        self._close(move, entry)

    def _steer(self, entry: _Login[Login], now: float) -> None:
        """The next step for a home that is not to be here."""
        move = self._moves.get(entry.key) or self._begin(entry, now)
        if move is None:
            self._explain(entry)
            return
        self._mute(move, entry.address)
        move.held = entry
        if move.has_moved:
            self._begin_again(move, now)
        if move.closes == 0:
            self._close(move, entry)
        elif now < (due := max(move.began_at + SECOND_CLOSE_S, entry.arrived_at + SETTLE_S)) and move.closes == 1:
            self._set_due(entry, due)
        elif move.closes == 1:
            self._close(move, entry)
        elif now < (due := max(move.began_at + PATIENCE_S, entry.arrived_at + SETTLE_S)):
            self._set_due(entry, due)
        else:
            self._explain(entry)

    def _begin(self, entry: _Login[Login], now: float) -> _Move[Login] | None:
        """Make a move for its key; None when there can be none."""
        source = source_of(entry.address)
        if entry.is_allowed:
            if len(self._moves) - self._refused >= MAX_MOVES:
                return None
        elif (
            self._refused >= MAX_MOVES
            or self._refused_at[source] >= MAX_MOVES_AT_ADDRESS
            or entry.address in self._admitted_at
        ):
            return None
        else:
            self._refused += 1
            self._refused_at[source] += 1
        move = self._moves[entry.key] = _Move(entry.key, source, entry.is_allowed, now)
        self._set_due(move, now + MUTE_S * self._rng.uniform(1 - MUTE_JITTER, 1 + MUTE_JITTER))
        self.begun += 1
        return move

    def _begin_again(self, move: _Move[Login], now: float) -> None:
        """It had moved, and is back although it is muted."""
        move.has_moved = False
        move.returns += 1
        move.began_at = now
        move.closes = 0 if move.returns <= MAX_RETURNS else 2

    def _end(self, move: _Move[Login]) -> None:
        """Its addresses are answered again."""
        move.due = inf
        del self._moves[move.key]
        if not move.is_allowed:
            self._refused -= 1
            _count_down(self._refused_at, move.source)
        for address in move.addresses:
            rest = self._moves_at.pop(address) - 1
            if rest:
                self._moves_at[address] = rest
            self._judge(address)

    def _close(self, move: _Move[Login] | None, entry: _Login[Login]) -> None:
        if move is not None:
            move.closes += 1
        self._drop(entry)
        self._orders.append((entry.name, Order.CLOSE))

    def _admit(self, entry: _Login[Login]) -> None:
        if entry.is_allowed:  # a client like any other
            self._drop(entry)
        elif self._guests < MAX_GUESTS and self._guests_at[source_of(entry.address)] < MAX_GUESTS_AT_ADDRESS:
            entry.is_guest = True
            self._guests += 1
            self._guests_at[source_of(entry.address)] += 1
        else:
            self._orders.append((entry.name, Order.EXPLAIN))
            return
        self._orders.append((entry.name, Order.ADMIT))

    def _explain(self, entry: _Login[Login]) -> None:
        """It stays where it is."""
        if entry.key in self._moves:
            self.stayed += 1
        elif entry.address in self._admitted_at:
            self._shared_at.setdefault(entry.address, {})[entry] = None
        if entry.is_allowed:
            self._admit(entry)
        else:
            self._orders.append((entry.name, Order.EXPLAIN))

    def _drop(self, entry: _Login[Login]) -> None:
        entry.due = inf
        del self._logins[entry.name]
        if entry.is_guest:
            self._guests -= 1
            _count_down(self._guests_at, source_of(entry.address))
        self._forget_shared(entry)
        move = self._moves.get(entry.key)
        if move is not None and move.held is entry:
            move.held = None

    def _forget_shared(self, entry: _Login[Login]) -> None:
        entries = self._shared_at.get(entry.address, {})
        if entries.pop(entry, self) is None and not entries:
            del self._shared_at[entry.address]

    # --- addresses ----------------------------------------------------------------------------------------------------

    def _mute(self, move: _Move[Login], address: Address) -> None:
        if address not in move.addresses and len(move.addresses) < MAX_ADDRESSES:
            move.addresses[address] = None
            self._moves_at[address] = self._moves_at.get(address, 0) + 1
            self._judge(address)

    def _judge(self, address: Address) -> None:
        """Is it muted now? Never while also somebody is admitted from there, who would lose the home here with it."""
        packed = address.packed
        forms = (packed, _V4_IN_V6 + packed) if address.version == 4 else (packed,)
        if address in self._moves_at and (self._is_evacuating or address not in self._admitted_at):
            self.muted.update(forms)
        else:
            self.muted.difference_update(forms)

    def _set_due(self, timed: _Timed, due: float) -> None:
        timed.due = due
        heappush(self._timers, (due, next(self._numbers), timed))


def _count_down(counts: Counter[int], source: int) -> None:
    counts[source] -= 1
    if not counts[source]:
        del counts[source]
