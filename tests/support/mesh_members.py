"""Clients of a region under test that remember all they are told, and what must be true of them together."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Self, TypeVar

from support.mesh_node import Node
from support.mesh_region import MESH_LIMIT_S, Region
from support.waiting import until
from tailhub import box
from tailhub.client import DERPClient, PeerGone, PeerPresent, PresenceFlag, ReceivedPacket
from tailhub.exceptions import ConnectionClosedError
from tailhub.keys import NodePrivate

T = TypeVar("T")

AGAIN_S = 0.05  # how soon a relay hears who is where is not the test's to know: it sends again
_MARK_LEN = 8


class Member:
    """One client. `packets` counts what came by source and content, `gone` has the keys that it was told have left."""

    def __init__(self, node: Node, client: DERPClient, private: NodePrivate) -> None:
        self.node, self.client, self.private = node, client, private
        self.key = client.public_key
        self.packets: Counter[tuple[bytes, bytes]] = Counter()
        self.gone: list[PeerGone] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def join(cls, node: Node, private: NodePrivate | None = None) -> Self:
        """Log in at a node."""
        private = private or box.generate()
        return cls(node, await node.connect(private), private)

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosedError):
            async for message in self.client:
                if isinstance(message, ReceivedPacket):
                    self.packets[message.src, message.packet] += 1
                elif isinstance(message, PeerGone):
                    self.gone.append(message)

    async def leave(self) -> None:
        """Log out."""
        await self.client.close()
        await self._reading

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.leave()

    async def hears_of(self, other: Member) -> None:
        """Wait until it has been told that a peer has left."""
        try:
            await until(lambda: any(gone.key == other.key for gone in self.gone), MESH_LIMIT_S)
        except TimeoutError:
            raise AssertionError(f"{self.place} does not hear that {other.place} has left") from None

    async def reaches(self, other: Member) -> None:
        """Send one packet after the other until one arrives."""
        mark, number = secrets.token_bytes(_MARK_LEN), 0

        def has_arrived() -> bool:
            return any(src == self.key and packet.startswith(mark) for src, packet in other.packets)

        try:
            async with asyncio.timeout(MESH_LIMIT_S):
                while not has_arrived():
                    await self.client.send(other.key, mark + number.to_bytes(4, "big"))
                    number += 1
                    with contextlib.suppress(TimeoutError):
                        await until(has_arrived, AGAIN_S)
        except TimeoutError:
            raise AssertionError(f"{self.place} does not reach {other.place}, {number} packets were sent") from None

    @property
    def place(self) -> str:
        """For messages."""
        return f"a client of {self.node.name}"


@contextlib.asynccontextmanager
async def members(region: Region, each: int = 1) -> AsyncIterator[list[list[Member]]]:
    """So many clients at each node, in a list for each; who comes or goes meanwhile is put in or taken out.

    At the end nobody has got anything twice.
    """
    made = [[await Member.join(node) for _ in range(each)] for node in region.nodes]
    first = [member for at_node in made for member in at_node]
    try:
        yield made
        everybody = {*first, *(member for at_node in made for member in at_node)}
        for member in everybody:
            twice = {content: count for content, count in member.packets.items() if count > 1}
            assert not twice, f"{member.place} got packets more than once: {twice}"
    finally:
        for member in (*first, *(member for at_node in made for member in at_node)):
            await member.leave()


async def all_reach_all(everybody: Sequence[Sequence[Member]]) -> None:
    """A packet from each to each other arrives, in the end."""
    flat = [member for at_node in everybody for member in at_node]
    for src in flat:
        await asyncio.gather(*(src.reaches(dst) for dst in flat if dst is not src))


async def rejoin(everybody: list[list[Member]], number: int) -> None:
    """All who were at a node log in there again, with the keys that they had."""
    for place, member in enumerate(everybody[number]):
        await member.leave()
        again = await Member.join(member.node, member.private)
        everybody[number][place] = again


async def flood(region: Region, node: Node) -> set[bytes]:
    """The keys of the clients at a node, by what it tells who watches from now on."""
    watcher = await node.connect(mesh_key=region.mesh_key)
    await watcher.watch_conns()
    for _ in range(2):  # derper may answer one before the flood
        await watcher.ping()
    await watcher.close()
    present: set[bytes] = set()
    async for message in watcher:
        if isinstance(message, PeerPresent) and not message.flags & PresenceFlag.MESH_PEER:
            present.add(message.key)
        elif isinstance(message, PeerGone):
            present.discard(message.key)
    return present


async def presence_is_true(region: Region, everybody: Sequence[Sequence[Member]]) -> None:
    """Wait until each node that runs tells of just the clients that are there, and knows of as many elsewhere.

    `everybody`: for each node those who are there. Whether it knows the right ones `all_reach_all` shows.
    """
    total = sum(len(at_node) for node, at_node in zip(region.nodes, everybody, strict=True) if node.is_running)
    for node, at_node in zip(region.nodes, everybody, strict=True):
        if not node.is_running:
            continue
        truth = {member.key for member in at_node}
        await _comes_true(lambda node=node: flood(region, node), truth, f"{node.name} tells of")
        # The original counts the relays among them.
        if not node.is_original:
            remote = lambda node=node: asyncio.to_thread(node.metric, "tailhub_remote_clients")  # noqa: E731
            await _comes_true(remote, total - len(truth), f"{node.name} knows elsewhere")


async def _comes_true(look: Callable[[], Awaitable[T]], wanted: T, what: str) -> None:
    found: object = None
    try:
        async with asyncio.timeout(MESH_LIMIT_S):
            while (found := await look()) != wanted:  # noqa: ASYNC110  what a relay knows sets no event
                await asyncio.sleep(AGAIN_S)
    except TimeoutError:
        raise AssertionError(f"{what} {found}, not {wanted}") from None
