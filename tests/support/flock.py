"""Many clients of one relay that come back by themselves, as real ones do, and talk to each other all the time."""

from __future__ import annotations

import asyncio
import random
from typing import Self

from support.relay_process import RelayProcess
from support.waiting import until
from tailhub import box
from tailhub.client import Connected, Disconnected, Health, ReceivedPacket, RegionClient
from tailhub.tailcfg.derpmap import DERPNode

CLIENTS = 200
PACKET_BYTES = 200
PAUSE_S = 0.1  # between packets of one client, on the average
# A real client waits for n*n*10 ms, half as long to half as long again, before its attempt n, at most for 7.5 s.
BACKOFF_MIN_S = 0.05
BACKOFF_MAX_S = 5.0
TALK_LIMIT_S = 40.0
BACK_WITHIN_S = 5.0  # of a new listener: what is promised


class Flock:
    """An even number of clients, each with a peer. Use it in an ``async with``."""

    def __init__(self, node: DERPNode, count: int = CLIENTS) -> None:
        self._keys = [box.generate() for _ in range(count)]
        self._clients = [
            RegionClient([node], private_key=key, backoff_min_s=BACKOFF_MIN_S, backoff_max_s=BACKOFF_MAX_S)
            for key in self._keys
        ]
        self._received = [0] * count
        self._tasks: list[asyncio.Task[None]] = []
        self.is_in = [False] * count
        self.told = [""] * count  # the last text that was not empty
        self.reasons: list[str] = []  # of all disconnections, and of attempts to connect that failed

    async def __aenter__(self) -> Self:
        for number, client in enumerate(self._clients):
            self._tasks += [asyncio.create_task(self._receive(number, client)), asyncio.create_task(self._send(number))]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients:
            await client.close()

    async def all_talk(self) -> None:
        """Wait until each of them has heard from its peer once more."""
        before = list(self._received)
        await until(lambda: all(map(int.__gt__, self._received, before)), TALK_LIMIT_S)

    async def _receive(self, number: int, client: RegionClient) -> None:
        async for message in client:
            match message:
                case Connected():
                    self.is_in[number] = True
                case Disconnected(reason):
                    self.is_in[number] = False
                    self.reasons.append(reason)
                case Health(text) if text:
                    self.told[number] = text
                case ReceivedPacket():
                    self._received[number] += 1

    async def _send(self, number: int) -> None:
        peer = box.public_key(self._keys[number ^ 1])
        while True:
            await self._clients[number].send(peer, bytes(PACKET_BYTES))
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))


def node_of(process: RelayProcess) -> DERPNode:
    """The node of the map of a relay on loopback."""
    return node_at(process.port, process.pin)


def node_at(port: int, pin: str) -> DERPNode:
    """The same, by port and pin."""
    return DERPNode(name="1a", host_name="127.0.0.1", ipv4="127.0.0.1", derp_port=port, cert_name=pin)
