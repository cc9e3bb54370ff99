"""A login while the relay is evacuated: whose home is here is moved before it is let in (`tailhub.relay.evacuation`).

It would be served, and is in the end, wherever its home is then. Until it is clear whether its home is here what it
sends is kept, so that one who only visits loses nothing; after that it is thrown away, as nobody has it as home then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.derp.skim import Skimmer
from tailhub.exceptions import RemoteError
from tailhub.relay.steering import Order
from tailhub.server.context import ServerContext
from tailhub.server.derp_login import MAX_EARLY_BYTES, Applicant, let_in

if TYPE_CHECKING:
    from tailhub.server.derp_connection import DerpConnection
    from tailhub.server.gatekeeper import Decision
    from tailhub.server.steersman import Steersman

MAX_BYTES = 8 << 20  # that are thrown away in the few seconds that it takes


class MovingLogin:
    """One of them; the second stage of a login. `decision` is whatever lets it in."""

    __slots__ = ("_applicant", "_bytes", "_connection", "_context", "_decision", "_early", "_skimmer", "_steersman")

    def __init__(
        self, connection: DerpConnection, context: ServerContext, applicant: Applicant, decision: Decision | None
    ) -> None:
        self._connection = connection
        self._context = context
        self._applicant = applicant
        self._decision = decision
        self._skimmer = Skimmer()
        self._early: bytes | None = b""  # None when nothing is kept any more
        self._bytes = 0
        self._steersman: Steersman | None = None

    @property
    def is_full(self) -> bool:
        """Is as much kept as may be, while it is not clear whether its home is here?"""
        return self._early is not None and len(self._early) > MAX_EARLY_BYTES

    def start(self, steersman: Steersman) -> None:
        """Say nothing to it until the steersman has decided."""
        connection, handshake = self._connection, self._applicant.handshake
        connection.go_through(self)
        early, handshake.trailing = handshake.trailing, b""
        if early:
            self.receive(early)
        if connection.stream.is_open:
            self._steersman = steersman
            is_home = False if self.is_full else self._skimmer.prefers
            steersman.arrived(connection, self._applicant.key, self._applicant.address, is_home, is_allowed=True)

    def receive(self, data: bytes) -> None:
        """Keep it, or pass over it."""
        before = self._skimmer.prefers
        self._bytes += len(data)
        try:
            self._skimmer.receive_data(data)
        except RemoteError as exc:
            self._connection.abort(f"protocol violation ({exc.reason}): {exc}")
            return
        is_home = self._skimmer.prefers
        self._early = None if is_home or self._early is None else self._early + data
        if self._bytes > MAX_BYTES:
            self._connection.abort("sent too much before it was let in")
        elif self._steersman is not None and is_home is not None and is_home is not before:
            self._steersman.noted(self._connection, is_home)
        elif self.is_full:
            self._connection.stream.pause_reading()
            if self._steersman is not None:
                self._steersman.noted(self._connection, False)  # who has a home here says so before anything else

    def obey(self, order: Order) -> None:
        """What the steersman has decided."""
        if order is Order.CLOSE:
            self._connection.abort("its home is to be elsewhere")
            return
        skimmer, early = self._skimmer, self._early
        skip = skimmer.skip if early is None else 0
        let_in(self._connection, self._context, self._applicant, self._decision, skip=skip)
        if early is None:
            self._connection.note_home(bool(skimmer.prefers))
            early = skimmer.unread
        if early:
            self._connection.receive_bytes(early)
        self._connection.go_on()

    def closed(self, reason: str) -> None:
        """It is over."""
        applicant, debug = self._applicant, self._context.debug
        if debug.is_on:
            debug.newcomer(applicant.newcomer, "closed", f"is over: {reason}", applicant.key, reason=reason)
