"""A relay of several workers without sockets, clocks and processes: like `support.world.World`, and to be seen as one.

Clients log in at the workers in turn. Whatever a step makes the workers tell each other is told before the next one,
through the bytes that their links would carry.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from support.world import World, key_of
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueueLimits
from tailhub.relay.stats import GONE_DISCONNECTED
from tailhub.relay.worker_link import WorkerLink

TICK_S = 1e-6  # of time that passes at each step: who was last must be clear


class MemoryLink:
    """Both ends' bytes go through here. One end; `peer` is the other."""

    def __init__(self, relay: Relay, clock: Callable[[], float]) -> None:
        self.link = WorkerLink(relay, self)
        self._clock = clock
        self.peer: MemoryLink | None = None
        self.closed = ""
        self._arrived = b""

    @property
    def has_unread(self) -> bool:
        """Has something arrived?"""
        return bool(self._arrived)

    def wake(self) -> None:
        """Written when the step is over, or read before."""

    def close(self, reason: str) -> None:
        self.closed = reason

    def write(self, now: float) -> bool:
        """Move what waits to the other end; returns whether anything did."""
        self.link.dirty = False
        data = self.link.queue.take(now, 1 << 40)
        if self.peer is not None:
            self.peer._arrived += data
        return bool(data)

    def read_now(self) -> None:
        """Take in what has arrived."""
        buffer = bytearray(self._arrived)
        self._arrived = bytes(buffer[self.link.receive(buffer, len(buffer), self._clock()) :])


class FleetWorld(World):
    """`relays` are the workers; `relay` is the one that spoke or was spoken to last."""

    def __init__(
        self,
        workers: int = 3,
        limits: QueueLimits | None = None,
        tenants: tuple[str, ...] = (),
        pairs: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(limits, tenants=tenants, pairs=pairs)
        self.limits = limits
        self._tenants = tenants
        self._pairs = pairs
        self.relays = [self.relay]
        self.links: dict[tuple[int, int], MemoryLink] = {}
        for _ in range(1, workers):
            self.start_worker()
        self._at: dict[str, int] = {}  # worker by connection
        self._turns = cycle(range(workers))

    def start_worker(self, number: int = -1) -> None:
        """One more worker, or another one in the place of `number`, with links to all others."""
        relay = Relay(self.limits, own_key=key_of("relay"), tenants=self._tenants, tenant_pairs=self._pairs)
        if number < 0:
            number = len(self.relays)
            self.relays.append(relay)
        else:
            self.relays[number] = relay
        for other in range(len(self.relays)):
            if other != number:
                one, two = MemoryLink(self.relays[other], lambda: self.now), MemoryLink(relay, lambda: self.now)
                one.peer, two.peer = two, one
                self.links[other, number], self.links[number, other] = one, two
                self.relays[other].presence.add_sibling(one.link)
                relay.presence.add_sibling(two.link)
        self.settle()

    def kill_worker(self, number: int) -> list[str]:
        """A worker ends with all its clients, and another one takes its place; the names of the clients."""
        for pair in list(self.links):
            if number in pair:
                link = self.links.pop(pair)
                if pair[1] == number:
                    self.relays[pair[0]].presence.remove_sibling(link.link)
        lost = [name for name, at in self._at.items() if at == number]
        for name in lost:
            del self._at[name]
            del self._clients[name]
        self.start_worker(number)
        return lost

    def settle(self) -> None:
        """Let the workers tell each other everything."""
        moved = True
        while moved:
            moved = False
            for link in self.links.values():
                moved |= link.write(self.now)
            for link in self.links.values():
                link.read_now()
                assert not link.closed

    # --- as World -----------------------------------------------------------------------------------------------------

    def login(self, name: str, **options: object) -> None:
        self._at[name] = next(self._turns)
        self._step(name)
        super().login(name, **options)  # type: ignore[arg-type]

    def leave(self, name: str, reason: str = GONE_DISCONNECTED) -> None:
        self._step(name)
        super().leave(name, reason)
        self._at.pop(name, None)

    def say(self, name: str, data: bytes) -> None:
        self._step(name)
        super().say(name, data)

    def active(self, key: str) -> str:
        """The name of the connection that gets a key's packets, of which there is one at most."""
        found = [relay.registry.active.get(self.key(key)) for relay in self.relays]
        active = [connection for connection in found if connection is not None]
        assert len(active) <= 1, "a key is active at several workers"
        return next((name for name, client in self._clients.items() if client.connection in active), "")

    def _close_those_asked_for(self) -> None:
        self.work()
        self.settle()
        while doomed := [name for name, client in self._clients.items() if client.close_reason]:
            for name in doomed:
                client = self._clients.pop(name)
                self.closed[name] = client.close_reason
                assert client.connection is not None
                self.relays[self._at.pop(name)].unregister(client.connection)
            self.settle()

    def work(self) -> None:
        for relay in self.relays:
            while relay.presence.work(self.now) == 0.0:
                pass

    def _step(self, name: str) -> None:
        self.now += TICK_S
        self.relay = self.relays[self._at[name]]

    def worker_of(self, name: str) -> int:
        """At which worker a connection is."""
        return self._at[name]

    def dropped(self) -> dict[tuple[str, str], int]:
        """Packets dropped so far at all workers."""
        total: dict[tuple[str, str], int] = {}
        for relay in self.relays:
            for labels, count in relay.stats.packets_dropped.items():
                if count:
                    total[labels] = total.get(labels, 0) + count
        return total
