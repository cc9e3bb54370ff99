"""Tells of the clients of one process what the operator's pages do not know yet, some hundred rows in a turn.

In the relay itself, and in each of its workers; `tailhub.admin.feed` has the messages. Packets must not wait for it:
between two pieces everybody else has a turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from tailhub.admin.feed import ClientsCame, ClientsCounted, ClientsLeft, PairsUsed, Part, SnapshotRequest
from tailhub.relay.connection import Connection
from tailhub.relay.usage import UsageRow
from tailhub.server.events import HIDDEN, kind_of
from tailhub.server.service import RelayService

if TYPE_CHECKING:
    from tailhub.net.stream import Stream

__all__ = ["PIECE", "ClientFeed", "Tell"]

PIECE: Final = 200  # rows in a turn
RTT_EVERY: Final = 4  # snapshots, in which the kernel is asked once about a connection that is busy in all of them
LOOKED_AT_S: Final = 5.0  # after pairs were asked for: so long they are gathered as they are used

Tell: TypeAlias = Callable[[object], None]

_Numbers: TypeAlias = tuple[int, int, int, int, bool]


class ClientFeed:
    """Of the clients of `service`, which is worker `number`; one for whoever asks, who is told nothing twice."""

    def __init__(self, service: RelayService, number: int = 0) -> None:
        self._service = service
        self._context = service.context
        self._number = number
        # By connection's id: what was told of it last, and its round trip time.
        self._told: dict[int, tuple[_Numbers, int]] = {}
        self._snapshots = 0
        self._asking: asyncio.Lock = asyncio.Lock()
        self._end_of_pairs: asyncio.TimerHandle | None = None

    async def tell(self, request: SnapshotRequest, tell: Tell) -> None:
        """Tell those of the parts that are about clients."""
        async with self._asking:
            if request.whole:
                self._told.clear()
            if Part.CLIENTS in request.parts:
                await self._tell_clients(tell)
            if Part.PAIRS in request.parts:
                await self._tell_pairs(tell)

    def close(self) -> None:
        """Nobody asks any more."""
        if self._end_of_pairs is not None:
            self._end_of_pairs.cancel()
            self._stop_pairs()

    # --- clients ------------------------------------------------------------------------------------------------------

    async def _tell_clients(self, tell: Tell) -> None:
        streams = [(one.connection, one.stream) for one in self._context.derp_connections]
        before, self._told = self._told, {}
        self._snapshots += 1
        for start in range(0, len(streams), PIECE):
            came: list[tuple[object, ...]] = []
            counted: list[tuple[object, ...]] = []
            for connection, stream in streams[start : start + PIECE]:
                if connection is not None:
                    self._look(connection, stream, before, came, counted)
            if came:
                tell(ClientsCame.plain(came))
            if counted:
                tell(ClientsCounted.plain(counted))
            await asyncio.sleep(0)
        if before:
            left = list(before)
            for start in range(0, len(left), 10 * PIECE):
                tell(ClientsLeft(left[start : start + 10 * PIECE]))

    def _look(
        self,
        connection: Connection,
        stream: Stream,
        before: dict[int, tuple[_Numbers, int]],
        came: list[tuple[object, ...]],
        counted: list[tuple[object, ...]],
    ) -> None:
        """Add what is new about a connection."""
        queue = connection.queue
        lost, dropped = connection.lost, queue.dropped
        drops = (lost.total() if lost else 0) + (dropped.total() if dropped else 0)
        numbers = (
            connection.received_packets,
            queue.taken_packets,
            queue.packet_bytes,
            drops,
            connection.is_home,
        )
        number = connection.identity.connection_id
        known = before.pop(number, None)
        if known is None:
            came.append(self._row(connection))
        elif known[0] == numbers:
            self._told[number] = known
            return
        is_turn = (self._snapshots + number) % RTT_EVERY == 0
        rtt_us = stream.rtt_us if known is None or is_turn else known[1]
        self._told[number] = numbers, rtt_us
        counted.append(
            (
                number,
                connection.is_home,
                connection.received_packets,
                connection.received_bytes,
                queue.taken_packets,
                queue.taken_bytes,
                queue.packet_bytes,
                rtt_us,
                tuple((Counter(lost) + Counter(dropped)).items()) if drops else (),
            )
        )

    def _row(self, connection: Connection) -> tuple[object, ...]:
        identity, shows = connection.identity, self._context.events.shows_addresses
        return (
            identity.connection_id,
            identity.key,
            identity.node,
            identity.owner,
            connection.payer if identity.is_own_probe else identity.tenant,
            str(identity.address) if shows else HIDDEN,
            identity.port if shows else 0,
            time.time() - (self._context.loop.time() - identity.connected_at),
            kind_of(identity),
            identity.app_name,
            self._number,
        )

    # --- pairs --------------------------------------------------------------------------------------------------------

    async def _tell_pairs(self, tell: Tell) -> None:
        """From now on, for some seconds, tell what each pair uses; and gather that now."""

        def told(rows: Sequence[UsageRow]) -> None:
            tell(PairsUsed.plain([tuple(row) for row in rows]))

        if self._end_of_pairs is not None:
            self._end_of_pairs.cancel()
        self._end_of_pairs = self._context.loop.call_later(LOOKED_AT_S, self._stop_pairs)
        await self._service.tell_usage(told)

    def _stop_pairs(self) -> None:
        self._end_of_pairs = None
        self._service.stop_telling_usage()
