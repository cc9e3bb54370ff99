"""Who stands at the door of one process, and who is in and asked about again.

Whom the gatekeeper refuses is held (`tailhub.server.held_login`), as far as there is room, or closed. Keys that are
held or in are asked about every few minutes, and at once when the gatekeeper says that something has changed: one
question a key, some keys at a time, so that logins need not wait behind them. Who is known no more is cut off, who is
known now let in.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from tailhub.relay.held import MOST_HELD, HeldLogins
from tailhub.relay.rechecks import RECHECK_S, SOON_S, Rechecks
from tailhub.server.context import ServerContext
from tailhub.server.gatekeeper import Decision, Gatekeeper, Waiting
from tailhub.server.held_login import REFUSE_TEXT, REPLACED, ROOM, HeldLogin
from tailhub.server.not_now import not_now

if TYPE_CHECKING:
    from tailhub.server.derp_connection import DerpConnection
    from tailhub.server.derp_login import Applicant

MOST_ASKED = 16  # keys that are asked about again at a time, in all workers together; as many more if it is urgent
TICK_S = 1.0  # keys that are due within so long are asked about together
FULL = "no room"


class DoorWays(TypedDict):
    """How those are treated who are refused; see `Door`."""

    holds: bool
    text: str
    most_held: int


class Door:
    """`outcomes` counts what became of refused logins that were held, or could not be."""

    def __init__(
        self,
        context: ServerContext,
        gatekeeper: Gatekeeper,
        *,
        holds: bool = True,
        text: str = "",
        most_held: int = MOST_HELD,
        share: int = 1,
    ) -> None:
        """`text`: what those are told who are held. `share` is how many workers share what is limited."""
        self.gatekeeper = gatekeeper
        self.held: HeldLogins[HeldLogin] = HeldLogins(0)
        self.outcomes: Counter[str] = Counter()
        self._context = context
        self._share = share
        self.set_ways(holds=holds, text=text, most_held=most_held)
        self._most_asked = max(1, MOST_ASKED // share)
        self._rechecks = Rechecks(random.random)
        self._asking: dict[bytes, Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        gatekeeper.on_change = self._changed

    def set_ways(self, *, holds: bool, text: str, most_held: int) -> None:
        """Treat those who are refused from now on in this way; see `__init__`."""
        self._holds = holds
        self._text = text or REFUSE_TEXT
        self.held.set_most(max(1, most_held // self._share) if most_held else 0)

    def set_gatekeeper(self, gatekeeper: Gatekeeper) -> None:
        """Ask this one from now on."""
        for waiting in self._asking.values():
            waiting.cancel()
        self._asking.clear()
        self.gatekeeper.stop()
        self.gatekeeper = gatekeeper
        gatekeeper.on_change = self._changed

    def look_after_all(self, *, also_here: bool) -> None:
        """Ask soon about everyone who is held; and who is in, also those who came in before there was a door."""
        if not also_here:
            self._changed([login.key for login in self.held])
            return
        for connection in self._context.relay.registry:
            if connection.identity.is_asked_about:
                self._rechecks.add(connection.key, self._context.loop.time(), RECHECK_S)
        self._changed(None)

    def stop(self) -> None:
        """Ask about nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        for waiting in self._asking.values():
            waiting.cancel()
        self.gatekeeper.stop()

    # --- who is held --------------------------------------------------------------------------------------------------

    def hold(
        self,
        connection: DerpConnection,
        applicant: Applicant,
        decision: Decision,
        text: str = "",
        *,
        steers: bool = True,
    ) -> bool:
        """Hold a refused login instead of one with its key, if there is one. Returns False if it must be closed.

        `text` says why, where it is admitted but may not come in now; it then is asked about again soon. With `steers`,
        where homes are steered elsewhere, it is held for that, if for nothing else.
        """
        steersman = self._context.steersman
        if not steers or steersman is None or not steersman.steers_refused:
            steersman = None
        if not self._holds and steersman is None:
            return False
        newcomer, key = applicant.newcomer, applicant.key
        is_a_proxys = self._context.fronts[newcomer.listener].trusts(newcomer.address)
        source = None if is_a_proxys else newcomer.address
        if not self.held.has_room(key, source):
            self.outcomes[FULL] += 1
            return False
        before = self.held.of_key(key)
        if before is not None:
            before.end(REPLACED)
        login = HeldLogin(connection, self._context, applicant, decision.tenant)
        self.held.add(login, key, source)
        self._watch(key, SOON_S if text or not decision.is_known else RECHECK_S)
        login.start((text or self._text) if self._holds else "", steersman)
        return True

    def left(self, login: HeldLogin) -> None:
        """One is held no longer."""
        if self.held.of_key(login.key) is login:
            self.held.discard(login.key)
            self.outcomes[login.outcome] += 1
            if not self._context.relay.registry.of_key(login.key):
                self._rechecks.discard(login.key)

    def freed(self, key: bytes) -> None:
        """A connection of this key is over: if another one is held because there were too many, its turn has come."""
        if self.held.of_key(key) is not None:
            self._changed((key,))

    def give_way(self) -> bool:
        """Close the one that has been held longest, if there is any: its descriptor is needed."""
        for login in self.held:
            login.end(ROOM)
            return True
        return False

    # --- asking again -------------------------------------------------------------------------------------------------

    def look_after(self, key: bytes) -> None:
        """A client with this key has been let in."""
        self._watch(key)

    def _watch(self, key: bytes, within_s: float = RECHECK_S) -> None:
        self._rechecks.add(key, self._context.loop.time(), within_s)
        self._set_timer()

    def _changed(self, keys: Collection[bytes] | None) -> None:
        self._rechecks.hurry([login.key for login in self.held if keys is None or login.key in keys])
        self._rechecks.hurry(keys)
        if keys is not None and self._context.steersman is not None:
            self._context.steersman.changed(keys)
        self._ask_about_some()

    def _ask_about_some(self) -> None:
        """Ask about those who are due, as many as may be asked about at a time."""
        now = self._context.loop.time()
        while len(self._asking) < self._most_asked * (1 + self._rechecks.is_urgent):
            key = self._rechecks.take(now)
            if key is None:
                break
            if key not in self._asking:  # whose answer, if anything has changed, the gatekeeper looks up anew
                self._ask_about(key)
        self._set_timer()

    def _set_timer(self) -> None:
        due = self._rechecks.next_due()
        if due is None or len(self._asking) >= self._most_asked:  # an answer goes on
            return
        due = max(due, self._context.loop.time() + TICK_S)
        if self._timer is not None and self._timer.when() <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._context.loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._ask_about_some()

    def _ask_about(self, key: bytes) -> None:
        held = self.held.of_key(key)
        address = held.address if held is not None else None
        for connection in self._context.relay.registry.of_key(key):
            if connection.identity.is_asked_about:
                address = connection.identity.address
        if address is None:
            self._rechecks.discard(key)
            return
        self._asking[key] = self.gatekeeper.ask(key, address, partial(self._decided, key), again=True)

    def _decided(self, key: bytes, decision: Decision) -> None:
        del self._asking[key]
        held = self.held.of_key(key)
        if held is not None and decision.admits:
            held.admit(decision)
        if held is not None and self.held.of_key(key) is held and (decision.admits or not decision.is_known):
            self._watch(key, SOON_S)  # it may come in, but not now; or nobody knows
        for connection in self._context.relay.registry.of_key(key):
            identity = connection.identity
            if not identity.is_asked_about:
                continue
            if identity.is_guest:
                if decision.admits and not_now(self._context, decision.tenant, key) is None:
                    connection.sink.close("no longer a guest: it is served")
            elif decision.cuts:
                connection.sink.close("admitted no longer")
            elif decision.admits and decision.tenant != identity.tenant:
                connection.sink.close("admitted to another tenant")
        self._ask_about_some()
