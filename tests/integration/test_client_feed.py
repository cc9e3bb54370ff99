"""What the operator's pages are told of the clients of a running relay."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.waiting import PerTurn, until
from support.wire import Wire, open_client, relay, run
from tailhub.admin.feed import (
    ClientCounts,
    ClientRow,
    ClientsCame,
    ClientsCounted,
    ClientsLeft,
    PairRow,
    PairsUsed,
    Part,
    SnapshotRequest,
)
from tailhub.derp import frames
from tailhub.relay.usage import UsageRow
from tailhub.server.app import RelayServer
from tailhub.server.client_feed import PIECE, ClientFeed
from tailhub.server.usage_gatherer import GATHER_EVERY_S

PACKET = bytes(100)


class Pages:
    """Asks a feed, and keeps what it was told, as it arrives in the other process."""

    def __init__(self, server: RelayServer) -> None:
        self.feed = ClientFeed(server.service, 3)
        self.said: list[Any] = []

    async def ask(self, *parts: Part, whole: bool = False) -> list[Any]:
        self.said = []
        await self.feed.tell(SnapshotRequest(1, frozenset(parts), whole), self.hear)
        return self.said

    def hear(self, message: object) -> None:
        self.said.append(pickle.loads(pickle.dumps(message)))

    @property
    def came(self) -> list[ClientRow]:
        return [row for message in self.said if isinstance(message, ClientsCame) for row in message.rows]

    @property
    def counted(self) -> list[ClientCounts]:
        return [row for message in self.said if isinstance(message, ClientsCounted) for row in message.rows]

    @property
    def left(self) -> list[int]:
        return [number for message in self.said if isinstance(message, ClientsLeft) for number in message.ids]

    @property
    def pairs(self) -> list[PairRow]:
        return [row for message in self.said if isinstance(message, PairsUsed) for row in message.rows]


def scenario(play: Callable[[RelayServer, Pages], Awaitable[None]], **options: Any) -> None:
    async def played() -> None:
        async with relay(**options) as server:
            pages = Pages(server)
            await play(server, pages)
            pages.feed.close()

    run(played)


async def send(sender: Wire, key: bytes, count: int = 1) -> None:
    """Send packets, and wait until the relay has dealt with them."""
    sender.write(frames.send_packet(key, PACKET) * count)
    await sender.settle()


def test_each_is_told_once_and_then_what_changes() -> None:
    """A client is told whole once, its numbers again only when they have changed, and its end."""

    async def play(server: RelayServer, pages: Pages) -> None:
        alice, bob = await open_client(server), await open_client(server)
        await pages.ask(Part.CLIENTS)
        assert [row.key for row in pages.came] == [alice.key, bob.key]
        row = pages.came[0]
        assert (row.address, row.port, row.kind, row.worker) == ("127.0.0.1", alice.port, "client", 3)
        assert {one.id for one in pages.counted} == {one.id for one in pages.came}
        assert await pages.ask(Part.CLIENTS) == []

        await send(alice, bob.key, 3)
        await pages.ask(Part.CLIENTS)
        sent = {one.id: one for one in pages.counted}
        assert (sent[row.id].received_packets, sent[row.id].received_bytes) == (3, 300)
        other = next(one for one in pages.counted if one.id != row.id)
        assert (other.sent_packets, other.sent_bytes) == (3, 300)
        assert not pages.came
        assert await pages.ask(Part.CLIENTS) == []

        alice.write(frames.note_preferred(True))
        await alice.settle()
        await pages.ask(Part.CLIENTS)
        assert [(one.id, one.is_home) for one in pages.counted] == [(row.id, True)]

        alice.close()
        await until(lambda: server.context.relay.registry.count == 1)
        await pages.ask(Part.CLIENTS)
        assert (pages.left, pages.came, pages.counted) == ([row.id], [], [])
        assert await pages.ask(Part.CLIENTS) == []

    scenario(play)


def test_another_process_is_told_everything_again() -> None:
    """Whoever knows nothing yet is told of all clients."""

    async def play(server: RelayServer, pages: Pages) -> None:
        client = await open_client(server)
        await pages.ask(Part.CLIENTS)
        await pages.ask(Part.CLIENTS, whole=True)
        assert [row.key for row in pages.came] == [client.key]
        assert len(pages.counted) == 1

    scenario(play)


def test_round_trip_time() -> None:
    """Of a TCP connection the kernel's round trip time is told."""

    async def play(server: RelayServer, pages: Pages) -> None:
        await open_client(server)
        await pages.ask(Part.CLIENTS)
        assert 0 < pages.counted[0].rtt_us < 10_000_000

    scenario(play)


def test_addresses_may_be_hidden() -> None:
    """Where addresses are not logged they are not told."""

    async def play(server: RelayServer, pages: Pages) -> None:
        await open_client(server)
        await pages.ask(Part.CLIENTS)
        assert (pages.came[0].address, pages.came[0].port) == ("hidden", 0)

    scenario(play, log_addresses=False)


def test_dropped_packets_of_each_client() -> None:
    """Packets that a client sent to nobody count as dropped for it, by reason; others have none."""

    async def play(server: RelayServer, pages: Pages) -> None:
        alice, bob = await open_client(server), await open_client(server)
        await send(alice, bytes(32), 2)
        await send(alice, bob.key)
        await pages.ask(Part.CLIENTS)
        ids = {row.key: row.id for row in pages.came}
        dropped = {one.id: dict(one.dropped) for one in pages.counted}
        assert dropped == {ids[alice.key]: {"unknown_dest": 2}, ids[bob.key]: {}}

    scenario(play)


def test_pieces() -> None:
    """No piece is larger than its bound, and between two pieces everybody else has a turn."""
    many = PIECE + 20

    async def play(server: RelayServer, pages: Pages) -> None:
        clients = [await open_client(server) for _ in range(many)]
        watch = PerTurn(lambda: len(pages.said))
        await pages.ask(Part.CLIENTS)
        assert watch.stop() <= 2  # who came, and their numbers
        assert len(pages.came) == len(pages.counted) == many
        assert max(len(message.rows) for message in pages.said) <= PIECE
        for client in clients:
            client.close()

    scenario(play)


@pytest.mark.parametrize("store", ["off", ""])
def test_pairs(store: str) -> None:
    """What each pair uses from the first question on is told once, whether usage is kept in a store or not."""

    async def play(server: RelayServer, pages: Pages) -> None:
        alice, bob = await open_client(server), await open_client(server)
        await pages.ask(Part.PAIRS)
        before = {(row.src, row.dst) for row in pages.pairs}
        assert not before
        await send(alice, bob.key, 5)
        await send(bob, alice.key)
        await pages.ask(Part.PAIRS)
        used = {(row.src, row.dst): row for row in pages.pairs}
        assert used[alice.key, bob.key][3:] == (5, 500, 500)
        assert used[bob.key, alice.key][3:] == (1, 100, 100)
        assert await pages.ask(Part.PAIRS) == []
        await send(alice, bob.key)
        await pages.ask(Part.PAIRS)
        assert [row[1:] for row in pages.pairs] == [(alice.key, bob.key, 1, 100, 100)]

    scenario(play, store=store)


def test_the_past_is_not_told() -> None:
    """Where nobody counts, what was used before the first question is nobody's."""

    async def play(server: RelayServer, pages: Pages) -> None:
        alice, bob = await open_client(server), await open_client(server)
        await send(alice, bob.key, 5)
        assert await pages.ask(Part.PAIRS) == []
        await send(alice, bob.key)
        await pages.ask(Part.PAIRS)
        assert [row.packets for row in pages.pairs] == [1]

    scenario(play)


def test_the_store_misses_nothing() -> None:
    """What the pages are told of is told whoever keeps the books all the same, each packet once."""

    async def play(server: RelayServer, pages: Pages) -> None:
        kept: list[UsageRow] = []
        server.service.count_usage(kept.extend)
        alice, bob = await open_client(server), await open_client(server)
        for _ in range(3):
            await send(alice, bob.key)
            await pages.ask(Part.PAIRS)
        assert sum(row.packets for row in kept) == 3
        assert {(row.src, row.dst) for row in kept} == {(alice.key, bob.key)}

    scenario(play)


def test_counting_ends_when_nobody_looks() -> None:
    """Where only the pages want to know, nothing is counted any more some time after their last question."""

    async def play(server: RelayServer, pages: Pages) -> None:
        usage = server.context.relay.presence.usage
        assert not usage.is_on
        await pages.ask(Part.PAIRS)
        assert usage.is_on
        loop = asyncio.get_running_loop()
        loop.put_forward(2 * GATHER_EVERY_S)  # type: ignore[attr-defined]
        await until(lambda: not usage.is_on)

    scenario(play)
