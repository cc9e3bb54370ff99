"""Clients that move at random between the relays of a region, and send each other numbered packets meanwhile.

What is found out: whether any packet came twice, to another key or was forwarded more than once, and how long a client
that has moved could not be found.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

from support.mesh_node import Node
from support.mesh_region import Region
from support.mesh_wire import Tap
from support.waiting import until
from tailhub import box
from tailhub.client import DERPClient, ReceivedPacket
from tailhub.exceptions import ConnectionClosedError
from tailhub.keys import NodePrivate

_MARK = b"\xa7moving\xa7"
_NUMBER_LEN = 8
_PACKET_LEN = len(_MARK) + _NUMBER_LEN
PROBE_PAUSE_S = 0.01
FOUND_LIMIT_S = 20.0
_MOVES_AT_ONCE = 8
_LOGINS_AT_ONCE = 32


class Way(enum.Enum):
    """How a client moves."""

    LEAVES = "closes its connection, then makes the next"
    OVERLAPS = "makes the next connection, then closes the old one"
    VANISHES = "makes the next connection, and the old one stays as it is, until the next move"


@dataclass
class Forwarded:
    """How often each numbered packet went from one relay to another; a tap of `Wires`."""

    times: Counter[bytes] = field(default_factory=Counter)

    def tap(self) -> Tap:
        """For one connection."""
        rest = b""

        def see(data: bytes) -> None:
            nonlocal rest
            rest += data
            at = rest.find(_MARK)
            while at >= 0 and len(rest) >= at + _PACKET_LEN:
                self.times[rest[at + len(_MARK) : at + _PACKET_LEN]] += 1
                rest = rest[at + _PACKET_LEN :]
                at = rest.find(_MARK)
            rest = rest[at:] if at >= 0 else rest[-len(_MARK) + 1 :]

        return see


class Mover:
    """One client, wherever it is. `got` counts what arrived: source, number."""

    def __init__(self, private: NodePrivate) -> None:
        self.private = private
        self.key = box.public_key(private).raw
        self.node: Node | None = None
        self.client: DERPClient | None = None
        self.is_busy = False
        self.got: Counter[tuple[bytes, bytes]] = Counter()
        self.latest: set[bytes] = set()  # numbers that came by the connection it has now
        self._old: list[DERPClient] = []
        self._reading: list[asyncio.Task[None]] = []

    async def _read(self, client: DERPClient) -> None:
        with contextlib.suppress(ConnectionClosedError):
            async for message in client:
                if isinstance(message, ReceivedPacket):
                    number = message.packet[len(_MARK) :]
                    self.got[message.src, number] += 1
                    if client is self.client:
                        self.latest.add(number)

    async def go_to(self, node: Node, way: Way = Way.LEAVES) -> None:
        """Log in there."""
        old, self.client = self.client, None
        if old is not None and way is Way.LEAVES:
            await old.close()
        client = await node.connect(self.private)
        self._reading.append(asyncio.create_task(self._read(client)))
        self.latest.clear()
        self.node, self.client = node, client
        forgotten, self._old = self._old, []
        if old is not None and way is Way.VANISHES:
            self._old.append(old)
        elif way is Way.OVERLAPS and old is not None:
            forgotten.append(old)
        for one in forgotten:
            await one.close()

    async def leave(self) -> None:
        """Log out everywhere."""
        for client in (*self._old, self.client):
            if client is not None:
                await client.close()
        await asyncio.gather(*self._reading)


class Moving:
    """A run. `sent` has each packet's number with source and destination; `found_after_s` is one a move."""

    def __init__(self, region: Region, forwarded: Forwarded, count: int, seed: int) -> None:
        self._region, self._forwarded = region, forwarded
        self._random = random.Random(seed)
        self.movers = [Mover(box.generate()) for _ in range(count)]
        self.sent: dict[bytes, tuple[bytes, bytes]] = {}
        self.found_after_s: dict[Way, list[float]] = {way: [] for way in Way}
        self._moves_left = 0

    async def run(self, moves: int, packets_per_s: float) -> None:
        """Have them log in, move so often in all, and send so much meanwhile; then check all that came."""
        nodes = self._region.nodes
        joining = asyncio.Semaphore(_LOGINS_AT_ONCE)

        async def join(mover: Mover) -> None:
            async with joining:
                await mover.go_to(self._random.choice(nodes))

        try:
            await asyncio.gather(*map(join, self.movers))
            self._moves_left = moves
            talking = asyncio.create_task(self._talk(packets_per_s))
            await asyncio.gather(*(self._move() for _ in range(_MOVES_AT_ONCE)))
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            await self._settle()
            self._check()
        finally:
            for mover in self.movers:
                await mover.leave()

    async def _talk(self, packets_per_s: float) -> None:
        """Packets from anybody to anybody."""
        due = time.monotonic()
        while True:
            src, dst = self._random.sample(self.movers, 2)
            await self._send(src, dst)
            due += 1 / packets_per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send(self, src: Mover, dst: Mover) -> bytes:
        number = len(self.sent).to_bytes(_NUMBER_LEN, "big")
        self.sent[number] = (src.key, dst.key)
        if src.client is not None:
            with contextlib.suppress(ConnectionClosedError):  # it moves just now
                await src.client.send(dst.key, _MARK + number)
        return number

    async def _move(self) -> None:
        """One move after the other, each until somebody elsewhere has found who has moved."""
        while self._moves_left > 0:
            self._moves_left -= 1
            mover, prober = self._idle(), self._idle()
            way = self._random.choice(list(Way))
            await mover.go_to(self._random.choice([node for node in self._region.nodes if node is not mover.node]), way)
            there_at = time.monotonic()
            while not mover.latest:
                assert time.monotonic() < there_at + FOUND_LIMIT_S, self._not_found(prober, mover, way)
                await self._send(prober, mover)
                with contextlib.suppress(TimeoutError):
                    await until(lambda mover=mover: mover.latest, PROBE_PAUSE_S)  # type: ignore[misc]
            self.found_after_s[way].append(time.monotonic() - there_at)
            mover.is_busy = prober.is_busy = False

    def _idle(self) -> Mover:
        """Somebody who neither moves nor looks for another."""
        while (mover := self._random.choice(self.movers)).is_busy:
            pass
        mover.is_busy = True
        return mover

    def _not_found(self, prober: Mover, mover: Mover, way: Way) -> str:
        names = [one.node.name if one.node is not None else "?" for one in (prober, mover)]
        return f"a client at {names[0]} does not find one that has moved to {names[1]} and {way.value}"

    async def _settle(self) -> None:
        """Until all that relays have sent each other has arrived."""

        def counts() -> dict[str, int]:
            names = [f"tailhub_packets_forwarded_{way}_total" for way in ("out", "in")]
            seen = [node.metrics() for node in self._region.nodes]
            counted = {name: sum(int(one.get(name, 0)) for one in seen) for name in names}
            return counted | {"seen between them": sum(self._forwarded.times.values())}

        found: dict[str, int] = {}
        try:
            async with asyncio.timeout(FOUND_LIMIT_S):
                while len(set((found := await asyncio.to_thread(counts)).values())) > 1:  # noqa: ASYNC110
                    await asyncio.sleep(PROBE_PAUSE_S)
        except TimeoutError:
            raise AssertionError(f"not all that was forwarded has arrived, or twice: {found}") from None

    def _check(self) -> None:
        for mover in self.movers:
            for (src, number), times in mover.got.items():
                assert self.sent[number] == (src, mover.key), "a packet came to another key"
                assert times == 1, f"a packet came {times} times"
        most = max(self._forwarded.times.values(), default=0)
        assert most == 1, f"a packet was forwarded {most} times"

    def figures(self) -> str:
        """How long who moved was not found, and what was carried, for people."""
        lines = []
        for way, times in self.found_after_s.items():
            if times:
                p50, most = statistics.median(times) * 1000, max(times) * 1000
                lines.append(
                    f"{way.name.lower():9} {len(times):5} moves: found after {p50:.1f} ms, at most {most:.0f} ms"
                )
        got = sum(len(mover.got) for mover in self.movers)
        lines.append(f"{len(self.sent)} packets sent, {got} arrived, {len(self._forwarded.times)} were forwarded")
        return "\n".join(lines)
