"""What a rate limit lets through: ``python -m bench.limits``. Starts a relay with 10 Mbit/s for each key.

hostile     a client that ignores what it is told and always has more to send
honest      a TCP connection (Reno with selective acknowledgement, 20 ms) through a client that, as real ones do, drops
            what its own bucket does not hold

Measured is what arrives, with the 32 bytes of the key that the limit counts too: the most in any 30 s after the burst,
and over all of that time; of the honest one also what TCP delivers. It ends with 1 when a bound is not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.servers import HOST, Mesh, Running, Tailhub
from tailhub.client import DERPClient
from tailhub.derp.frames import HEADER_LEN, KEY_LEN
from tailhub.derp.messages import ReceivedPacket
from tailhub.ratelimit import TokenBucket

RATE = 1_250_000  # bytes/s
WINDOW_S = 30.0
PACKET_BYTES = 1200
TUNNEL_BYTES = 60  # of them that are not TCP's text: WireGuard, IP and TCP
ROUND_TRIP_S = 0.02  # added to the loopback's
RTO_S = 0.3
MOST, LEAST, GOODPUT = 1.05, 0.95, 0.80  # of the rate


class Limited(Tailhub):
    """The relay, with a limit."""

    def command(self, port: int, stun_port: int, directory: Path, mesh: Mesh | None = None) -> list[str]:
        """See `Server`."""
        return [*super().command(port, stun_port, directory, mesh), "--rate-limit-bytes-per-s", str(RATE)]


class Arrivals:
    """When how many bytes arrived that the limit counts."""

    def __init__(self) -> None:
        self.at: list[tuple[float, int]] = []

    def add(self, packet: bytes) -> None:
        """A packet has arrived."""
        self.at.append((time.monotonic(), len(packet) + KEY_LEN))

    def after_burst(self, burst_bytes: int) -> list[tuple[float, int]]:
        """What came when the burst was used up."""
        passed = 0
        for number, (_, size) in enumerate(self.at):
            passed += size
            if passed > burst_bytes:
                return self.at[number:]
        return []

    def figures(self, burst_bytes: int) -> tuple[float, float]:
        """Of the rate: the most in any window, and the mean."""
        later = self.after_burst(burst_bytes)
        if len(later) < 2:
            return 0.0, 0.0
        most = current = start = 0
        for at, size in later:
            current += size
            while later[start][0] <= at - WINDOW_S:
                current -= later[start][1]
                start += 1
            most = max(most, current)
        seconds = later[-1][0] - later[0][0]
        return most / (RATE * WINDOW_S), sum(size for _, size in later[1:]) / seconds / RATE


async def receive(client: DERPClient, on_packet: Callable[[bytes, bytes], None]) -> None:
    """Hand on what comes until cancelled."""
    while True:
        message = await client.recv()
        if isinstance(message, ReceivedPacket):
            on_packet(message.src, message.packet)


async def send_hostile(client: DERPClient, peer: bytes, until: float) -> None:
    """Send as fast as the relay reads."""
    packet = bytes(PACKET_BYTES)
    while time.monotonic() < until:
        await client.send(peer, packet)


class TcpSender:
    """TCP's congestion control over packets with a number: additive increase, halving when one was lost."""

    def __init__(self, client: DERPClient, peer: bytes) -> None:
        told = client.server_info
        assert told is not None
        self._client = client
        self._peer = peer
        self._bucket = TokenBucket(told.rate_bytes_per_s, told.rate_burst_bytes, time.monotonic())
        self._window, self._threshold = 10.0, 1e9  # packets
        self._outstanding: dict[int, int] = {}  # number of a packet to how many were sent before it
        self._lost: list[int] = []
        self._next = self._recovered_from = 0
        self.sent = 0  # packets, also those that the client then drops
        self._acked = asyncio.Event()
        self.dropped = 0  # by the client's own bucket

    async def run(self, until: float) -> None:
        """Send until that time."""
        while time.monotonic() < until:
            while len(self._outstanding) < self._window:
                await self._send()
            self._acked.clear()
            try:
                async with asyncio.timeout(RTO_S):
                    await self._acked.wait()
            except TimeoutError:
                self._lost += self._outstanding
                self._outstanding.clear()
                self._threshold, self._window = max(self._window / 2, 2.0), 2.0

    async def _send(self) -> None:
        if self._lost:
            number = self._lost.pop(0)
        else:
            number, self._next = self._next, self._next + 1
        self._outstanding[number] = self.sent
        self.sent += 1
        if self._bucket.allow(PACKET_BYTES + KEY_LEN + HEADER_LEN, time.monotonic()):
            await self._client.send(self._peer, number.to_bytes(8) + bytes(PACKET_BYTES - 8))
        else:
            self.dropped += 1

    def acknowledged(self, number: int) -> None:
        """The other side has this packet."""
        order = self._outstanding.pop(number, None)
        if order is None:
            return
        self._window += 1 if self._window < self._threshold else 1 / self._window
        lost = [one for one, sent in self._outstanding.items() if sent < order - 3]
        if lost and self._outstanding[lost[-1]] >= self._recovered_from:
            self._threshold = self._window = max(self._window / 2, 2.0)
            self._recovered_from = self.sent
        for one in lost:
            del self._outstanding[one]
        self._lost += lost
        self._acked.set()


async def measure(port: int, seconds: float) -> dict[str, float]:
    """Both clients at the same time, each with a partner."""
    clients = [await DERPClient.connect(HOST, port, insecure=True) for _ in range(4)]
    hostile, hostile_partner, honest, honest_partner = clients
    keys = [client.public_key for client in clients]
    told = honest.server_info
    assert told is not None
    loop = asyncio.get_running_loop()
    from_hostile, from_honest, delivered = Arrivals(), Arrivals(), dict[int, float]()
    tcp = TcpSender(honest, keys[3])
    answers: set[asyncio.Task[None]] = set()

    def on_honest(_: bytes, packet: bytes) -> None:
        from_honest.add(packet)
        delivered.setdefault(int.from_bytes(packet[:8]), time.monotonic())
        task = loop.create_task(honest_partner.send(keys[2], packet[:8]))
        answers.add(task)
        task.add_done_callback(answers.discard)

    def on_acknowledgement(_: bytes, packet: bytes) -> None:
        loop.call_later(ROUND_TRIP_S, tcp.acknowledged, int.from_bytes(packet))

    receiving = [
        loop.create_task(receive(hostile_partner, lambda _, packet: from_hostile.add(packet))),
        loop.create_task(receive(honest_partner, on_honest)),
        loop.create_task(receive(honest, on_acknowledgement)),
    ]
    begin = time.monotonic()
    sending = loop.create_task(send_hostile(hostile, keys[1], begin + seconds))
    await tcp.run(begin + seconds)
    sending.cancel()
    for task in receiving:
        task.cancel()
    for client in clients:
        await client.close()
    burst_bytes = told.rate_burst_bytes
    hostile_most, hostile_mean = from_hostile.figures(burst_bytes)
    honest_most, _ = from_honest.figures(burst_bytes)
    settled = begin + 5
    text_bytes = sum(PACKET_BYTES - TUNNEL_BYTES for at in delivered.values() if at > settled)
    return {
        "hostile, most in 30 s": hostile_most,
        "hostile, mean": hostile_mean,
        "honest, most in 30 s": honest_most,
        "honest, goodput": text_bytes / (time.monotonic() - settled) / RATE,
        "honest, dropped by itself": tcp.dropped / max(1, tcp.sent),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 when a bound is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=75.0, help="how long, at least 40 (75)")
    seconds = parser.parse_args(arguments).seconds
    with Running(Limited()) as relay:
        figures = asyncio.run(measure(relay.port, seconds))
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2))
    kept = (
        figures["hostile, most in 30 s"] <= MOST
        and figures["hostile, mean"] >= LEAST
        and figures["honest, most in 30 s"] <= MOST
        and figures["honest, goodput"] >= GOODPUT
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
