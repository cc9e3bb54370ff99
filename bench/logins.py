"""Logins, and what idle connections cost."""

from __future__ import annotations

import time

from bench.clients import Clients, now_us
from bench.histogram import Histogram
from bench.load import BUSY_CORES, Order, Result
from bench.usage import Meter, of_tree

WARM_LOGINS = 16  # what a relay loads or makes once, with its first client, is no login's share
_STILL_S = 0.5  # memory that has not changed for so long has settled
_STILL_BYTES = 1 << 16  # less than this is no change
_SETTLE_LIMIT_S = 5.0


def settled_rss_bytes(pid: int) -> int:
    """A relay's memory once it stands still."""
    deadline = time.monotonic() + _SETTLE_LIMIT_S
    still_since = time.monotonic()
    last = of_tree(pid).rss_bytes
    while time.monotonic() < min(deadline, still_since + _STILL_S):
        time.sleep(0.05)
        now = of_tree(pid).rss_bytes
        if abs(now - last) > _STILL_BYTES:
            last, still_since = now, time.monotonic()
    return last


def run_logins(order: Order) -> Result:
    """Clients log in and stay: logins a second, CPU of a login, memory of an idle connection."""
    load = order.load
    clients = Clients(order)
    clients.log_in(min(WARM_LOGINS, load.connections), load.logins_at_once)
    rss_before = settled_rss_bytes(order.pid)
    clients.latency = Histogram()
    meter = Meter(order.pid)
    begin_us = now_us()
    members = clients.log_in(load.connections, load.logins_at_once)
    seconds = (now_us() - begin_us) / 1e6
    _, own_cores, other_cores = meter.read(seconds)
    rss_after = settled_rss_bytes(order.pid)
    server, _, _ = meter.read(seconds)  # again: what a login leaves to do later belongs to it
    return Result(
        seconds=seconds,
        done=load.connections,
        sent=load.connections,
        lost=0,
        latency_us=clients.latency.percentiles(),
        server_cpu_s=server.cpu_s,
        server_rss_bytes=rss_after,
        server_rss_each_bytes=(rss_after - rss_before) / load.connections,
        generator_cores=own_cores,
        other_cores=other_cores,
        cipher=members[0].cipher,
        what="logins",
        limit=f"the generator used {own_cores:.0%} of a core" if own_cores > BUSY_CORES else "",
    )
