"""What starting costs: ``python -m bench.import_cost``. CPU of the relay until it listens, memory once it is idle.

The CPU time is given in units of ``python -c 'import asyncio, ssl'``, run in turn with the relay, because seconds say
more about the machine than about the relay. Modules are compiled before, as an installer leaves them, whatever this
Python has been told about bytecode. Ends with code 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from bench import usage
from bench.servers import HOST, Running, ServerError, Tailhub, free_port

MAX_RATIO = 6.0
MAX_IDLE_MB = 80.0  # megabytes (10**6 bytes), all processes together
REFERENCE = "import asyncio, ssl"
_IDLE_S = 1.0  # a relay that has used (nearly) no CPU for this long has nothing left to load
_IDLE_LIMIT_S = 20.0
_TICK_S = 0.015  # one step of the system's clock, and a little


def reference_cpu_s() -> float:
    """CPU seconds of a Python that imports what every such server needs, from its start to its end."""
    process = subprocess.Popen([sys.executable, "-c", REFERENCE])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def relay_cpu_s(relay: Running) -> float:
    """CPU seconds of a relay that has just begun to listen, its children included."""
    # It goes on loading what it does not need for listening: stopped, it cannot while we read.
    os.kill(relay.pid, signal.SIGSTOP)
    try:
        return usage.of_tree(relay.pid).cpu_s
    finally:
        os.kill(relay.pid, signal.SIGCONT)


def idle_usage(relay: Running) -> usage.Usage:
    """What a relay has used once it has nothing left to do."""
    deadline = time.monotonic() + _IDLE_LIMIT_S
    last = usage.of_tree(relay.pid)
    idle_since = time.monotonic()
    while time.monotonic() < min(deadline, idle_since + _IDLE_S):
        time.sleep(0.1)
        now = usage.of_tree(relay.pid)
        if now.cpu_s - last.cpu_s > _TICK_S:
            last, idle_since = now, time.monotonic()
    return usage.of_tree(relay.pid)


def verdict(reference_s: Sequence[float], relay_s: Sequence[float], idle: usage.Usage) -> tuple[list[str], bool]:
    """The lines to print, and whether both limits are kept."""
    reference, relay = statistics.median(reference_s), statistics.median(relay_s)
    ratio = relay / reference
    idle_mb = idle.rss_bytes / 1e6
    processes = "1 process" if idle.processes == 1 else f"{idle.processes} processes"
    lines = [
        f"python -c '{REFERENCE}':  {reference:.3f} s CPU",
        f"tailhub relay until it listens:  {relay:.3f} s CPU, {ratio:.1f} times that (at most {MAX_RATIO:g})",
        f"tailhub relay, idle:  {idle_mb:.1f} MB resident in {processes} (at most {MAX_IDLE_MB:g})",
    ]
    return lines, ratio <= MAX_RATIO and idle_mb < MAX_IDLE_MB


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.import_cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="starts of each (5); medians are printed")
    rounds = parser.parse_args(arguments).rounds
    reference_s: list[float] = []
    relay_s: list[float] = []
    with tempfile.TemporaryDirectory() as bytecode:
        os.environ["PYTHONPYCACHEPREFIX"] = bytecode
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        for number in range(-1, rounds):  # the first one compiles, and has the disk read
            reference = reference_cpu_s()
            # Its defaults, but for loopback ports of its own and no look at the world outside.
            server = Tailhub(admin=f"{HOST}:{free_port(socket.SOCK_STREAM)}")
            try:
                with Running(server) as relay:
                    used = relay_cpu_s(relay)
                    if number in (-1, rounds - 1):
                        idle = idle_usage(relay)
                        if not idle.rss_bytes:
                            raise ServerError(f"the relay has ended while it was idle:\n{relay.last_lines()}")
            except ServerError as exc:
                print(exc, file=sys.stderr)
                return 1
            if number >= 0:
                reference_s.append(reference)
                relay_s.append(used)
    lines, is_kept = verdict(reference_s, relay_s, idle)
    print("\n".join(lines))
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
