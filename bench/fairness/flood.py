"""A flooder of its own process: ``python -m bench.fairness.flood`` reads a `FloodOrder` from stdin.

It prints one line when it has logged in and sends as fast as it can until its stdin ends; then it prints how many
packets it has sent. Nothing holds it back but TCP: the next packets are encrypted when the kernel has taken the last
ones.
"""

from __future__ import annotations

import dataclasses
import json
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench.clients import Clients
from bench.connection import client_environment
from bench.load import Load, Order
from bench.poller import READABLE
from bench.servers import HOST
from bench.traffic import OVERHEAD, Batch

_ROOT = Path(__file__).resolve().parents[2]
_WRITE_BYTES = 1 << 16
_WAIT_S = 0.1  # a flooder that the relay does not read looks up so often for its own end
_STOP_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodOrder:
    """Whom to flood with what."""

    port: int
    target: str  # a public key in hex; "" for a partner of its own, which reads
    size: int = 1200  # bytes of a packet
    senders: int = 1


class Flood:
    """The flooder's process as its owner sees it. Use it in a ``with``; `sent` is known after it."""

    def __init__(self, order: FloodOrder) -> None:
        self.sent = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.fairness.flood"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=client_environment(),
        )
        assert self._process.stdin is not None
        print(json.dumps(dataclasses.asdict(order)), file=self._process.stdin, flush=True)

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "flooding\n":
            self._process.kill()
            self._process.wait()
            raise RuntimeError("the flooder could not log in")
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            out, _ = self._process.communicate("", timeout=_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, _ = self._process.communicate()
        self.sent = int(out or 0)


def main() -> int:
    """Flood until stdin ends."""
    order = FloodOrder(**read_order())
    clients = Clients(Order(load=Load(), host=HOST, port=order.port, pid=0, seconds=0))
    members = clients.log_in(order.senders + (not order.target), 4)
    senders = members[: order.senders]
    target = bytes.fromhex(order.target) or members[-1].key
    batch = Batch(target, order.size, max(1, _WRITE_BYTES // (order.size + OVERHEAD)))
    frames = batch.stamped(batch.capacity, 1)
    by_fd = {member.fd: member for member in members}
    print("flooding", flush=True)
    sent = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        is_held_up = True
        for sender in senders:
            if not sender.pending:
                sender.write(frames)
                sent += batch.capacity
                is_held_up = is_held_up and bool(sender.pending)
        for fd, ready in clients.poller.wait(_WAIT_S if is_held_up else 0):
            by_fd[fd].flush()
            if ready & READABLE:
                by_fd[fd].read(clients.raw, clients.view, 0)
    print(sent, flush=True)
    return 0


def read_order() -> dict[str, Any]:
    """One line of stdin."""
    fields: dict[str, Any] = json.loads(sys.stdin.readline())
    return fields


if __name__ == "__main__":
    sys.exit(main())
