"""The pages' end of the channel to the relay: has numbers asked for when they are wanted, and actions done."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Set
from typing import Any, Final

from tailhub.admin.feed import ActionAnswer, ActionRequest, Facts, Part, SnapshotEnd
from tailhub.admin.pull import EVERY_S, Pull
from tailhub.admin.view import View
from tailhub.net.message_channel import MessageChannel

__all__ = ["RelayLink"]

ACTION_S: Final = 20.0  # that an action may take; verifiers may be asked meanwhile
MOST_ACTIONS: Final = 64  # at a time
FACTS_S: Final = 3.0  # that the relay has to say who it is


class RelayLink:
    """Owns `sock`, the channel. Made in a running loop. `on_closed` is called when the relay is gone."""

    def __init__(self, sock: socket.socket, view: View, on_closed: Callable[[], None]) -> None:
        self.view = view
        self._loop = asyncio.get_running_loop()
        self._pull = Pull(self._loop.time())
        self._waiting: list[tuple[Set[Part], float, asyncio.Future[bool]]] = []
        self._actions: dict[int, asyncio.Future[ActionAnswer]] = {}
        self._action_number = 0
        self._has_facts = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._channel = MessageChannel(sock, self._received, on_closed)
        self._step()

    def close(self) -> None:
        """Ask nothing more; whoever waits is told that the relay does not answer."""
        if self._timer is not None:
            self._timer.cancel()
        self._channel.close()
        for _, _, waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(False)
        for answer in self._actions.values():
            if not answer.done():
                answer.set_exception(TimeoutError())

    @property
    def is_lost(self) -> bool:
        """Has the relay stopped answering?"""
        return self._pull.is_lost(self._loop.time())

    async def known(self) -> bool:
        """Wait until the relay has said who it is, which it does first of all; False: it does not."""
        try:
            async with asyncio.timeout(FACTS_S):
                await self._has_facts.wait()
        except TimeoutError:
            return False
        return True

    async def fresh(self, parts: Set[Part]) -> bool:
        """Wait until these are known as of less than a second ago; False: the relay does not answer."""
        now = self._loop.time()
        self._pull.want(parts, now)
        if self._pull.is_known(parts, now):
            return True
        if self._pull.is_lost(now):
            return False
        waiting: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append((parts, now, waiting))
        self._step()
        return await waiting

    async def act(self, method: str, path: str, query: str, body: bytes, caller: str) -> ActionAnswer | None:
        """Have the relay answer a call of its own part of the API; None: it does not, or has too many to answer."""
        if len(self._actions) >= MOST_ACTIONS:
            return None
        self._action_number += 1
        number = self._action_number
        answer: asyncio.Future[ActionAnswer] = self._loop.create_future()
        self._actions[number] = answer
        self._channel.send(ActionRequest(number, method, path, query, body, caller))
        try:
            async with asyncio.timeout(ACTION_S):
                answered = await answer
        except TimeoutError:
            return None
        finally:
            del self._actions[number]
        if method != "GET":
            self._pull.outdate()
        return answered

    # --- the channel --------------------------------------------------------------------------------------------------

    def _received(self, message: Any) -> None:
        if isinstance(message, ActionAnswer):
            answer = self._actions.get(message.number)
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif isinstance(message, SnapshotEnd):
            parts = self._pull.answered(message.number)
            if parts:
                self.view.ended(parts, message.at)
            self._step()
        else:
            self.view.receive(message)
            if isinstance(message, Facts):
                self._has_facts.set()

    def _step(self) -> None:
        """Ask what is to be asked now, tell whoever has waited, and come again when it is time."""
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        is_lost = self._pull.is_lost(now)
        if (request := self._pull.request(now)) is not None:
            self._channel.send(request)
        left = []
        for one in self._waiting:
            parts, since, waiting = one
            is_known = self._pull.is_known(parts, since)
            if waiting.done():
                continue
            if is_known or is_lost:
                waiting.set_result(is_known)
            else:
                left.append(one)
        self._waiting = left
        self._timer = self._loop.call_at(max(self._pull.next_deadline(), now + EVERY_S / 100), self._step)
