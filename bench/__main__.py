"""The command: ``python -m bench``. Starts the relays in turn, loads them, prints one table."""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine, report, scenarios
from bench.load import Order, Result
from bench.report import Trial
from bench.scenarios import Scenario
from bench.servers import GET_DERPER, HOST, Derper, Running, Server, ServerError, Tailhub, find_derper

_ROOT = Path(__file__).resolve().parent.parent
_GENERATOR_LIMIT_S = 120.0


class TrialError(Exception):
    """A trial that gave no result."""


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure tailhub beside the original derper.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, help="rounds, each relay in turn (3; with --quick 1)")
    parser.add_argument("--seconds", type=float, help="measured time of a trial (3; with --quick 1)")
    parser.add_argument(
        "--scenario", action="append", default=[], metavar="NAME", help="only this one; may be repeated"
    )
    parser.add_argument("--server", choices=("tailhub", "derper"), help="only this one")
    parser.add_argument("--pin", action="store_true", help="the relay on the first core, the generator on the second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every trial there")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    try:
        options.scenarios = scenarios.by_name(options.scenario)
    except ValueError as exc:
        parser.error(str(exc))
    if options.quick:
        options.scenarios = [scenario.quick() for scenario in options.scenarios]
    if options.pin and len(machine.cores()) < 2:
        parser.error("--pin needs two cores on a system with processor affinity")
    return options


def run_trial(scenario: Scenario, server: Server, seconds: float, pin: bool) -> Result:
    """Start a fresh relay and load it once. Raises `TrialError`, `ServerError`."""
    server_core, generator_core = machine.cores()[:2] if pin else (None, None)
    with Running(server, server_core) as relay:
        order = Order(
            load=scenario.load, host=HOST, port=relay.port, pid=relay.pid, seconds=seconds, core=generator_core
        )
        try:
            done = subprocess.run(
                [sys.executable, "-m", "bench.generator"],
                input=order.to_json(),
                capture_output=True,
                text=True,
                timeout=_GENERATOR_LIMIT_S,
                cwd=_ROOT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TrialError(f"the generator was not done after {_GENERATOR_LIMIT_S:.0f} s") from None
        if done.returncode:
            raise TrialError(f"{done.stderr.strip()}\n{server.name} had printed:\n{relay.last_lines()}")
        return Result(**json.loads(done.stdout))


def chosen_servers(only: str | None) -> tuple[list[Server], str]:
    """The relays to measure, and a line to print when the original is not among them."""
    servers: list[Server] = [Tailhub()] if only != "derper" else []
    derper = find_derper()
    if isinstance(derper, Derper):
        return ([*servers, derper] if only != "tailhub" else servers), ""
    return servers, f"No comparison: {derper}. To get the original: {GET_DERPER}"


def run_all(options: argparse.Namespace, servers: Sequence[Server]) -> list[Trial]:
    """All rounds. Raises `TrialError`, `ServerError`, with the trial's name in front."""
    trials = []
    for number in range(1, options.rounds + 1):
        for scenario in options.scenarios:
            for server in servers:  # in turn, so that a change of the machine's mood meets both
                name = f"{scenario.name}, {server.name}, round {number}"
                show_progress(name)
                try:
                    result = run_trial(scenario, server, options.seconds, options.pin)
                except (ServerError, TrialError) as exc:
                    raise type(exc)(f"{name}: {exc}") from exc
                trials.append(Trial(scenario, server.name, number, result))
    show_progress("")
    return trials


def show_progress(text: str) -> None:
    """One line that is written over, for a person only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def write_json(path: Path, head: dict[str, str], trials: Sequence[Trial]) -> None:
    """Every trial with what it was measured on."""
    rows = [
        {
            "scenario": trial.scenario.name,
            "load": dataclasses.asdict(trial.scenario.load),
            "server": trial.server,
            "round": trial.round,
            "per_s": trial.result.per_s,
            "cpu_us_each": trial.result.cpu_us_each,
            **dataclasses.asdict(trial.result),
        }
        for trial in trials
    ]
    path.write_text(json.dumps({"about": head, "trials": rows}, indent=1) + "\n")


def main() -> int:
    """Measure and print."""
    options = parse_arguments()
    servers, no_comparison = chosen_servers(options.server)
    if not servers:
        print(no_comparison, file=sys.stderr)
        return 1
    placement = "pinned (relay on one core, generator on another)" if options.pin else "free"
    when = time.strftime("%Y-%m-%d %H:%M")
    head = {
        **machine.describe(),
        **{server.name: f"{server.version} ({server.origin})" for server in servers},
        "run": f"{when}, {options.rounds} x {options.seconds:g} s a trial, placement {placement}",
    }
    for name, text in head.items():
        print(f"{name + ':':<9} {text}")
    try:
        trials = run_all(options, servers)
    except (ServerError, TrialError) as exc:
        print(f"\n{exc}", file=sys.stderr)
        return 1
    print("\n" + report.aligned(report.table_rows(trials, [server.name for server in servers])) + "\n")
    for line in [*report.notes(trials), *([no_comparison] if no_comparison else [])]:
        print(line)
    if options.json:
        write_json(options.json, head, trials)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
