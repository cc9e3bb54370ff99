"""A worker as the desk knows it: how to reach it, what it has answered, and how it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tailhub.net.message_channel import MessageChannel
from tailhub.server.admission_desk import AskingWorker
from tailhub.server.snapshot import ServiceSnapshot
from tailhub.server.steering_desk import SteeredWorker

__all__ = ["KnownWorker", "WorkerState"]

CPU_S: Final = 0.5  # over which the use of the processor is told, at least


@dataclass(frozen=True, slots=True)
class WorkerState:
    """How a worker does, as it was when it was last asked."""

    number: int
    pid: int
    clients: int
    cpu_percent: float
    resident_bytes: int


class KnownWorker:
    """One worker that runs, by its channel; nobody has heard of it before `now` (the loop's time)."""

    __slots__ = (
        "answered",
        "asking",
        "channel",
        "cpu_at",
        "cpu_percent",
        "cpu_s",
        "heard_at",
        "pid",
        "snapshot",
        "steered",
        "told",
        "traffic",
    )

    def __init__(self, channel: MessageChannel, now: float) -> None:
        self.channel = channel
        self.asking: AskingWorker | None = None  # where not everyone may relay
        self.steered: SteeredWorker | None = None
        self.heard_at = now
        self.answered = 0  # the last question that it answered
        self.told = 0  # the last question of the operator's pages that it answered
        self.pid = 0
        self.snapshot: ServiceSnapshot | None = None
        self.traffic: ServiceSnapshot | None = None  # the last one that has the clients
        self.cpu_percent = 0.0  # of one core, since it was at `cpu_s`
        self.cpu_s: float | None = None
        self.cpu_at = now

    def counted(self, number: int, snapshot: ServiceSnapshot, now: float) -> None:
        """It has answered."""
        cpu_s, passed_s = snapshot.values.get("process_cpu_s"), now - self.cpu_at
        if isinstance(cpu_s, int | float) and (self.cpu_s is None or passed_s >= CPU_S):
            self.cpu_percent = 100 * (cpu_s - self.cpu_s) / passed_s if self.cpu_s is not None else 0.0
            self.cpu_s, self.cpu_at = cpu_s, now
        self.snapshot, self.answered = snapshot, number
        if snapshot.has_traffic:
            self.traffic = snapshot

    def state(self, number: int) -> WorkerState:
        """How it does, as worker `number`."""
        values = self.snapshot.values if self.snapshot is not None else {}
        clients, resident = values.get("clients", 0), values.get("process_resident_bytes", 0)
        sizes = [int(one) if isinstance(one, int | float) else 0 for one in (clients, resident)]
        return WorkerState(number, self.pid, sizes[0], round(self.cpu_percent, 1), sizes[1])
