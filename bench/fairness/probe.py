"""A quiet client's view of a busy destination: how long disco and control frames take that overtake a flood.

The destination reads whatever comes. A quiet client sends it a disco packet every 10 ms, and it pings the relay itself
as often: the pong is a control frame in the same queue. Times are taken in one process, from before the write to after
the read, so they hold everything: both sockets of the relay, its queue, and the time the bytes lie unread here.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass, field

from bench.clients import Clients, now_us
from bench.connection import Connection
from bench.fairness.socket_queues import SocketQueues, median
from bench.histogram import Histogram
from bench.load import Load, Order
from bench.poller import READABLE
from bench.servers import HOST
from tailhub.derp import frames
from tailhub.disco import MAGIC, MIN_LEN

_EVERY_US = 10_000
_SAMPLE_US = 20_000
_RECEIVE_BUFFER = (
    1 << 18
)  # bytes; the kernel allows twice as much. By itself it grows to 6 MB: 30 ms that are not the relay's
# What marks a probe in the text of a connection; the packets of a flood are filled with another byte.
_DISCO_MARK = b"\xf5\x5a\xf5\xda"
_PING_MARK = b"\xf5\x5a\xf5\xdb"
_STAMP = struct.Struct("<I")
_MARKED_LEN = len(_PING_MARK) + _STAMP.size


@dataclass
class ProbeResult:
    """What the probes found."""

    seconds: float
    bytes_read: int  # by the busy destination, as text
    disco: Histogram = field(default_factory=Histogram)
    control: Histogram = field(default_factory=Histogram)
    since_us: int = 0  # probes that were sent before do not count
    sent_us: list[int] = field(default_factory=list)  # when each disco packet was sent
    last_disco_us: int = 0  # sending time of the last one that has come
    unsent_bytes: float = 0.0  # medians
    unread_bytes: float = 0.0

    @property
    def lost(self) -> int:
        """Disco packets that never came. What was sent after the last that came is late, not lost."""
        return sum(sent_us <= self.last_disco_us for sent_us in self.sent_us) - self.disco.total

    @property
    def bytes_per_s(self) -> float:
        """How fast the destination reads."""
        return self.bytes_read / self.seconds

    def share_ms(self, size: float) -> float:
        """How long `size` bytes in front of a frame hold it up."""
        return size / self.bytes_per_s * 1e3 if self.bytes_read else 0.0


class Probe:
    """The destination and the quiet client."""

    def __init__(self, port: int) -> None:
        self.clients = Clients(Order(load=Load(), host=HOST, port=port, pid=0, seconds=0))
        self.busy, self.quiet = self.clients.log_in(2, 1)
        limit_receive_buffer(self.busy, _RECEIVE_BUFFER)
        self.queues = SocketQueues(port, local_port(self.busy))
        self._tail = b""
        self._epoch_us = now_us()

    @property
    def key(self) -> str:
        """Of the destination, for a flooder."""
        return self.busy.key.hex()

    def run(self, seconds: float, warm_s: float = 1.0) -> ProbeResult:
        """Warm up, measure."""
        self._run(warm_s)
        self.queues.unsent.clear()
        self.queues.unread.clear()
        result = self._run(seconds)
        result.unsent_bytes, result.unread_bytes = median(self.queues.unsent), median(self.queues.unread)
        return result

    def _run(self, seconds: float) -> ProbeResult:
        began = now_us()
        result = ProbeResult(seconds, 0, since_us=began - self._epoch_us)
        next_probe = next_sample = began
        end = began + int(seconds * 1e6)
        while (now := now_us()) < end:
            if now >= next_probe:
                next_probe += _EVERY_US
                self._send(result)
            if now >= next_sample:
                next_sample = now + _SAMPLE_US
                self.queues.sample()
            for fd, ready in self.clients.poller.wait(min(next_probe, next_sample, end) / 1e6 - now_us() / 1e6):
                self._handle(fd, ready, result)
        return result

    def _send(self, result: ProbeResult) -> None:
        sent_us = now_us() - self._epoch_us
        stamp = _STAMP.pack(sent_us)
        packet = MAGIC + bytes(MIN_LEN - len(MAGIC)) + _DISCO_MARK + stamp
        self.quiet.write(memoryview(frames.send_packet(self.busy.key, packet)))
        self.busy.write(memoryview(frames.ping(_PING_MARK + stamp)))
        result.sent_us.append(sent_us)

    def _handle(self, fd: int, ready: int, result: ProbeResult) -> None:
        client = self.busy if fd == self.busy.fd else self.quiet
        client.flush()
        if not ready & READABLE:
            return
        clients = self.clients
        if client is self.quiet:
            client.read(clients.raw, clients.view, 0)
            return
        kept = len(self._tail)
        clients.text[:kept] = self._tail
        stop = client.read(clients.raw, clients.view, kept)
        result.bytes_read += stop - kept
        self._tail = b""
        result.last_disco_us = max(result.last_disco_us, self._find(stop, _DISCO_MARK, result.disco, result.since_us))
        self._find(stop, _PING_MARK, result.control, result.since_us)
        if not self._tail:
            self._tail = bytes(clients.view[max(0, stop - len(_PING_MARK) + 1) : stop])

    def _find(self, stop: int, mark: bytes, histogram: Histogram, since_us: int) -> int:
        """Record the probes with this mark. Returns when the last of them was sent."""
        last_us = 0
        text = self.clients.text
        now = now_us() - self._epoch_us
        at = text.find(mark, 0, stop)
        while at >= 0:
            if at + _MARKED_LEN > stop:  # the next read brings its end
                self._tail = bytes(text[at:stop])
                break
            (last_us,) = _STAMP.unpack_from(text, at + len(mark))
            if last_us >= since_us:
                histogram.record(now - last_us)
            at = text.find(mark, at + _MARKED_LEN, stop)
        return last_us


def limit_receive_buffer(connection: Connection, size: int) -> None:
    """Fix how much the kernel keeps unread for `connection`."""
    with socket.socket(fileno=os.dup(connection.fd)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def local_port(connection: Connection) -> int:
    """The client's own port."""
    with socket.socket(fileno=os.dup(connection.fd)) as sock:
        port: int = sock.getsockname()[1]
        return port
