"""The command: ``python -m bench``. Starts the relays in turn, loads them, prints tables."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine, report, scenarios, targets
from bench.campaign import MANY_ROUNDS, Campaign
from bench.records import write_json
from bench.servers import Server
from bench.trial import Placement, chosen_servers


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
    parser.add_argument(
        "--placement",
        choices=(*Placement, "both"),
        help="free: both where the system puts them; pinned: the relay on one core, the generator on another (both)",
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes of tailhub (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every trial there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    try:
        options.scenarios = scenarios.by_name(options.scenario)
    except ValueError as exc:
        parser.error(str(exc))
    if options.quick:
        options.scenarios = [scenario.quick() for scenario in options.scenarios]
    can_pin = len(machine.cores()) > 1
    if options.placement == Placement.PINNED and not can_pin:
        parser.error("--placement pinned needs two cores on a system with processor affinity")
    if options.placement in (None, "both"):
        options.placements = list(Placement) if can_pin else [Placement.FREE]
    else:
        options.placements = [Placement(options.placement)]
    return options


def show_progress(text: str) -> None:
    """One line that is written over, for a person only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def described_run(options: argparse.Namespace, servers: Sequence[Server]) -> dict[str, str]:
    """What was measured, where and how: the head of the table."""
    tailhub = f", {options.workers} workers" if options.workers > 1 else ""
    when = time.strftime("%Y-%m-%d %H:%M")
    return {
        **machine.describe(),
        **{
            server.name: f"{server.version} ({server.origin}){tailhub if server.name == 'tailhub' else ''}"
            for server in servers
        },
        "run": f"{when}, {options.rounds} x {options.seconds:g} s a trial, placements {', '.join(options.placements)}",
    }


def print_report(campaign: Campaign, no_comparison: str) -> None:
    """A table for each placement, the verdicts, and what a reader must know."""
    names = [server.name for server in campaign.servers]
    for placement in campaign.placements:
        trials = [trial for trial in campaign.trials if trial.placement is placement]
        if trials:
            print(f"\n{report.heading(placement)}\n\n{report.aligned(report.table_rows(trials, names))}")
    verdicts = targets.verdict_rows(campaign.trials)
    if verdicts[1:]:
        print(f"\nReached? (tailhub : derper)\n\n{report.aligned(verdicts)}")
    print()
    for name, placement in campaign.again:
        print(f"{name}, {placement}: rounds lay on both sides of a limit; measured again, {MANY_ROUNDS} rounds count.")
    for line in [*report.notes(campaign.trials), *([no_comparison] if no_comparison else [])]:
        print(line)
    for failure in campaign.failures:
        print(failure, file=sys.stderr)


def write_markdown(path: Path, head: dict[str, str], campaign: Campaign) -> None:
    """The same tables for the documentation."""
    names = [server.name for server in campaign.servers]
    parts = ["\n".join(f"- {name}: {text}" for name, text in head.items())]
    for placement in campaign.placements:
        trials = [trial for trial in campaign.trials if trial.placement is placement]
        if trials:
            parts += [f"**{report.heading(placement)}**", report.markdown(report.table_rows(trials, names))]
    verdicts = targets.verdict_rows(campaign.trials)
    if verdicts[1:]:
        parts.append(report.markdown(verdicts))
    path.write_text("\n\n".join(parts) + "\n")


def main() -> int:
    """Measure and print."""
    options = parse_arguments()
    servers, no_comparison = chosen_servers(options.server, options.workers)
    if not servers:
        print(no_comparison, file=sys.stderr)
        return 1
    head = described_run(options, servers)
    for name, text in head.items():
        print(f"{name + ':':<9} {text}")
    campaign = Campaign(
        options.scenarios, servers, options.placements, options.rounds, options.seconds, report=show_progress
    )
    if options.json:  # after every trial, so that nothing is lost with a run that is broken off
        campaign.after_trial = lambda: write_json(options.json, head, campaign)
    is_whole = True
    try:
        campaign.run()
    except KeyboardInterrupt:
        show_progress("")
        is_whole = False
    print_report(campaign, no_comparison)
    if options.json:
        write_json(options.json, head, campaign)
    if options.markdown:
        write_markdown(options.markdown, head, campaign)
    if not is_whole:
        print("Broken off: the tables hold what was done by then.", file=sys.stderr)
        return 130
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
