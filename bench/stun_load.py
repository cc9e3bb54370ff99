"""STUN: how many of a Tailscale client's requests a relay answers, so many at a time in flight."""

from __future__ import annotations

import socket
import struct
import time
import zlib
from collections import Counter

from bench.clients import now_us
from bench.connection import GeneratorError
from bench.datagrams import Datagrams
from bench.histogram import Histogram
from bench.load import BUSY_CORES, Order, Result
from bench.usage import Meter

REQUEST_LEN = 40
ANSWER_STAMP = struct.Struct("<8xI")  # where an answer repeats the stamp
_HEAD = bytes.fromhex("000100142112a442")
_SOFTWARE = bytes.fromhex("80220008") + b"tailnode"
_FINGERPRINT = bytes.fromhex("80280004")
_FINGERPRINT_MASK = 0x5354554E
_SUCCESS = b"\x01\x01"
_FIRST_ANSWER_S = 5.0
_LOST_S = 0.05  # without an answer for this long, a full window is taken for lost


def request(stamp: int) -> bytes:
    """A Tailscale client's request; its transaction id starts with `stamp`."""
    text = _HEAD + struct.pack("<I8x", stamp) + _SOFTWARE
    return text + _FINGERPRINT + struct.pack(">I", zlib.crc32(text) ^ _FINGERPRINT_MASK)


class StunRun:
    """One socket, a closed loop. A window that is lost as a whole is given up, and a late answer is no answer to it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.connect((order.host, order.stun_port))
        self._datagrams = Datagrams(self._socket, order.load.window)
        self._epoch_us = now_us()
        self._in_flight = 0
        self._heard_us = 0
        self.sent = self.answers = self.lost = 0
        self.latency = Histogram()

    def wait_for_first(self) -> None:
        """Ask until the relay answers once. Raises `GeneratorError`."""
        until_us = now_us() + int(_FIRST_ANSWER_S * 1e6)
        while now_us() < until_us:
            try:
                self._datagrams.send(request(0), 1)
                if self._datagrams.receive(0.1):
                    return
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise GeneratorError(f"no STUN answer for {_FIRST_ANSWER_S:.0f} s")

    def drive(self, until_us: int) -> None:
        """Keep the window full."""
        window, datagrams = self.order.load.window, self._datagrams
        self._heard_us = now_us()
        while (now := now_us()) < until_us:
            free = window - self._in_flight
            if free > 0:
                count = datagrams.send(request((now - self._epoch_us) & 0xFFFFFFFF), free)
                self._in_flight += count
                self.sent += count
            answers = datagrams.receive(0.001)
            now = now_us()
            if answers:
                self._count(answers, now - self._epoch_us)
                self._heard_us = now
            elif now - self._heard_us > _LOST_S * 1e6:
                self.lost += self._in_flight
                self._in_flight = 0
                self._heard_us = now

    def _count(self, answers: list[bytes], now: int) -> None:
        stamps = Counter(ANSWER_STAMP.unpack_from(answer)[0] for answer in answers if answer.startswith(_SUCCESS))
        for stamp, count in stamps.items():
            self.latency.record(now - stamp, count)
        count = stamps.total()
        self.answers += count
        self._in_flight = max(0, self._in_flight - count)

    def run(self) -> Result:
        """Warm up and measure."""
        order = self.order
        self.wait_for_first()
        self.drive(now_us() + int(order.warm_s * 1e6))
        self.sent = self.answers = self.lost = 0
        self.latency = Histogram()
        meter = Meter(order.pid)
        begin_us = now_us()
        self.drive(begin_us + int(order.seconds * 1e6))
        seconds = (now_us() - begin_us) / 1e6
        server, own_cores, other_cores = meter.read(seconds)
        return Result(
            seconds=seconds,
            done=self.answers,
            sent=self.sent,
            lost=self.lost,
            latency_us=self.latency.percentiles(),
            server_cpu_s=server.cpu_s,
            server_rss_bytes=server.rss_bytes,
            generator_cores=own_cores,
            other_cores=other_cores,
            cipher="",
            what="answers",
            limit=self._limit(own_cores, server.cpu_s / seconds),
        )

    def _limit(self, own_cores: float, server_cores: float) -> str:
        # It asks again and again without waiting long, so it is always busy: the limit is the side that never waits.
        return f"the relay used only {server_cores:.0%} of its core" if server_cores < BUSY_CORES < own_cores else ""


def run_stun(order: Order) -> Result:
    """STUN answers a second, and CPU of an answer."""
    return StunRun(order).run()
