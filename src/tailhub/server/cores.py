"""How many processor cores this process may use, and how many workers a relay starts on them."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

_QUOTA = "sys/fs/cgroup/cpu.max"  # "max 100000", or microseconds of CPU and of time: what a container's --cpus sets


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that the scheduler gives us, no more than a container's quota allows; at least one."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (root / _QUOTA).read_text(encoding="ascii").split()
        count = min(count, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no quota, or none that can be read
        pass
    return max(count, 1)


def can_share_port() -> bool:
    """Whether several processes can serve one port here: elsewhere SO_REUSEPORT does not spread connections."""
    return sys.platform == "linux"


def worker_count(wanted: int | None, cores: int) -> int:
    """How many workers to start; None is for us to choose.

    Up to two cores one process is best: links between workers cost, and the other core has the kernel's share to do.
    On more, one core is left for that.
    """
    if wanted is not None:
        return wanted
    return 1 if cores <= 2 or not can_share_port() else cores - 1
