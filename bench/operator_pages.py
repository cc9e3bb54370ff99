"""What the operator's pages cost the relay: ``python -m bench.operator_pages``. A snapshot of many clients, counted.

A relay with 2,000 clients that are logged in is asked for snapshots as the pages' process asks. For each part (all
numbers, clients, pairs, facts) the instructions of the relay's process are counted by callgrind, its loop, pickling and
the channel included; what the other process does with it is that one's. Clients have a real TCP connection each and the
relay's own records, but no process: what they do is written into their counters, so that every row has changed.

Beside it stands what the packet path does in a second at full load: its instructions a packet (`bench.loop.cost`) times
packets a second. Without valgrind, or with ``--seconds``, CPU time is taken instead, as the best of many snapshots.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path

from bench.connection import client_context
from bench.loop import cost
from bench.loop.lockstep import tls_context
from bench.loop.meters import CallgrindError
from tailhub.admin.feed import Part, SnapshotEnd, SnapshotRequest
from tailhub.net.message_channel import MessageChannel
from tailhub.net.stream import Stream
from tailhub.net.turn_selector import TurnSelector
from tailhub.relay.connection import Connection, Identity
from tailhub.server.app import RelayServer
from tailhub.server.config import RelayConfig

CLIENTS = 2000
FULL_LOAD = 280_000  # packets a second of one process at saturation (docs/performance.md)
LOAD_CASE = "k16"  # of `bench.loop.cost`, which is about what the loop finds then
MAX_SHARE = 0.03
_COUNTED = 4  # snapshots of each kind
_TIMED = 30
_WARM = 3
_MARK = "getloadavg"  # before a call of which valgrind begins a new profile
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
_LIMIT_S = 600.0
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is asked for, and whether clients have done anything since."""

    name: str
    parts: frozenset[Part]
    is_busy: bool = True


KINDS = (
    Kind("metrics alone", frozenset({Part.VALUES})),
    Kind("clients, all idle", frozenset({Part.VALUES, Part.CLIENTS}), is_busy=False),
    Kind("clients, all busy", frozenset({Part.VALUES, Part.CLIENTS})),
    Kind("clients and pairs, all busy", frozenset({Part.VALUES, Part.CLIENTS, Part.PAIRS})),
    Kind("everything, all busy", frozenset(Part)),
)


class _Client:
    """A connection as those see it who count and steer (`tailhub.server.context.DerpStream`)."""

    def __init__(self, server: RelayServer, number: int, stream: Stream) -> None:
        key = sha256(number.to_bytes(4)).digest()
        relay = server.context.relay
        identity = Identity(
            key, relay.next_connection_id(), IPv4Address("127.0.0.1"), number % 60000, node=f"device-{number}"
        )
        self.stream = stream
        self.identity: Identity | None = identity
        self.connection: Connection | None = relay.register(identity, self)

    def wake(self) -> None:
        """Nobody reads."""

    def close(self, reason: str) -> None:
        """It is not open."""

    def abort(self, reason: str) -> None:
        """The relay stops."""


class World:
    """A relay with its clients, and the relay's end of a channel that somebody reads."""

    def __init__(self, server: RelayServer, count: int) -> None:
        context = server.context
        self._ends: list[socket.socket] = []
        tls = _handshaken()
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.clients: list[_Client] = []
        for number in range(count):
            near = socket.create_connection(listener.getsockname())
            far, _ = listener.accept()
            self._ends += [near, far]
            stream = Stream(context.loop, far, context.buffers, context.watch, _Nothing(), None, context.turn.sockets)
            stream._tls = tls  # a handshake each would take a while, under valgrind many minutes
            client = _Client(server, number, stream)
            context.derp_connections[client] = None  # type: ignore[index]  # as far as anybody here asks
            self.clients.append(client)
        listener.close()
        for client, source in zip(self.clients, self.clients[1:] + self.clients[:1], strict=True):
            if client.connection is not None and source.connection is not None:
                context.relay.presence.note_source(client.connection, source.connection.key)
        ours, theirs = socket.socketpair()
        self._reader = subprocess.Popen(["cat"], stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
        theirs.close()
        self._channel = MessageChannel(ours, lambda message: None)
        self._ended = asyncio.Event()
        self._conversation = server.pages.converse(self._send)

    def _send(self, message: object) -> None:
        self._channel.send(message)
        if isinstance(message, SnapshotEnd):
            self._ended.set()

    def work(self) -> None:
        """Each client has sent something to its neighbour."""
        for client in self.clients:
            connection = client.connection
            if connection is not None:
                connection.received_packets += 20
                connection.received_bytes += 24_000
                connection.queue.taken_packets += 20
                connection.queue.taken_bytes += 24_000
                for flow in connection.sources.values():
                    flow.packets += 20
                    flow.size += 24_740

    async def snapshot(self, parts: frozenset[Part]) -> None:
        """Ask for these, and wait until all has been said and written."""
        self._ended.clear()
        self._conversation.receive(SnapshotRequest(1, parts))
        await self._ended.wait()

    async def close(self) -> None:
        """End what was begun."""
        self._conversation.close()
        self._channel.close()
        await asyncio.sleep(0)
        self._reader.terminate()
        self._reader.wait()
        for client in self.clients:
            client.stream.abort("over")
        for end in self._ends:
            end.close()


class _Nothing:
    """Receives nothing."""

    def prepare(self, buf: bytearray) -> int:
        """Nothing to put back."""
        return 0

    def data_received(self, buf: bytearray, start: int, end: int) -> None:
        """Never."""

    def writable(self) -> None:
        """Never."""

    def closed(self, reason: str) -> None:
        """The end."""


def _handshaken() -> ssl.SSLObject:
    """The relay's side of a TLS connection."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tls_context().wrap_bio(to_server, to_client, server_side=True)
    client = client_context().wrap_bio(to_client, to_server)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
    return server


async def _measure(kinds: Sequence[Kind], clients: int, seconds: dict[str, float] | None) -> None:
    """Have the relay tell. Marks each kind for valgrind; with `seconds` CPU time is put there."""
    with tempfile.TemporaryDirectory() as directory:
        off = {"stun_listen": "off", "admin_listen": "off", "store": "off", "discover": False}
        server = RelayServer(RelayConfig(listen="127.0.0.1:0", state_dir=Path(directory), **off))  # type: ignore[arg-type]
        await server.start()
        world = World(server, clients)
        for kind in kinds:
            for _ in range(_WARM):
                world.work()
                await world.snapshot(kind.parts)
            rounds = _COUNTED if seconds is None else _TIMED
            best = float("inf")
            for _ in range(rounds):
                if kind.is_busy:
                    world.work()
                if seconds is None:
                    os.getloadavg()
                started = time.process_time()
                await world.snapshot(kind.parts)
                best = min(best, time.process_time() - started)
                if seconds is None:
                    os.getloadavg()
            if seconds is not None:
                seconds[kind.name] = best
        await world.close()
        await server.stop()


def _run(kinds: Sequence[Kind], clients: int, seconds: dict[str, float] | None) -> None:
    selector = TurnSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(_measure(kinds, clients, seconds))


def count_instructions(valgrind: str, clients: int) -> dict[str, float]:
    """Instructions of a snapshot, by kind. Raises `CallgrindError`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        command = [
            *(valgrind, "--tool=callgrind", f"--dump-before={_MARK}", f"--callgrind-out-file={name}/%p"),
            *(sys.executable, "-m", "bench.operator_pages", "--inside", "--clients", str(clients)),
        ]
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_LIMIT_S, check=True, cwd=_ROOT, env=environ
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as exc:
            raise CallgrindError(f"valgrind failed: {exc}") from exc
        pid = done.stdout.split()[-1]
        found: dict[str, float] = {}
        for place, kind in enumerate(KINDS):
            parts = [_COUNTED * 2 * place + 2 * number + 2 for number in range(_COUNTED)]
            found[kind.name] = min(_total(Path(name) / f"{pid}.{part}") for part in parts)
        return found


def _total(profile: Path) -> int:
    found = _TOTAL.search(profile.read_text()) if profile.exists() else None
    if found is None:
        raise CallgrindError(f"expected a profile in {profile.name}, found none: is {_MARK} in this C library?")
    return int(found[1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.operator_pages", description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", action="store_true", help="CPU time instead of instructions")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # under valgrind
    options = parser.parse_args(arguments)
    if options.inside:
        _run(KINDS, options.clients, None)
        print(os.getpid())
        return 0
    valgrind = None if options.seconds else shutil.which("valgrind")
    print(f"{options.clients:,} clients, one snapshot a second")
    if valgrind is None:
        seconds: dict[str, float] = {}
        _run(KINDS, options.clients, seconds)
        for name, value in seconds.items():
            print(f"  {name:<32}{value * 1000:8.2f} ms of CPU: {value:.2%} of a core")
        return 0 if max(seconds.values()) < MAX_SHARE else 1
    recorded = cost.load().get(cost.scope_of("instructions"), {}).get("instructions", {})
    packet = recorded.get(LOAD_CASE)
    try:
        found = count_instructions(valgrind, options.clients)
    except CallgrindError as exc:
        print(exc, file=sys.stderr)
        return 1
    for name, value in found.items():
        share = f": {value / (packet * FULL_LOAD):.2%} of those for {FULL_LOAD:,} packets" if packet else ""
        print(f"  {name:<32}{value / 1e6:8.1f} million instructions{share}")
    return 0 if packet is None or max(found.values()) < MAX_SHARE * packet * FULL_LOAD else 1


if __name__ == "__main__":
    sys.exit(main())
