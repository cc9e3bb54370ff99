"""What connections cost after a burst: each sends and gets a heap of large packets, then is idle again."""

from __future__ import annotations

from collections.abc import Sequence

from bench.clients import Clients, now_us
from bench.connection import Connection
from bench.histogram import Histogram
from bench.load import BUSY_CORES, Load, Order, Result
from bench.logins import WARM_LOGINS, settled_rss_bytes
from bench.packets import read_on
from bench.poller import WRITABLE
from bench.traffic import Batch, PacketCounter
from bench.usage import Meter

_AT_ONCE = 100  # connections in a burst together: what all of them hold back must fit the generator's memory
_QUIET_S = 0.5  # when nothing has come for this long, the rest is lost


def run_burst(order: Order) -> Result:
    """Clients log in, have their burst and stay: memory of a connection afterwards."""
    load = order.load
    clients = Clients(order)
    clients.log_in(min(WARM_LOGINS, load.connections), load.logins_at_once)
    rss_before = settled_rss_bytes(order.pid)
    members = clients.log_in(load.connections + load.connections % 2, load.logins_at_once)
    clients.latency = Histogram()
    meter = Meter(order.pid)
    begin_us = now_us()
    received = 0
    for start in range(0, len(members), _AT_ONCE):
        received += burst(clients, members[start : start + _AT_ONCE], load)
    seconds = (now_us() - begin_us) / 1e6
    server, own_cores, other_cores = meter.read(seconds)
    rss_after = settled_rss_bytes(order.pid)
    sent = len(members) * load.burst_packets
    return Result(
        seconds=seconds,
        done=received,
        sent=sent,
        lost=sent - received,
        latency_us=clients.latency.percentiles(),
        server_cpu_s=server.cpu_s,
        server_rss_bytes=rss_after,
        server_rss_each_bytes=(rss_after - rss_before) / len(members),
        generator_cores=own_cores,
        other_cores=other_cores,
        cipher=members[0].cipher,
        limit=f"the generator used {own_cores:.0%} of a core" if own_cores > BUSY_CORES else "",
    )


def burst(clients: Clients, members: Sequence[Connection], load: Load) -> int:
    """Each of `members` sends its burst to its partner, all at once; how many packets came."""
    began_us = now_us()
    by_fd: dict[int, tuple[Connection, PacketCounter]] = {}
    for mine, partner in zip(members, [members[i ^ 1] for i in range(len(members))], strict=True):
        by_fd[mine.fd] = (mine, PacketCounter(partner.key, load.size))
        mine.write(Batch(partner.key, load.size, load.burst_packets).stamped(load.burst_packets, 0))
    missing = len(members) * load.burst_packets
    heard_us = now_us()
    while missing and now_us() - heard_us < _QUIET_S * 1e6:
        for fd, ready in clients.poller.wait(0.05):
            if fd not in by_fd:
                continue
            client, counter = by_fd[fd]
            if ready & WRITABLE:
                client.flush()
            if ready & ~WRITABLE:
                end = read_on(clients, client)
                stamps, stop = counter.count(clients.text, end)
                client.tail = bytes(clients.view[stop:end])
                count = sum(count for _, count in stamps)
                missing -= count
                heard_us = now_us()
                clients.latency.record(heard_us - began_us, count)
    return len(members) * load.burst_packets - missing
