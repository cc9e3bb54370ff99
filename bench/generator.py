"""The load generator's process: ``python -m bench.generator`` reads an `Order` from stdin, prints a `Result`.

One thread, one epoll loop. It must not be the limit, so it never works for a single packet where it can work for a
batch (`bench.traffic`): one stamp, one encryption and one system call for all that a pair may send in a turn, one clock
reading and one histogram entry for all packets of a stamp in a read. When it was the limit all the same, it says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import sys

from bench.burst_memory import run_burst
from bench.connection import GeneratorError
from bench.load import Order, Result
from bench.logins import run_logins
from bench.packets import PacketRun
from bench.spread import SpreadRun
from bench.stun_load import run_stun


def raise_descriptor_limit() -> None:
    """Raise the soft limit on open files to the hard one, where there is one."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def carry_out(order: Order) -> Result:
    """Put the load. Raises `GeneratorError`."""
    load = order.load
    if load.stun:
        return run_stun(order)
    if load.connections:
        return run_burst(order) if load.burst_packets else run_logins(order)
    return (SpreadRun if load.receivers else PacketRun)(order).run()


def main() -> int:
    """Read an order, carry it out, print the result."""
    order = Order.from_json(sys.stdin.read())
    raise_descriptor_limit()
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    gc.disable()  # nothing here makes cycles, and a collection would show up as latency
    try:
        result = carry_out(order)
    except GeneratorError as exc:
        print(f"generator: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(dataclasses.asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
