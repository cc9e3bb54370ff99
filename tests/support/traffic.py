"""Clients of a relay that send one another packets, in a thread of their own, for tests that do not run on a loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from support.relay_process import RelayProcess, until
from support.waiting import LIMIT_S
from tailhub.client import DERPClient
from tailhub.derp.messages import ReceivedPacket
from tailhub.keys import NodePrivate

T = TypeVar("T")

PACKET_BYTES = 60_000
TURN_S = 0.02


class Traffic:
    """Some `clients` of `relay`, in a ``with``. `start` has the first send to the second, `stop` ends that."""

    def __init__(self, relay: RelayProcess, count: int = 2) -> None:
        self._relay = relay
        self._count = count
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.clients: list[DERPClient] = []
        self._received = 0  # packets, by all
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self.clients = [self.connect(NodePrivate(bytes(range(n, n + 32)))) for n in range(1, self._count + 1)]
        for client in self.clients:
            self._start(self._read(client))
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        for client in self.clients:
            self.do(client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()

    def do(self, what: Coroutine[Any, Any, T]) -> T:
        """Have something done by the thread; what it gave."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(LIMIT_S)

    def connect(self, private: NodePrivate, **options: Any) -> DERPClient:
        """One more client, which the caller closes."""
        port, pin = self._relay.port, self._relay.pin
        return self.do(DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=private, **options))

    def start(self, bits_per_s: float) -> None:
        """From now on the first client sends so much to the second. Returns when something of it has arrived."""
        before = self._received
        self._start(self._send(bits_per_s / 8))
        until(lambda: self._received > before, "the first packet has arrived", self._relay.log)

    def stop(self) -> None:
        """It sends no more."""
        for task in self._tasks:
            self._loop.call_soon_threadsafe(task.cancel)
        self._tasks.clear()

    def _start(self, what: Coroutine[Any, Any, None]) -> None:
        async def start() -> asyncio.Task[None]:
            return asyncio.get_running_loop().create_task(what)

        self._tasks.append(self.do(start()))

    async def _send(self, bytes_per_s: float) -> None:
        source, sink = self.clients
        loop = asyncio.get_running_loop()
        started, sent, packet = loop.time(), 0, bytes(PACKET_BYTES)
        while True:
            while sent < (loop.time() - started) * bytes_per_s:
                await source.send(sink.public_key, packet)
                sent += PACKET_BYTES
            await asyncio.sleep(TURN_S)

    async def _read(self, client: DERPClient) -> None:
        async for message in client:
            self._received += isinstance(message, ReceivedPacket)
