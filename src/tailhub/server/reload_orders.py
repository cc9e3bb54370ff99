"""A reload where there are several processes: the supervisor does it, and tells the others, which obey.

Tenants first, in a message of their own, so that a worker knows any of which another one speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count, islice
from socket import socket
from typing import TYPE_CHECKING, Any

from tailhub import findings
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Finding
from tailhub.net.bind import BoundSockets
from tailhub.server.foundation import Standing
from tailhub.server.listeners import BoundListeners, kept_listeners
from tailhub.server.reload import ReloadOutcome
from tailhub.server.reloading import Follower, take_over

if TYPE_CHECKING:
    from tailhub.relay.relay import Relay
    from tailhub.server.foundation import Foundation

SUPERVISOR_S = 8.0  # that it may take; a call of the operator's may take 10

# --- messages -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReloadWanted:
    """From the desk to the supervisor: somebody asks for a reload."""

    number: int


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """The answer: what it came to, or why it could not be; a user's fault or the machine's."""

    number: int
    outcome: ReloadOutcome
    refusal: Finding | None = None
    is_users: bool = False


@dataclass(frozen=True, slots=True)
class TenantsKnown:
    """To each process, before `NewStanding`: know these tenants, in this order, for another may soon speak of them."""

    number: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewStanding:
    """To a process: go by this from now on, with the sockets that come with it, so many for each of `counts`.

    They are for each public listener that does not keep its own, then for the desk plain HTTP, STUN, the operator's.
    """

    number: int
    standing: Standing  # without listeners
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """From a process: it has done what message `number` says; `trouble` says why not."""

    number: int
    trouble: str = ""


def without_sockets(standing: Standing) -> Standing:
    """What can be told to another process: sources it makes by itself."""
    empty = BoundListeners(tuple(() for _ in standing.listeners.shares), None, None, None)
    return replace(standing, listeners=empty, sources=[], doubts=())


def sockets_for(before: Standing, after: Standing, number: int | None) -> tuple[tuple[int, ...], list[socket]]:
    """Which sockets worker `number`, or the desk, needs that it has not, and how many of each kind."""
    kept = kept_listeners(before.specs, after.specs)
    share = after.listeners.shares[number or 0]
    bound: list[BoundSockets | None] = [own for own, old in zip(share, kept.public, strict=True) if old is None]
    if number is None:
        listeners = after.listeners
        others = ((kept.http, listeners.http), (kept.stun, listeners.stun), (kept.admin, listeners.admin))
        bound += [other for is_kept, other in others if not is_kept]
    groups = [one.sockets if one is not None else () for one in bound]
    return tuple(map(len, groups)), [sock for group in groups for sock in group]


def received(foundation: Foundation, message: NewStanding, sockets: list[socket], number: int | None) -> Standing:
    """What worker `number`, or the desk, is told to stand on."""
    standing, before = message.standing, foundation.listeners
    kept = kept_listeners(foundation.specs, standing.specs)
    rest = iter(sockets)
    groups = iter([BoundSockets(tuple(islice(rest, count))) for count in message.counts])
    own = tuple(next(groups) if old is None else before.shares[number or 0][old] for old in kept.public)
    shares = tuple(
        own if share == (number or 0) else tuple(BoundSockets(()) if old is None else bound[old] for old in kept.public)
        for share, bound in enumerate(before.shares)
    )
    http, stun, admin = before.http, before.stun, before.admin
    if number is None:
        http = http if kept.http else _some(next(groups))
        stun = stun if kept.stun else _some(next(groups))
        admin = admin if kept.admin else _some(next(groups))
    sources = foundation.sources_of(standing.config)
    return replace(standing, listeners=BoundListeners(shares, http, stun, admin), sources=sources)


def _some(bound: BoundSockets) -> BoundSockets | None:
    return bound if bound.sockets else None


class Obeys:
    """A process that does what the supervisor says about reloads: worker `number`, or the desk."""

    def __init__(
        self,
        foundation: Foundation,
        number: int | None,
        relay: Relay,
        answer: Callable[[Any], bool],
        follower: Follower,
    ) -> None:
        self._foundation = foundation
        self._number = number
        self._relay = relay
        self._answer = answer
        self._follower = follower

    def take(self, message: TenantsKnown | NewStanding, sockets: list[socket]) -> None:
        """Do it, and say so."""
        if isinstance(message, TenantsKnown):
            self._foundation.known_tenants = message.names
            self._relay.tenants.know(message.names)
            self._answer(Followed(message.number))
            return
        trouble = ""
        try:
            standing = received(self._foundation, message, sockets, self._number)
            take_over(self._foundation, standing, self._follower)
        except Exception as exc:  # of which the log tells
            trouble = str(exc) or type(exc).__name__
        self._answer(Followed(message.number, trouble))


class DeskReloads:
    """Reloads as the desk has them: the supervisor does it."""

    def __init__(self, ask: Callable[[Any], bool]) -> None:
        self._ask = ask
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[ReloadAnswer]] = {}

    async def run(self) -> ReloadOutcome:
        """Reload. Raises `FindingError`; nothing has changed then."""
        number = next(self._numbers)
        future: asyncio.Future[ReloadAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            if not self._ask(ReloadWanted(number)):
                raise MachineError(findings.reload_failed("the supervisor does not read"))
            async with asyncio.timeout(SUPERVISOR_S):
                answer = await future
        except TimeoutError as exc:
            raise MachineError(findings.reload_failed("no answer in time")) from exc
        finally:
            del self._waiting[number]
        if answer.refusal is not None:
            raise (UsageError if answer.is_users else MachineError)(answer.refusal)
        return answer.outcome

    def answered(self, answer: ReloadAnswer) -> None:
        """The supervisor has done it, or not."""
        future = self._waiting.get(answer.number)
        if future is not None and not future.done():
            future.set_result(answer)
