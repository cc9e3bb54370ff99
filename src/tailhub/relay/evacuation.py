"""Emptying a relay before maintenance without losing packets: what is done when, and whom it is time to close.

First all STUN answers come late, so that this region looks farther away: whoever measures moves by itself, busy clients
within some 300 s and without losing a packet. Clients that are quiet have stopped measuring; they lose nothing when
they are closed afterwards, and then move as a refused home does (`tailhub.relay.steering`). Busy ones are never closed.

Driven by `now` (monotonic seconds). Not here: what closes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from tailhub.relay.connection import Connection

STUN_DELAY_S = 0.2  # the other region may be as far away as two thirds of this
DELAY_S = 360.0  # a client compares what it has measured in the last 300 s
QUIET_S = 30.0  # without a packet from it; a client stops measuring after 45 s without traffic
LOOK_S = 5.0
MAX_CLOSES = 100  # a look: whoever is closed logs in again at once

C = TypeVar("C", bound=Connection)


class Phase(StrEnum):
    """How far it is."""

    DELAYING = "delaying"  # STUN answers come late; everyone is served
    CLOSING = "closing"  # and homes that are quiet, or new, are steered away


class Evacuation:
    """One evacuation, until somebody ends it: else all would come back."""

    def __init__(self, now: float, delay_s: float = DELAY_S) -> None:
        self.began_at = now
        self.delay_s = delay_s  # how long STUN is late before anybody is closed

    def phase(self, now: float) -> Phase:
        """What is done now."""
        return Phase.DELAYING if now < self.began_at + self.delay_s else Phase.CLOSING


class QuietHomes:
    """Finds out which homes say nothing, by looking at all of them now and then."""

    def __init__(self) -> None:
        self._seen: dict[Connection, tuple[int, float]] = {}  # packets from it, and since when it is so many

    def look(self, connections: Iterable[C], now: float) -> list[C]:
        """The homes of `connections` that have sent no packet for `QUIET_S`, the longest silent first."""
        seen: dict[Connection, tuple[int, float]] = {}
        quiet: list[tuple[float, int, C]] = []
        for connection in connections:
            if not connection.is_home:
                continue
            packets, since = self._seen.get(connection, (-1, now))
            if packets != connection.received_packets:
                packets, since = connection.received_packets, now
            seen[connection] = (packets, since)
            if now - since >= QUIET_S:
                quiet.append((since, connection.identity.connection_id, connection))
        self._seen = seen
        return [connection for *_, connection in sorted(quiet)[:MAX_CLOSES]]
