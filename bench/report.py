"""From results to one table: medians over rounds, and what tailhub's are in units of the original's. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.load import Result
from bench.trial import Placement, Trial

NOISY_CORES = 0.25  # other programs' use of the machine above which a trial counts as disturbed
LATE_US = 2000  # microseconds; packets that leave later than this go out in bursts, which are cheaper for a relay


@dataclass(frozen=True, slots=True)
class Column:
    """A figure of the table: where it comes from and how it is written."""

    title: str
    value: Callable[[Result], float | None]
    form: str
    is_compared: bool = True


def _ms(name: str) -> Callable[[Result], float | None]:
    def value(result: Result) -> float | None:
        us = result.latency_us.get(name)
        return None if us is None else us / 1000

    return value


def _lost_percent(result: Result) -> float | None:
    return None if result.what == "logins" else 100 * result.lost / max(1, result.sent)


def _kib_each(result: Result) -> float | None:
    return None if result.server_rss_each_bytes is None else result.server_rss_each_bytes / 1024


COLUMNS = (
    Column("per s", lambda r: r.per_s, ",.0f"),
    Column("CPU us", lambda r: r.cpu_us_each, ",.2f"),
    Column("p50 ms", _ms("p50"), ".3f"),
    Column("p99 ms", _ms("p99"), ".3f"),
    Column("p99.9 ms", _ms("p99.9"), ".3f"),
    Column("lost %", _lost_percent, ".2f", is_compared=False),
    Column("KiB/conn", _kib_each, ".1f"),
    Column("RSS MiB", lambda r: r.server_rss_bytes / 2**20, ".1f"),
    Column("cores", lambda r: r.server_cpu_s / r.seconds, ".2f", is_compared=False),
    Column("gen", lambda r: r.generator_cores, ".2f", is_compared=False),
)


def median(column: Column, trials: Sequence[Trial]) -> float | None:
    """The median of a figure over the rounds; None when the scenario has no such figure."""
    values = [value for trial in trials if (value := column.value(trial.result)) is not None]
    return statistics.median(values) if values else None


def spread_percent(trials: Sequence[Trial]) -> float | None:
    """How far the rounds' rates lie apart, in percent of their median; None for a single round."""
    rates = [trial.result.per_s for trial in trials]
    middle = statistics.median(rates)
    return 100 * (max(rates) - min(rates)) / middle if len(rates) > 1 and middle else None


def table_rows(trials: Sequence[Trial], servers: Sequence[str]) -> list[list[str]]:
    """One placement's cells, header first: for each scenario a row a relay, then first relay : second relay."""
    rows = [["scenario", "relay", COLUMNS[0].title, "+-%", *(column.title for column in COLUMNS[1:])]]
    for scenario in dict.fromkeys(trial.scenario for trial in trials):
        labels = [scenario.name, f"  {scenario.load.described()}", ""]
        medians: list[list[float | None]] = []
        for server in servers:
            of_server = [trial for trial in trials if trial.scenario == scenario and trial.server == server]
            if not of_server:
                continue
            medians.append([median(column, of_server) for column in COLUMNS])
            cells = [_cell(column, value) for column, value in zip(COLUMNS, medians[-1], strict=True)]
            if any(trial.result.limit for trial in of_server):
                cells[0] += "*"
            spread = spread_percent(of_server)
            rows.append([labels.pop(0), server, cells[0], "" if spread is None else f"{spread:.0f}", *cells[1:]])
        if len(medians) == 2:
            ratios = [_ratio(*each) for each in zip(COLUMNS, *medians, strict=True)]
            rows.append([labels.pop(0), "ratio", ratios[0], "", *ratios[1:]])
        elif labels[0].startswith("  "):
            rows.append([labels[0], *[""] * (len(rows[0]) - 1)])
    return rows


def _cell(column: Column, value: float | None) -> str:
    return "" if value is None else format(value, column.form)


def _ratio(column: Column, ours: float | None, theirs: float | None) -> str:
    if not column.is_compared or ours is None or not theirs:
        return ""
    return f"{ours / theirs:.2f}x"


def aligned(rows: Sequence[Sequence[str]], names: int = 2) -> str:
    """Cells as lines of text: the first `names` columns to the left, figures to the right, a rule below the header.

    A row with nothing but its first cell does not widen that column.
    """
    widths = [max(len(row[i]) for row in rows if i or any(row[1:])) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < names else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]], names: int = 2) -> str:
    """Cells as a Markdown table, the first `names` columns to the left, figures to the right."""
    rule = ["---" if i < names else "---:" for i in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(cell.strip() for cell in row) + " |" for row in [rows[0], rule, *rows[1:]])


def heading(placement: Placement) -> str:
    """What stands above a placement's table."""
    if placement is Placement.PINNED:
        return "Pinned: the relay on one core, the generator on another"
    return "Free: the relay and the generator share all cores"


def notes(trials: Sequence[Trial]) -> list[str]:
    """What a reader must know before trusting the figures."""
    lines = []
    for trial in trials:
        result = trial.result
        where = f"{trial.scenario.name}, {trial.placement}, {trial.server}, round {trial.round}"
        if result.limit:
            relay_cores = result.server_cpu_s / result.seconds
            lines.append(f"* {where}: {result.limit}, the relay {relay_cores:.2f} cores; it may be able to do more.")
        if result.held_back:
            lines.append(f"{where}: {result.held_back:,} packets were held back because the relay did not read.")
        if result.stray:
            lines.append(f"{where}: {result.stray:,} packets came twice or out of order.")
    disturbed = sum(trial.result.other_cores > NOISY_CORES for trial in trials)
    if disturbed:
        lines.append(f"{disturbed} of {len(trials)} trials ran while other programs used over {NOISY_CORES} cores.")
    late = sum(trial.result.late_us.get("p99", 0) > LATE_US for trial in trials)
    if late:
        lines.append(f"In {late} trials at a fixed rate packets left in bursts (p99 over {LATE_US / 1000:g} ms late).")
    ciphers = dict.fromkeys(f"{trial.server} {trial.result.cipher}" for trial in trials if trial.result.cipher)
    if ciphers:
        lines.append("Ciphers as agreed: " + ", ".join(ciphers) + ".")
    return lines
