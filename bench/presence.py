"""What the presence of another relay costs: ``python -m bench.presence``, in this process and without sockets.

Another relay tells of 20,000 clients, its link breaks, and it is told of as many here. All of it is done as the relay
does it: read by read, piece by piece, packets in between. The table has the CPU time for each key, the longest step,
for which packets wait, and the memory that a key takes while it is known. Ends with code 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Address

from tailhub.derp.frames import PeerPresent, extend_present
from tailhub.derp.runs import SLACK
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.mesh_link import MeshLink
from tailhub.relay.relay import Relay

KEYS = 20_000
MAX_STEP_MS = 50.0
MAX_KEY_BYTES = 300.0
_READ_BYTES = 64 << 10  # as `tailhub.net.stream` reads
_SERVER_KEY = sha256(b"other relay").digest()


class _Line:
    """The sink of what nobody writes to a socket."""

    def wake(self) -> None:
        """Whoever measures looks at the queue itself."""

    def close(self, reason: str) -> None:
        """Nobody asks for it here."""
        raise RuntimeError(reason)


@dataclass(slots=True)
class Figures:
    """Of one kind of work, over all rounds."""

    name: str
    steps: int = 0
    us_a_key: list[float] = field(default_factory=list)
    longest_ms: list[float] = field(default_factory=list)

    def take(self, steps: Iterator[None]) -> None:
        """Do it all, and time each step by the CPU's clock, so that other programs do not count."""
        times_ns = []
        started_ns = time.thread_time_ns()
        for _ in steps:
            ended_ns = time.thread_time_ns()
            times_ns.append(ended_ns - started_ns)
            started_ns = time.thread_time_ns()
        self.steps = len(times_ns)
        self.us_a_key.append(sum(times_ns) / KEYS / 1e3)
        self.longest_ms.append(max(times_ns) / 1e6)


def key_of(number: int) -> bytes:
    """A client's."""
    return sha256(number.to_bytes(4, "big")).digest()


def flood(*, extended: bool) -> bytes:
    """All that another relay tells of its clients: the original, or (`extended`) one of ours."""
    told = (PeerPresent(key_of(number), IPv4Address("192.0.2.1"), 4000).serialize() for number in range(KEYS))
    if extended:
        told = (extend_present(frame, number / 7, b"\0") for number, frame in enumerate(told))
    return b"".join(told)


def hear(link: MeshLink, data: bytes, buffer: bytearray) -> Iterator[None]:
    """Read it from the link."""
    pos = 0
    while pos < len(data):
        start = link.prepare(buffer)
        piece = data[pos : pos + _READ_BYTES]
        pos += len(piece)
        buffer[start : start + len(piece)] = piece
        link.data_received(buffer, start + len(piece), 1000.0)
        yield


def break_link(relay: Relay, link: MeshLink) -> Iterator[None]:
    """It is broken; what it has told is forgotten."""
    link.broken()
    yield
    while relay.presence.work(1000.0) is not None:
        yield
    yield


def tell(relay: Relay, watcher: Connection) -> Iterator[None]:
    """Another relay watches; it reads all that it is told."""
    relay.presence.watch(watcher, 1000.0)
    yield
    while watcher.queue or relay.presence.work(1000.0) is not None:
        while watcher.queue.take(1000.0, 1 << 16):
            pass
        yield


def identity(number: int, *, mesh: bool = False, app_name: str = "") -> Identity:
    """Of a connection here."""
    return Identity(key_of(number), number, IPv4Address("192.0.2.1"), 4000, is_mesh=mesh, app_name=app_name)


def measure(rounds: int) -> list[Figures]:
    """All kinds of work, so many times."""
    buffer = bytearray(2 * _READ_BYTES + SLACK)
    found: dict[str, Figures] = {}

    def take(name: str, steps: Iterator[None]) -> None:
        found.setdefault(name, Figures(name)).take(steps)

    for _ in range(rounds):
        for extended, whose in ((False, "derper"), (True, "tailhub")):
            relay, told = Relay(), flood(extended=extended)
            link = MeshLink(relay, _Line(), _SERVER_KEY, is_tailhub=extended)
            take(f"{whose} tells of {KEYS:,}", hear(link, told, buffer))
            if link.keys != KEYS:
                raise RuntimeError(f"expected {KEYS} keys, found {link.keys}")
            take(f"{whose} tells of all again", hear(link, told, buffer))
            take("its link breaks", break_link(relay, link))
        relay = Relay()
        for number in range(KEYS):
            relay.register(identity(number), _Line())
        for whose, app_name in (("derper", ""), ("tailhub", "tailhub/1")):
            watcher = relay.register(identity(KEYS, mesh=True, app_name=app_name), _Line())
            take(f"{whose} is told of {KEYS:,}", tell(relay, watcher))
            relay.unregister(watcher)
        link = MeshLink(relay, _Line(), _SERVER_KEY)
        link.flood_over()  # it is news, so packets go there
        take("derper tells of those who are here too", hear(link, flood(extended=False), buffer))
        take("its link breaks, they are active here", break_link(relay, link))
    return list(found.values())


def key_bytes() -> float:
    """Memory that a key takes that another relay has told of."""
    relay, told, buffer = Relay(), flood(extended=True), bytearray(2 * _READ_BYTES + SLACK)
    link = MeshLink(relay, _Line(), _SERVER_KEY, is_tailhub=True)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in hear(link, told, buffer):
        pass
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / link.keys


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, compare with the limits."""
    parser = argparse.ArgumentParser(prog="python -m bench.presence", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often (5); medians are printed")
    options = parser.parse_args(arguments)
    middle: Callable[[Sequence[float]], float] = statistics.median
    found = measure(options.rounds)
    print("| | steps | us a key | longest step, ms |\n| --- | ---: | ---: | ---: |")
    for one in found:
        print(f"| {one.name} | {one.steps} | {middle(one.us_a_key):.2f} | {middle(one.longest_ms):.1f} |")
    memory = key_bytes()
    print(f"\nMemory for each key of another relay: {memory:.0f} bytes")
    return 1 if memory > MAX_KEY_BYTES or any(middle(one.longest_ms) > MAX_STEP_MS for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
