"""Many connections to one relay: logging in, and the buffers that all of them share."""

from __future__ import annotations

import time

from bench.connection import RECORD_LEN, Connection, GeneratorError, client_context
from bench.histogram import Histogram
from bench.load import Order
from bench.poller import WRITABLE, Poller
from tailhub import box

_READ_LEN = 1 << 18  # bytes of one recv
_LOGIN_LIMIT_S = 10.0  # a real client's limit, too


def now_us() -> int:
    """Monotonic microseconds."""
    return time.monotonic_ns() // 1000


class Clients:
    """Connections to one relay, the poller they are registered with, and the buffers they share."""

    def __init__(self, order: Order) -> None:
        self.poller = Poller()
        self.raw = memoryview(bytearray(_READ_LEN))
        self.text = bytearray(2 * _READ_LEN + RECORD_LEN)
        self.view = memoryview(self.text)
        self.latency = Histogram()
        self._host, self._port = order.host, order.port
        self._context = client_context()

    def log_in(self, count: int, at_once: int, port: int = 0) -> list[Connection]:
        """Log in `count` clients, `at_once` at a time, at the order's port or another.

        `latency` takes each one's time from connect to ServerInfo.
        """
        address = (self._host, port or self._port)
        keys = [box.generate() for _ in range(count)]
        started_us: dict[int, int] = {}
        under_way: dict[int, Connection] = {}
        done: list[Connection] = []
        while len(done) < count:
            while keys and len(under_way) < at_once:
                start_us = now_us()
                client = Connection(address, self._context, keys.pop(), self.poller)
                under_way[client.fd] = client
                started_us[client.fd] = start_us
            events = self.poller.wait(_LOGIN_LIMIT_S)
            if not events:
                raise GeneratorError(f"no answer to a login for {_LOGIN_LIMIT_S:.0f} s")
            for fd, ready in events:
                client = under_way[fd]
                if ready & WRITABLE:
                    client.flush()
                    self.poller.want_write(fd, bool(client.pending))
                if client.advance(self.raw, self.view):
                    self.latency.record(now_us() - started_us[fd])
                    done.append(under_way.pop(fd))
        return done
