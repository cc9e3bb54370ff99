"""What a generator is told and what it answers; both travel as one JSON object."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self

BUSY_CORES = 0.9  # of a core: a generator that uses more may have been the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load of a scenario: packets, or with `connections` logins, or with `stun` STUN requests.

    Packets: the first client of each pair sends to the second. With a `rate` that many packets leave each second, all
    pairs together, whatever becomes of them (open loop), `burst` at once from one pair; without, each pair has `window`
    packets in flight (closed loop). With `receivers` there are no pairs: as many senders share so many receivers, and
    each packet of a sender goes to the next of them.
    """

    pairs: int = 8
    window: int = 16  # packets
    rate: int = 0  # packets/s, all pairs together
    size: int = 1200  # bytes of a packet
    record_per_packet: bool = False  # send a TLS record for each packet, as a client does that writes them singly
    burst: int = 1  # packets that leave a pair at once in an open loop
    receivers: int = 0  # clients that take turns as each sender's destination
    connections: int = 0  # clients that log in and stay idle
    logins_at_once: int = 8
    burst_packets: int = 0  # that each of the `connections` sends and gets before it is idle
    stun: bool = False  # `window` STUN requests in flight instead of packets
    crossing: bool = False  # the second client of each pair is at another relay of the region

    def described(self) -> str:
        """One short line for the table."""
        if self.stun:
            return f"{self.window} STUN requests in flight, relay on one core"
        if self.connections:
            burst = f"each sends and gets {self.burst_packets} x {self.size:,} B, " if self.burst_packets else ""
            return f"{self.connections:,} logins, {self.logins_at_once} at a time, {burst}then idle"
        what = (
            f"{self.rate:,}/s" if self.rate else f"{self.window} in flight each" if self.window > 1 else "1 in flight"
        )
        if self.burst > 1:
            what += f" in bursts of {self.burst}"
        pairs = "1 pair" if self.pairs == 1 else f"{self.pairs} pairs"
        who = f"{self.pairs} senders, {self.receivers} receivers in turn" if self.receivers else pairs
        records = ", a record each" if self.record_per_packet else ""
        way = ", from one relay of a region to the other" if self.crossing else ""
        return f"{who}, {what}, {self.size:,} B{records}{way}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A load, and where and for how long to put it."""

    load: Load
    host: str
    port: int
    pid: int  # of the relay
    seconds: float
    warm_s: float = 0.5  # load before the measurement begins
    core: int | None = None  # the core that the generator keeps to
    stun_port: int = 0
    far_port: int = 0  # of the other relay, where there is one, and its process
    far_pid: int = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """Of all relays, for their CPU time and memory together."""
        return (self.pid, self.far_pid) if self.far_pid else (self.pid,)

    def to_json(self) -> str:
        """The form that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`'s form."""
        fields: dict[str, Any] = json.loads(text)
        fields["load"] = Load(**fields["load"])
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an order. An "each" is a delivered packet, a login, or an answer."""

    seconds: float  # the measured time
    done: int  # packets delivered, logins, or answers
    sent: int
    lost: int
    held_back: int = 0  # packets of an open loop that were not sent because the relay did not read
    stray: int = 0  # packets that came twice or out of order
    stalls: int = 0  # times that a pair's whole window was lost
    latency_us: dict[str, float] = dataclasses.field(default_factory=dict)  # p50, p99, p99.9
    late_us: dict[str, float] = dataclasses.field(default_factory=dict)  # of an open loop: how late packets left
    server_cpu_s: float
    server_rss_bytes: int
    server_rss_each_bytes: float | None = None  # what a connection adds
    generator_cores: float  # CPU seconds a second
    other_cores: float  # what everything else on the machine used meanwhile
    cipher: str
    what: str = "packets"  # what is counted: packets, logins or answers
    limit: str = ""  # why the figures are the generator's and not the relay's, if they are

    @property
    def per_s(self) -> float:
        """Packets delivered, logins, or answers a second."""
        return self.done / self.seconds

    @property
    def cpu_us_each(self) -> float | None:
        """The relay's CPU time for each."""
        return self.server_cpu_s / self.done * 1e6 if self.done else None
