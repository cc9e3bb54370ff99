"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import ssl
from pathlib import Path

import psutil


def cores() -> list[int]:
    """The cores that this process may use; empty where the system does not say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def describe() -> dict[str, str]:
    """Machine, system, Python and OpenSSL, as lines for the head of the table."""
    memory_gib = psutil.virtual_memory().total / 2**30
    count = len(cores()) or os.cpu_count() or 1
    return {
        "machine": f"{_cpu_name()}, {count} cores, {memory_gib:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": ssl.OPENSSL_VERSION,
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
