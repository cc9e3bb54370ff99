"""CPU time and memory of a process and its children, from the operating system."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used until now."""

    cpu_s: float
    rss_bytes: int  # pages that processes share are counted for each of them
    processes: int


def of_tree(pid: int) -> Usage:
    """The usage of `pid` and its children. The clock ticks in steps of 10 ms on Linux."""
    root = psutil.Process(pid)
    members = [root, *root.children(recursive=True)]
    cpu_s = 0.0
    rss_bytes = 0
    alive = 0
    for member in members:
        try:
            with member.oneshot():
                times = member.cpu_times()
                rss_bytes += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # ended between the listing and the look: its time is now in its parent's children_*
        cpu_s += times.user + times.system + times.children_user + times.children_system
        alive += 1
    return Usage(cpu_s, rss_bytes, alive)


def machine_busy_s() -> float:
    """CPU seconds that all programs of this machine have used since it started."""
    times = psutil.cpu_times()
    return float(
        sum(times)
        - times.idle
        - getattr(times, "iowait", 0)
        - getattr(times, "guest", 0)
        - getattr(times, "guest_nice", 0)
    )


class Meter:
    """Usage of a relay or of several together, of this process and of the rest of the machine between two moments."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.start()

    def start(self) -> None:
        """Measure from now on."""
        self._busy_s = machine_busy_s()
        self._server_s = sum(of_tree(pid).cpu_s for pid in self._pids)
        self._own_s = time.process_time()

    def read(self, seconds: float) -> tuple[Usage, float, float]:
        """``(the relays' use since start; own cores; other programs' cores)`` over `seconds`. RSS is that of now."""
        own_s = time.process_time() - self._own_s
        now = [of_tree(pid) for pid in self._pids]
        server_s = sum(one.cpu_s for one in now) - self._server_s
        others_s = machine_busy_s() - self._busy_s - own_s - server_s
        use = Usage(server_s, sum(one.rss_bytes for one in now), sum(one.processes for one in now))
        return use, own_s / seconds, max(0.0, others_s / seconds)
