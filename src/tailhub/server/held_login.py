"""A refused login that is held: kept open without being let in, so that its user learns why and does not storm us.

After ServerKey it gets one Health frame, whose text real clients show in ``tailscale status``, and keep-alives, without
which they would come again after 120 s. What it sends is read slowly and thrown away, but for what it says of its home.
When it is admitted later it gets ServerInfo here and goes on as anyone. Measured: `docs/protocol.md`.

Where homes are steered elsewhere (`tailhub.relay.steering`) it gets no frame until that has been tried, and becomes a
guest when its home has moved.
"""

from __future__ import annotations

import asyncio
import random
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from tailhub.derp import frames
from tailhub.derp.frames import KEEP_ALIVE
from tailhub.derp.skim import Skimmer
from tailhub.exceptions import RemoteError
from tailhub.keys import short_key
from tailhub.log_event import FieldValue
from tailhub.ratelimit import TokenBucket
from tailhub.relay.steering import Order
from tailhub.server.context import ServerContext
from tailhub.server.derp_login import KEEP_ALIVE_JITTER_S, KEEP_ALIVE_S, Applicant, let_in
from tailhub.server.not_now import not_now

if TYPE_CHECKING:
    from tailhub.server.derp_connection import DerpConnection
    from tailhub.server.gatekeeper import Decision
    from tailhub.server.steersman import Steersman

REFUSE_TEXT = (
    "This relay is private. Its owner can let this device in; the device's key is {key}. "
    "此中继不公开。中继的主人可以放行这台设备；设备的密钥是 {key}。"
)
HELD_S = 86400.0  # then it is closed, and comes again if its user still wants
HELD_BYTES_PER_S = 16384  # that are read of it
HELD_BURST_BYTES = 65536
MAX_HELD_BYTES = 64 << 20  # then it is closed: an hour's worth, and no client has a reason to send as much

ADMITTED, REPLACED, ROOM, LEFT = "admitted", "replaced", "made room", "left"
GUEST, STEERED, UNTOLD = "became a guest", "steered away", "was not to be told"
TIME, BYTES, VIOLATION = "time is over", "sent too much", "protocol violation"


class HeldLogin:
    """One of them; the second stage of a login. `outcome` is what has become of it, once it is over."""

    __slots__ = (
        "_applicant",
        "_bucket",
        "_bytes",
        "_connection",
        "_context",
        "_is_told",
        "_keep_alive",
        "_keep_alive_s",
        "_since",
        "_skimmer",
        "_steersman",
        "_text",
        "outcome",
        "tenant",
    )

    def __init__(
        self, connection: DerpConnection, context: ServerContext, applicant: Applicant, tenant: str = ""
    ) -> None:
        self._connection = connection
        self._context = context
        self._applicant = applicant
        self._since = now = context.loop.time()
        self._bucket = TokenBucket(HELD_BYTES_PER_S, HELD_BURST_BYTES, now)
        self._bytes = 0
        self._skimmer = Skimmer()
        self._steersman: Steersman | None = None  # while nothing is said to it
        self._text = ""
        self._is_told = False
        self._keep_alive_s = KEEP_ALIVE_S + random.random() * KEEP_ALIVE_JITTER_S
        self._keep_alive: asyncio.TimerHandle | None = None
        self.outcome = LEFT
        self.tenant = tenant  # to which it is admitted, where that is not why it is held

    @property
    def key(self) -> bytes:
        """Its node key."""
        return self._applicant.key

    @property
    def address(self) -> IPv4Address | IPv6Address:
        """Where it comes from."""
        return self._applicant.address

    @property
    def is_full(self) -> bool:
        """Pauses are the connection's."""
        return False

    def start(self, text: str, steersman: Steersman | None = None) -> None:
        """Tell it why, or have a `steersman` say when; and pass over what it has said already.

        ``{key}`` in the text becomes its short key. An empty text: it is closed instead of being told.
        """
        connection, handshake = self._connection, self._applicant.handshake
        connection.go_through(self)
        self._text = text
        self._keep_alive = self._context.loop.call_later(self._keep_alive_s, self._send_keep_alive)
        if steersman is None:
            self._explain()
        early, handshake.trailing = handshake.trailing, b""
        if early:
            self.receive(early)
        if steersman is not None and self._keep_alive is not None:  # it has broken no rule
            self._steersman = steersman
            steersman.arrived(connection, self.key, self.address, self._skimmer.prefers, is_allowed=False)

    def obey(self, order: Order) -> None:
        """What the steersman has decided."""
        if order is Order.EXPLAIN:
            self._explain()
        elif order is Order.CLOSE:
            self.end(STEERED)
        else:
            self._let_in(GUEST, None)

    def _explain(self) -> None:
        """Once: who says again and again that its home has moved must not make us write to one that does not read."""
        if self._is_told:
            return
        self._is_told = True
        if self._text:
            self._debug("held", "is held, and told why")
            self._connection.write(frames.health(self._text.replace("{key}", short_key(self.key))))
        else:
            self.end(UNTOLD)

    def receive(self, data: bytes) -> None:
        """Pass over what it sends."""
        self._bytes += len(data)
        if self._bytes > MAX_HELD_BYTES:
            self.end(BYTES)
            return
        prefers = self._skimmer.prefers
        try:
            self._skimmer.receive_data(data)
        except RemoteError:
            self.end(VIOLATION)
            return
        if self._steersman is not None and (is_home := self._skimmer.prefers) is not None and is_home is not prefers:
            self._steersman.noted(self._connection, is_home)
        self._connection.hold_up(self._bucket.take(len(data), self._context.loop.time()))

    def closed(self, reason: str) -> None:
        """It is over."""
        self._debug("closed", f"is over: {reason}", reason=reason)
        self._leave()

    def _debug(self, step: str, text: str, **fields: FieldValue) -> None:
        if self._context.debug.is_on:
            self._context.debug.newcomer(self._applicant.newcomer, step, text, self.key, **fields)

    def end(self, outcome: str) -> None:
        """Close it."""
        self.outcome = outcome
        self._connection.abort(f"not admitted: {outcome}")

    def admit(self, decision: Decision) -> None:
        """Let it in, where it is; not while a limit or its quota does not allow that."""
        if not_now(self._context, decision.tenant, self.key) is not None:
            return
        if self._steersman is not None:
            self._steersman.left(self._connection)
        self._let_in(ADMITTED, decision)

    def _let_in(self, outcome: str, decision: Decision | None) -> None:
        self.outcome = outcome
        self._leave()
        skimmer = self._skimmer
        held_s = self._context.loop.time() - self._since
        let_in(
            self._connection,
            self._context,
            self._applicant,
            decision,
            skip=skimmer.skip,
            held_s=held_s,
            guest_of=self.tenant if outcome == GUEST else None,
        )
        if skimmer.prefers is not None:
            self._connection.note_home(skimmer.prefers)
        if skimmer.unread:
            self._connection.receive_bytes(skimmer.unread)
        self._connection.end_pause()

    def _leave(self) -> None:
        if self._keep_alive is not None:
            self._keep_alive.cancel()
            self._keep_alive = None
        if self._context.door is not None:
            self._context.door.left(self)

    def _send_keep_alive(self) -> None:
        if self._context.loop.time() - self._since > HELD_S:
            self.end(TIME)
            return
        if not self._connection.stream.is_blocked:
            self._connection.write(KEEP_ALIVE)
        self._keep_alive = self._context.loop.call_later(self._keep_alive_s, self._send_keep_alive)
