"""What waits to be written to one connection: control first, then disco, then data.

Bounded in bytes and in age, never in packets: a bound of 32 packets, the reference's, is what loses 8 to 10 % of a
saturating flow. When a bound is hit the *oldest* is dropped, because fresh packets are worth more, and a full queue
never holds up whoever sends to it.

An entry is a *run*: one or more RecvPacket frames joined, with the time (monotonic seconds) when the relay read them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tailhub.derp.frames import RECV_OVERHEAD
from tailhub.relay.stats import QUEUE_AGE, QUEUE_HEAD, QUEUE_TOTAL, Stats
from tailhub.relay.usage import Flow

Run = tuple[float, bytes, int, Flow | None]  # read at, frames, number of packets, where it was counted
RUN_COST = 144  # bytes that a run takes beside its frames: without them a queue of empty packets would be far too large
_DROPPED: Run = (0.0, b"", 0, None)


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Bounds of the queues. Bytes are wire bytes of DERP frames, and `RUN_COST` for each run of packets."""

    data_bytes: int = 1 << 20
    disco_bytes: int = 128 << 10
    control_bytes: int = 64 << 10
    mesh_control_bytes: int = 16 << 20  # presence of a whole region may wait for a mesh peer
    max_age_s: float = 0.5
    total_bytes: int = 256 << 20  # data and disco of all connections together


class QueuedBytes:
    """How many bytes wait in all queues together; shared by them."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0


class DropCounter(Protocol):
    """What counts dropped packets: `Stats`, or a tenant, which counts them for itself too."""

    def drop(self, reason: str, disco: bool, packets: int, payload_bytes: int) -> None:
        """Count dropped packets."""


class _Lane:
    """A first-in-first-out list of runs. A list with a moving head is leaner than a deque for the many idle ones."""

    __slots__ = ("head", "runs", "size")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.head = 0
        self.size = 0  # bytes

    def pop(self) -> Run:
        """Take the oldest run out. Its place is closed up when nothing is left, or once such places are the most."""
        runs, head = self.runs, self.head
        run = runs[head]
        self.size -= len(run[1]) + RUN_COST
        runs[head] = _DROPPED  # the bytes must not stay until then
        head += 1
        if head == len(runs):
            runs.clear()
            head = 0
        elif head > 64 and head * 2 > len(runs):
            del runs[:head]
            head = 0
        self.head = head
        return run


class SendQueue:
    """The queue of one connection. `taken_packets` and `taken_bytes` (payload) count what left it to be written."""

    __slots__ = (
        "_control",
        "_control_size",
        "_data",
        "_disco",
        "_drops",
        "_limits",
        "_open",
        "_stats",
        "_total",
        "control_limit",
        "dropped",
        "on_control",
        "taken_bytes",
        "taken_packets",
    )

    def __init__(
        self,
        limits: QueueLimits,
        total: QueuedBytes,
        stats: Stats,
        *,
        mesh: bool = False,
        drops: DropCounter | None = None,
    ) -> None:
        """`drops` is told of what is dropped; without it `stats` is."""
        self._limits = limits
        self._total = total
        self._stats = stats
        self._drops = drops or stats
        self._control: list[bytes] = []
        self._control_size = 0
        self._disco = _Lane()
        self._data = _Lane()
        self._open: tuple[_Lane, ...] = (self._disco, self._data)  # of which may be taken
        self.control_limit = limits.mesh_control_bytes if mesh else limits.control_bytes
        self.on_control: Callable[[bytes], None] | None = None  # learns of control frames, where somebody looks at them
        self.taken_packets = 0
        self.taken_bytes = 0
        self.dropped: Counter[str] | None = None  # packets that waited here, by reason; made at the first

    def __bool__(self) -> bool:
        return bool(self._control or self._disco.runs or self._data.runs)

    @property
    def control_bytes(self) -> int:
        """Bytes of control frames that wait."""
        return self._control_size

    @property
    def packet_bytes(self) -> int:
        """Bytes that waiting packets take, disco and data."""
        return self._disco.size + self._data.size

    def put_control(self, frame: bytes) -> bool:
        """Add a control frame. False when there is no room: the connection does not read."""
        if self._control_size + len(frame) > self.control_limit:
            self._stats.control_dropped += 1
            return False
        self._control.append(frame)
        self._control_size += len(frame)
        if self.on_control is not None:
            self.on_control(frame)
        return True

    def put(self, now: float, frames: bytes, count: int, disco: bool, flow: Flow | None = None) -> None:
        """Add a run read at `now`; whatever is too much leaves at the other end."""
        if disco:
            lane = self._disco
            limit = self._limits.disco_bytes
        else:
            lane = self._data
            limit = self._limits.data_bytes
        size = len(frames) + RUN_COST
        lane.runs.append((now, frames, count, flow))
        lane.size += size
        self._total.used += size
        # The newest always stays, however large it is.
        while lane.size > limit and len(lane.runs) - lane.head > 1:
            self._drop_oldest(lane, QUEUE_HEAD)

    def hold_back(self, *, data: bool, disco: bool) -> None:
        """From now on `take` leaves these where they are: the receiver may get no more just now."""
        self._open = () if disco else (self._disco,) if data else (self._disco, self._data)

    def take(self, now: float, most_bytes: int) -> bytes:
        """Take frames to write, about `most_bytes` of them (at least one run); empty when nothing waits.

        Packets that waited longer than the allowed age are dropped on the way.
        """
        parts: list[bytes] = []
        size = 0
        if self._control:
            parts, self._control = self._control, []
            size, self._control_size = self._control_size, 0
        oldest = now - self._limits.max_age_s
        for lane in self._open:
            if lane.runs:
                size = self._take_lane(lane, oldest, size, most_bytes, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take_lane(self, lane: _Lane, oldest: float, size: int, most_bytes: int, parts: list[bytes]) -> int:
        runs = lane.runs
        # Runs lie in the order of their times: all that is too old comes first.
        while runs and runs[lane.head][0] < oldest:
            self._drop_oldest(lane, QUEUE_AGE)
        head = first = lane.head
        end = len(runs)
        packets = taken = 0
        while head < end and size < most_bytes:
            _, frames, count, _ = runs[head]
            head += 1
            parts.append(frames)
            n = len(frames)
            size += n
            taken += n
            packets += count
        cost = taken + (head - first) * RUN_COST
        del runs[:head]
        lane.head = 0
        lane.size -= cost
        self._total.used -= cost
        payload = taken - packets * RECV_OVERHEAD
        self.taken_packets += packets
        self.taken_bytes += payload
        self._stats.packets_sent += packets
        self._stats.bytes_sent += payload
        return size

    def shrink(self) -> int:
        """Drop the older half of the data because all queues together are full; return the bytes freed."""
        lane = self._data if self._data.size >= self._disco.size else self._disco
        before = left = lane.size
        end = lane.head
        while left > before // 2:
            left -= len(lane.runs[end][1]) + RUN_COST
            end += 1
        self._drop_until(lane, end, QUEUE_TOTAL)
        return before - left

    def clear(self, reason: str) -> None:
        """Drop everything, counting packets under `reason`."""
        self._control.clear()
        self._control_size = 0
        for lane in (self._disco, self._data):
            self._drop_until(lane, len(lane.runs), reason)

    def _drop_until(self, lane: _Lane, end: int, reason: str) -> None:
        """Drop all runs before `end` in one go: there may be thousands, and many queues may be dropped at once."""
        runs = lane.runs[lane.head : end]
        size = packets = 0
        for _, frames, count, flow in runs:
            size += len(frames)
            packets += count
            if flow is not None:
                flow.dropped += len(frames) - count * RECV_OVERHEAD
        del lane.runs[:end]
        lane.head = 0
        lane.size -= size + len(runs) * RUN_COST
        self._total.used -= size + len(runs) * RUN_COST
        self._count_drop(reason, lane, packets, size - packets * RECV_OVERHEAD)

    def _drop_oldest(self, lane: _Lane, reason: str) -> None:
        _, frames, count, flow = lane.pop()
        size = len(frames)
        if flow is not None:
            flow.dropped += size - count * RECV_OVERHEAD
        self._total.used -= size + RUN_COST
        self._count_drop(reason, lane, count, size - count * RECV_OVERHEAD)

    def _count_drop(self, reason: str, lane: _Lane, packets: int, payload_bytes: int) -> None:
        if packets:
            if self.dropped is None:
                self.dropped = Counter()
            self.dropped[reason] += packets
        self._drops.drop(reason, lane is self._disco, packets, payload_bytes)
