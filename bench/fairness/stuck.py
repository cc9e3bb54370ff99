"""Clients that stop reading: what each costs the relay, when it is dropped, and what the others notice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil

from bench.clients import Clients
from bench.connection import Connection, client_environment
from bench.fairness.probe import limit_receive_buffer, local_port
from bench.fairness.socket_queues import SocketQueues
from bench.load import Load, Order, Result
from bench.servers import HOST, Running, Server
from bench.traffic import OVERHEAD, Batch

STUCK = 8  # clients
_SIZE = 1200
_BURST = 50  # packets for each of them
_EVERY_S = 0.02
_LIMIT_S = 8.0
_RECEIVE_BUFFER = 1 << 18
_BESIDE = Load(pairs=4, rate=8000)
_ROOT = Path(__file__).resolve().parents[2]


def beside(relay: Running, seconds: float) -> subprocess.Popen[str]:
    """Honest pairs in a process of their own."""
    order = Order(load=_BESIDE, host=HOST, port=relay.port, pid=relay.pid, seconds=seconds)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.generator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env=client_environment(),
    )
    assert process.stdin is not None
    process.stdin.write(order.to_json())
    process.stdin.close()
    process.stdin = None
    return process


def result_of(process: subprocess.Popen[str]) -> Result:
    """What the pairs found."""
    out, _ = process.communicate(timeout=60)
    return Result(**json.loads(out))


def run_stuck(server: Server, seconds: float) -> dict[str, float]:
    """Honest pairs alone; then beside clients that are sent packets and do not read."""
    with Running(server) as relay:
        alone = result_of(beside(relay, seconds))
        clients = Clients(Order(load=Load(), host=HOST, port=relay.port, pid=0, seconds=0))
        members = clients.log_in(2 * STUCK, 1)
        process = beside(relay, _LIMIT_S / 2)
        figures = send_to_stuck(relay, clients, members)
        result = result_of(process)
    return figures | {
        "others, alone: p99 ms": alone.latency_us["p99"] / 1e3,
        "others, beside: p99 ms": result.latency_us["p99"] / 1e3,
        "others, beside: lost %": 100 * result.lost / max(1, result.sent),
    }


def send_to_stuck(relay: Running, clients: Clients, members: list[Connection]) -> dict[str, float]:
    """Send until all are dropped. A relay's end that is gone from the kernel's table has been closed."""
    senders, stuck = members[:STUCK], members[STUCK:]
    batches = [Batch(victim.key, _SIZE, _BURST) for victim in stuck]
    watched = [SocketQueues(relay.port, local_port(victim)) for victim in stuck]
    by_fd = {sender.fd: sender for sender in senders}
    for victim in stuck:
        clients.poller.unregister(victim.fd)
        limit_receive_buffer(victim, _RECEIVE_BUFFER)  # else megabytes would fit into the client's own end
    relay_process = psutil.Process(relay.pid)
    rss_before = rss_most = relay_process.memory_info().rss
    began = time.monotonic()
    ended: dict[int, float] = {}
    full_at = dict.fromkeys(range(STUCK), 0.0)  # since when the kernel has taken nothing more
    sent = 0
    while len(ended) < STUCK and time.monotonic() - began < _LIMIT_S:
        for sender, batch in zip(senders, batches, strict=True):
            if not sender.pending:
                sender.write(batch.stamped(_BURST, 1))
                sent += _BURST
        next_s = time.monotonic() + _EVERY_S
        while (left_s := next_s - time.monotonic()) > 0:
            for fd, _ in clients.poller.wait(left_s):
                by_fd[fd].flush()
                by_fd[fd].read(clients.raw, clients.view, 0)
        now_s = time.monotonic() - began
        for number, queues in enumerate(watched):
            last = queues.unsent[-1:]
            if number not in ended and not queues.sample():
                ended[number] = now_s
            elif queues.unsent[-1:] != last:
                full_at[number] = now_s
        rss_most = max(rss_most, relay_process.memory_info().rss)
    kernel = [max(queues.unsent, default=0) for queues in watched]
    waited = [ended[number] - full_at[number] for number in ended]
    return {
        "sent MiB each": sent * (_SIZE + OVERHEAD) / STUCK / 2**20,
        "relay's memory each MiB": (rss_most - rss_before) / STUCK / 2**20,
        "relay's kernel each MiB": max(kernel) / 2**20,
        "dropped of 8": len(ended),
        "dropped after s without progress": max(waited, default=0.0),
    }
