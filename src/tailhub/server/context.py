"""What every connection of the process shares."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tailhub.keys import NodePrivate
from tailhub.net.crowd import Crowd
from tailhub.net.receiver import ReadBuffers
from tailhub.net.stream import Stream
from tailhub.net.write_watch import WriteWatch
from tailhub.ratelimit import SourceBuckets
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.health import Health
from tailhub.relay.relay import Relay
from tailhub.server.client_debug import ClientDebug
from tailhub.server.events import Events
from tailhub.server.fronts import Front
from tailhub.server.newcomers import Newcomer, Newcomers
from tailhub.server.passthrough import Passthrough
from tailhub.server.pauses import Pauses
from tailhub.server.steersman import SteeredLogin, Steersman
from tailhub.server.turn import Flushable, Turn
from tailhub.web.message import Request, Response

if TYPE_CHECKING:
    from tailhub.server.door import Door
    from tailhub.server.frame_watch import FrameWatch
    from tailhub.server.quota_keeper import QuotaKeeper

Responder: TypeAlias = Callable[[Request], "Response | asyncio.Future[Response]"]
"""What makes a page: at once, or later (another process answers) with a future."""


class DerpStream(Flushable, SteeredLogin, Protocol):
    """A DERP connection, as whoever stops, counts or steers all of them sees it.

    `listener` is the number of the one where it came in, in ``RelayConfig.listeners``; -1 when that is there no more.
    """

    listener: int

    @property
    def connection(self) -> Connection | None:
        """What the relay has of it; None while it is not let in."""

    @property
    def stream(self) -> Stream:
        """Where its bytes come from and go to."""

    @property
    def identity(self) -> Identity | None:
        """Who it is, once it is logged in."""

    @property
    def is_paused(self) -> bool:
        """Is it not read now?"""

    def watch(self, watch: FrameWatch | None) -> None:
        """Show its control frames to this one from now on; None: to nobody."""

    def take_rate_limit(self) -> None:
        """The limits that hold it may have changed."""

    def take_notice(self) -> None:
        """What it is told may have changed."""

    def say_goodbye(self, reason: str, last_words: bytes) -> None:
        """End it when these frames and what waits before them are out."""

    def close(self, reason: str) -> None:
        """End it, not within this call."""


@dataclass(slots=True)
class ServerContext:
    """Handed to each connection by `tailhub.server.app`.

    `choose_tls` gives a new connection its TLS context, by the number of its listener and the name that it asks for;
    `has_certificate` says whether there is one for just that name. `fronts` has what is around each listener.
    """

    loop: asyncio.AbstractEventLoop
    relay: Relay
    private_key: NodePrivate
    public_key: bytes
    server_key_frame: bytes
    policy: AdmissionPolicy
    choose_tls: Callable[[int, str | None], ssl.SSLContext]
    pages: Responder
    buffers: ReadBuffers
    watch: WriteWatch
    crowd: Crowd  # all newcomers on the public port
    turn: Turn
    newcomers: Newcomers  # on the public port
    callers: Newcomers  # of the listeners that have pages only: whoever floods the public port does not shut them out
    events: Events
    tcp_keepalive_s: float = 600.0
    tcp_user_timeout_s: float = 15.0
    client_write_timeout_s: float = 2.0
    mesh_write_timeout_s: float = 30.0
    # Answers an ACME server that offers acme-tls/1 and asks for a name; None when nobody waits for its answer.
    answer_acme: Callable[[str | None], ssl.SSLContext | None] = lambda name: None
    quiet: bool = False  # errors on the public port go without words, by which scanners would know us
    fronts: Sequence[Front] = (Front(),)
    has_certificate: Callable[[int, str], bool] = lambda listener, name: False
    passthrough: Passthrough | None = None  # where no listener passes anything on
    health: Health = field(default_factory=Health)  # what clients are told
    door: Door | None = None  # None where everyone may relay
    steersman: Steersman | None = None  # where nobody is to have his home elsewhere
    derp_connections: dict[DerpStream, None] = field(default_factory=dict)  # all that log in or have
    debug: ClientDebug = field(init=False)  # of those that an operator wants to see closely
    pauses: Pauses = field(init=False)  # of those that have sent too much
    quota: QuotaKeeper | None = None  # where nobody has one
    sources: SourceBuckets | None = None  # how often each address may connect; None: as often as it likes

    def __post_init__(self) -> None:
        self.debug = ClientDebug(self.loop, self.events, self.derp_connections)
        self.pauses = Pauses(self.loop)

    def failed(self, newcomer: Newcomer, reason: str, *, silent: bool = False) -> None:
        """A newcomer's connection is over; see `Events.failed`."""
        newcomer.leave()
        self.events.failed(newcomer.ip, reason, silent=silent)
        if self.debug.is_on:
            self.debug.newcomer(newcomer, "closed", f"is over: {reason}", reason=reason)

    def may_connect(self, address: IPv4Address | IPv6Address | None) -> bool:
        """Whether one more connection may come from there now."""
        sources = self.sources
        return sources is None or address is None or sources.allow(address.packed, self.loop.time())
