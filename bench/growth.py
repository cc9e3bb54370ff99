"""How a relay's cost grows: ``python -m bench.growth``, under four minutes, beside derper when it is found.

Two tables. *Idle*: relays with 100 to 10,000 connections that do nothing: what one adds to memory, what all of them
cost in CPU while every one gets its keep-alive, and what a packet of 8 busy pairs costs beside them. *Active*: a relay
with 2 to 400 pairs that all send. One short round: for the shape of the curve; `python -m bench` has the figures.

All idle relays wait at the same time, each with its clients in a process of their own: a keep-alive comes a minute
after the last one, and nobody wants to wait that long for each.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import machine, report
from bench.clients import Clients
from bench.connection import client_environment
from bench.generator import raise_descriptor_limit
from bench.load import Load, Order, Result
from bench.logins import settled_rss_bytes
from bench.servers import GET_DERPER, HOST, Derper, Running, Server, ServerError, Tailhub, find_derper
from bench.usage import of_tree

IDLE = (100, 1_000, 3_000, 10_000)  # connections
PAIRS = (2, 8, 32, 100, 400)
_KEEP_ALIVE_WINDOW_S = 66.0  # both relays send one every 60 to 65 s
_BUSY_S = 1.5
_LOGINS_AT_ONCE = 16
_LIMIT_S = 120.0
_ROOT = Path(__file__).resolve().parent.parent


class GrowthError(Exception):
    """A process of the measurement failed."""


@dataclass(slots=True)
class Idle:
    """A relay with idle connections."""

    server: str
    connections: int
    rss_bytes: int = 0
    rss_each_bytes: float = 0.0
    cpu_share: float = 0.0  # CPU seconds a second
    busy: Result | None = None


@dataclass(frozen=True, slots=True)
class Active:
    """A relay under the load of so many pairs."""

    server: str
    pairs: int
    result: Result


# --- idle -------------------------------------------------------------------------------------------------------------


class Holder:
    """A process whose clients log in and then do nothing. Use it in a ``with``."""

    def __init__(self, port: int, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.growth", "--hold", str(port), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=client_environment(),
        )

    def __enter__(self) -> None:
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self._process.wait()
            raise GrowthError("the idle clients could not log in")

    def __exit__(self, *exc: object) -> None:
        self._process.communicate("")  # it ends with its stdin


def hold(port: int, count: int) -> int:
    """What a `Holder`'s process does."""
    raise_descriptor_limit()
    clients = Clients(Order(load=Load(), host=HOST, port=port, pid=0, seconds=0))
    members = clients.log_in(count, _LOGINS_AT_ONCE)
    print(len(members), flush=True)
    sys.stdin.read()
    return 0


def measure_idle(servers: Sequence[Server], levels: Sequence[int]) -> list[Idle]:
    """All levels on all relays. Raises `GrowthError`, `ServerError`."""
    found = []
    with contextlib.ExitStack() as stack:
        relays = []
        for level in levels:
            for server in servers:
                relay = stack.enter_context(Running(server))
                idle = Idle(server.name, level)
                _progress(f"{server.name}, {level:,} connections")
                # What a relay loads with its first clients is no connection's share.
                stack.enter_context(Holder(relay.port, 16))
                before = settled_rss_bytes(relay.pid)
                stack.enter_context(Holder(relay.port, level - 16))
                idle.rss_bytes = settled_rss_bytes(relay.pid)
                idle.rss_each_bytes = (idle.rss_bytes - before) / (level - 16)
                relays.append((relay, idle))
                found.append(idle)
        _progress("idle")
        before_s = [cpu_s(relay.pid) for relay, _ in relays]
        started = time.monotonic()
        time.sleep(_KEEP_ALIVE_WINDOW_S)
        seconds = time.monotonic() - started
        for (relay, idle), cpu_before_s in zip(relays, before_s, strict=True):
            idle.cpu_share = (cpu_s(relay.pid) - cpu_before_s) / seconds
        for relay, idle in relays:
            _progress(f"{idle.server}, 8 busy pairs beside {idle.connections:,} connections")
            idle.busy = generate(relay, Load(pairs=8, window=16))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children, finer than the clock's ticks where the kernel has it."""
    total_ns = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                total_ns += int(path.read_text().split()[0])
    except OSError:
        total_ns = 0
    return total_ns / 1e9 if total_ns else of_tree(pid).cpu_s


# --- active -----------------------------------------------------------------------------------------------------------


def measure_active(servers: Sequence[Server], levels: Sequence[int]) -> list[Active]:
    """All levels on all relays, each on a fresh one. Raises `GrowthError`, `ServerError`."""
    found = []
    for pairs in levels:
        for server in servers:
            _progress(f"{server.name}, {pairs} pairs")
            with Running(server) as relay:
                found.append(Active(server.name, pairs, generate(relay, Load(pairs=pairs, window=16))))
    return found


def generate(relay: Running, load: Load) -> Result:
    """Put a load on a relay. Raises `GrowthError`."""
    order = Order(load=load, host=HOST, port=relay.port, pid=relay.pid, seconds=_BUSY_S)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.generator"],
            input=order.to_json(),
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            cwd=_ROOT,
            env=client_environment(),
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise GrowthError(f"the generator was not done after {_LIMIT_S:.0f} s") from None
    except subprocess.CalledProcessError as exc:
        raise GrowthError(exc.stderr.strip()) from exc
    return Result(**json.loads(done.stdout))


# --- tables -----------------------------------------------------------------------------------------------------------


def idle_rows(found: Sequence[Idle]) -> list[list[str]]:
    """The cells of the first table."""
    rows = [["idle connections", "relay", "RSS MiB", "KiB/conn", "CPU ms/s", "us/conn/min", "busy: per s", "CPU us"]]
    for idle in found:
        busy = ["", ""] if idle.busy is None else _packets(idle.busy)
        a_minute_us = idle.cpu_share * 60e6 / idle.connections
        rows.append(
            [
                *(f"{idle.connections:,}", idle.server),
                *(f"{idle.rss_bytes / 2**20:.1f}", f"{idle.rss_each_bytes / 1024:.1f}"),
                *(f"{idle.cpu_share * 1000:.2f}", f"{a_minute_us:.0f}", *busy),
            ]
        )
    return rows


def active_rows(found: Sequence[Active]) -> list[list[str]]:
    """The cells of the second table."""
    rows = [["pairs", "relay", "per s", "CPU us", "p50 ms", "p99 ms", "lost %"]]
    for active in found:
        result = active.result
        latency = [f"{result.latency_us.get(name, 0) / 1000:.2f}" for name in ("p50", "p99")]
        lost = 100 * result.lost / max(1, result.sent)
        rows.append([f"{active.pairs}", active.server, *_packets(result), *latency, f"{lost:.2f}"])
    return rows


def _packets(result: Result) -> list[str]:
    rate = f"{result.per_s:,.0f}" + ("*" if result.limit else "")
    return [rate, "" if result.cpu_us_each is None else f"{result.cpu_us_each:.2f}"]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=("idle", "active"), help="only this table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--hold", nargs=2, type=int, metavar=("PORT", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.hold:
        return hold(*options.hold)
    derper = find_derper()
    servers: list[Server] = [Tailhub()]
    if isinstance(derper, Derper):
        servers.append(derper)
    head = {**machine.describe(), **{server.name: f"{server.version} ({server.origin})" for server in servers}}
    print("\n".join(f"{name + ':':<9} {text}" for name, text in head.items()))
    try:
        idle = measure_idle(servers, IDLE) if options.only != "active" else []
        active = measure_active(servers, PAIRS) if options.only != "idle" else []
    except (GrowthError, ServerError) as exc:
        print(f"\n{exc}", file=sys.stderr)
        return 1
    _progress("")
    for rows in [idle_rows(idle)] * bool(idle) + [active_rows(active)] * bool(active):
        print("\n" + report.aligned(rows))
    print("\n*: the generator was the limit; the relay may be able to do more.")
    if not isinstance(derper, Derper):
        print(f"No comparison: {derper}. To get the original: {GET_DERPER}")
    if options.json:
        figures = {"idle": [dataclasses.asdict(i) for i in idle], "active": [dataclasses.asdict(a) for a in active]}
        options.json.write_text(json.dumps({"about": head, **figures}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
