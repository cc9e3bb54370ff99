"""Overload and fairness: ``python -m bench.fairness``. Starts the relays in turn and prints one table (and JSON).

plateau     the closed loop of `bench`, then 2.5 times its rate in an open loop: what is still delivered
flooded     ten pairs at fixed rates, together 40 % of the plateau, alone and with one flooder of each kind
busy        disco and control frames to a destination that four clients flood and that reads; bytes in the kernel
thin        the same where the destination's line has 20 Mbit/s and a queue of 50 ms (a network namespace; needs root)
stuck       clients that stop reading: what each costs, when it is dropped, what the others notice

The time that a relay's decision takes cannot be seen from outside: latencies are from the sender's write to the
receiver's read, and the part that lies in the kernel is told from the bytes waiting there (medians).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from bench.fairness.flood import Flood, FloodOrder
from bench.fairness.probe import Probe, local_port
from bench.fairness.stuck import run_stuck
from bench.fairness.thin_line import THIN, make_thin_line
from bench.load import Load, Order
from bench.packets import PacketRun
from bench.report import aligned
from bench.scenarios import Scenario
from bench.servers import HOST, Running, Server
from bench.trial import chosen_servers, run_trial

Figures: TypeAlias = dict[str, float]
PAIRS = 10
PAIRS_SHARE = 0.4  # of the plateau
OVERLOAD = 2.5
BUSY_SENDERS = 4
_UNKNOWN = "5a" * 32
# Kinds of flooders, and the bytes of their packets.
FLOODS = {"partner": 1200, "honest receiver": 1200, "unknown key": 1200, "partner, 64 B": 64, "partner, 16 KiB": 16384}


def measure_plateau(server: Server, seconds: float) -> Figures:
    """Saturation, then an open loop at 2.5 times its rate."""
    plateau = run_trial(Scenario("plateau", Load(pairs=8, window=16)), server, seconds)
    offered = int(plateau.per_s * OVERLOAD)
    overload = run_trial(Scenario("overload", Load(pairs=8, rate=offered)), server, seconds)
    return {
        "plateau/s": plateau.per_s,
        "offered/s": offered,
        "sent/s": overload.sent / overload.seconds,
        "delivered/s": overload.per_s,
        "of plateau": overload.per_s / plateau.per_s,
        "p50 ms": overload.latency_us.get("p50", 0) / 1e3,
        "p99 ms": overload.latency_us.get("p99", 0) / 1e3,
    }


def flood_order(kind: str, run: PacketRun) -> FloodOrder:
    """What a flooder of this kind does beside `run`'s pairs."""
    port = run.order.port
    if kind == "honest receiver":
        return FloodOrder(port=port, target=run.flows[0].receiver.key.hex())
    if kind == "unknown key":
        return FloodOrder(port=port, target=_UNKNOWN)
    return FloodOrder(port=port, target="", size=FLOODS[kind])


def measure_flooded(server: Server, seconds: float) -> Figures:
    """Ten honest pairs, alone and beside a flooder."""
    plateau = run_trial(Scenario("plateau", Load(pairs=8, window=16)), server, seconds).per_s
    load = Load(pairs=PAIRS, rate=int(plateau * PAIRS_SHARE))
    figures: Figures = {"offered/s": load.rate}
    with Running(server) as relay:
        for kind in ("nobody", *FLOODS):
            run = PacketRun(Order(load=load, host=HOST, port=relay.port, pid=relay.pid, seconds=seconds))
            with ExitStack() as stack:
                flooder = None if kind == "nobody" else stack.enter_context(Flood(flood_order(kind, run)))
                began = time.monotonic()
                result = run.run()
                took_s = time.monotonic() - began
            for flow in run.flows:
                flow.sender.close()
                flow.receiver.close()
            figures[f"{kind}: delivered/s"] = result.per_s
            figures[f"{kind}: lost %"] = 100 * result.lost / max(1, result.sent)
            figures[f"{kind}: p99 ms"] = result.latency_us.get("p99", 0) / 1e3
            if flooder is not None:
                figures[f"{kind}: flood/s"] = flooder.sent / took_s
    return figures


def measure_busy(server: Server, seconds: float, *, is_thin: bool = False) -> Figures:
    """Probes to a destination that is flooded."""
    with Running(server) as relay:
        probe = Probe(relay.port)
        if is_thin:
            make_thin_line(relay.port, local_port(probe.busy))
        with Flood(FloodOrder(port=relay.port, target=probe.key, senders=BUSY_SENDERS)):
            result = probe.run(seconds)
    figures = {
        "MB/s": result.bytes_per_s / 1e6,
        "probes": len(result.sent_us),
        "disco lost": result.lost,
    }
    for name, histogram in (("disco", result.disco), ("control", result.control)):
        figures |= {f"{name} {part} ms": us / 1e3 for part, us in histogram.percentiles().items() if part != "p99.9"}
    return figures | {
        "relay's kernel KiB": result.unsent_bytes / 1024,
        "client's kernel KiB": result.unread_bytes / 1024,
        "relay's kernel ms": result.share_ms(result.unsent_bytes),
        "client's kernel ms": result.share_ms(result.unread_bytes),
    }


def measure_thin(server: Server, seconds: float) -> Figures:
    """`measure_busy` in a network namespace whose relay has a thin line."""
    command = [sys.executable, "-m", "bench.fairness", "--inside", server.name, "--seconds", str(seconds)]
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid():
        return {}
    done = subprocess.run([unshare, "--net", *command], stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


Measure: TypeAlias = Callable[[Server, float], Figures]
MEASURES: dict[str, Measure] = {
    "plateau": measure_plateau,
    "flooded": measure_flooded,
    "busy": measure_busy,
    "thin": measure_thin,
    "stuck": run_stuck,
}


def table(rounds: dict[str, dict[str, list[Figures]]]) -> str:
    """Medians, a row a figure, a column a relay."""
    servers = list(rounds)
    rows = [["measure", "figure", *servers]]
    for measure in next(iter(rounds.values())):
        names = dict.fromkeys(name for server in servers for figures in rounds[server][measure] for name in figures)
        label = measure
        for name in names:
            cells = [_median(rounds[server][measure], name) for server in servers]
            rows.append([label, name, *cells])
            label = ""
    return aligned(rows)


def _median(rounds: Sequence[Figures], name: str) -> str:
    values = [figures[name] for figures in rounds if name in figures]
    if not values:
        return "-"
    value = statistics.median(values)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description="Overload and fairness.")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="measured time of a trial")
    parser.add_argument("--measure", action="append", choices=MEASURES, help="only this one; may be repeated")
    parser.add_argument("--server", choices=("tailhub", "derper"), help="only this one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    parser.add_argument("--inside", choices=("tailhub", "derper"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    servers, no_comparison = chosen_servers(options.inside or options.server)
    if not servers:
        print(no_comparison, file=sys.stderr)
        return 1
    if options.inside:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        print(json.dumps(measure_busy(servers[0], options.seconds, is_thin=True)))
        return 0
    rounds: dict[str, dict[str, list[Figures]]] = {server.name: {} for server in servers}
    for measure in options.measure or MEASURES:
        for _ in range(options.rounds):
            for server in servers:
                rounds[server.name].setdefault(measure, []).append(MEASURES[measure](server, options.seconds))
    print(table(rounds))
    if "thin" in rounds[servers[0].name]:
        print(f"thin: {THIN}.")
    if no_comparison:
        print(no_comparison)
    if options.json:
        options.json.write_text(json.dumps(rounds, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
