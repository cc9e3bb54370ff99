"""The figures of a run as charts for the documentation: ``python -m bench.charts OUT.json DIRECTORY``.

Reads what ``python -m bench --json`` wrote, writes SVG and PNG. The same file gives the same charts, byte for byte.
Needs matplotlib (the extra `bench`); without it one sentence says so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NO_MATPLOTLIB = "No charts: matplotlib is not installed (pip install 'tailhub[bench]')."
SERVERS = ("tailhub", "derper")
_COLORS = {"tailhub": "#1f5fbf", "derper": "#b9c0c9"}
_INK, _QUIET, _LINE = "#1d2430", "#69727f", "#c9d0d8"
_PACKETS = ("saturation", "200-pairs", "spread", "64-byte", "16-KiB", "ping-pong")
_COSTS = ("saturation", "fixed-10k", "fixed-40k", "200-pairs", "spread", "64-byte", "16-KiB", "ping-pong")
_DELAYS = ("saturation", "fixed-10k", "fixed-40k", "spread", "64-byte", "16-KiB", "ping-pong")
_WHERE = {
    "free": "Free: the relay and the generator share all cores",
    "pinned": "Pinned: the relay on one core, the generator on another",
}
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "tailhub",
    "svg.fonttype": "path",
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "xtick.color": _INK,
    "ytick.color": _QUIET,
}

Medians = Mapping[tuple[str, str, str], float]  # by placement, scenario and server


def medians(trials: Sequence[Mapping[str, Any]], figure: str) -> dict[tuple[str, str, str], float]:
    """The median over the rounds of a figure; a name such as ``latency_us.p99`` reaches inside."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for trial in trials:
        value: Any = trial
        for part in figure.split(".", 1):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            found.setdefault((trial["placement"], trial["scenario"], trial["server"]), []).append(value)
    return {key: statistics.median(values) for key, values in found.items()}


def short(value: float) -> str:
    """A figure as it stands on its bar: three digits at most."""
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 100_000:
        return f"{value / 1000:.0f}k"
    if value >= 1000:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio_of(bars: Mapping[str, Sequence[float | None]], group: int) -> str:
    """Ours divided by theirs, as it stands below a group; empty when one of them is missing."""
    ours, theirs = (bars[server][group] for server in SERVERS)
    return f"{ours / theirs:.2f} x" if ours is not None and theirs else ""


def draw_bars(axes: Axes, groups: Sequence[str], bars: Mapping[str, Sequence[float | None]]) -> None:
    """Groups of bars, one bar a relay, each with its figure above and no axis; below each group the ratio."""
    width = min(0.38, 0.075 * len(groups))
    for i, (name, values) in enumerate(bars.items()):
        at = [group + (i - (len(bars) - 1) / 2) * width for group in range(len(groups))]
        known = [(x, value) for x, value in zip(at, values, strict=True) if value is not None]
        if not known:
            continue
        places, heights = zip(*known, strict=True)
        drawn = axes.bar(places, heights, width=width * 0.94, color=_COLORS[name], label=name)
        is_ours = name == "tailhub"
        axes.bar_label(
            drawn,
            labels=[short(value) for value in heights],
            padding=2,
            fontsize=8.5,
            color=_COLORS[name] if is_ours else _QUIET,
            fontweight="bold" if is_ours else "normal",
        )
    axes.set_xticks(range(len(groups)), groups)
    place: Any = {"xytext": (0, -20), "textcoords": "offset points", "ha": "center", "va": "top"}
    for i in range(len(groups)):
        axes.annotate(ratio_of(bars, i), (i, 0), fontsize=8.5, color=_QUIET, annotation_clip=False, **place)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.margins(y=0.14)
    axes.set_ylim(bottom=0)
    axes.tick_params(length=0)
    axes.set_yticks([])
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def entitle(figure: Figure, title: str, what: str) -> None:
    """The title, what is shown and which way is good; the legend to the right."""
    height = figure.get_size_inches()[1]
    figure.text(0.012, 1 - 0.16 / height, title, fontsize=14, fontweight="bold", va="top")
    figure.text(0.012, 1 - 0.47 / height, what, fontsize=10, color=_QUIET, va="top")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    place = (0.995, 1 - 0.1 / height)
    figure.legend(handles, labels, loc="upper right", bbox_to_anchor=place, ncols=len(labels), frameon=False)


def grouped(figures: Medians, scenarios: Sequence[str], title: str, what: str, *, scale: float = 1.0) -> Figure | None:
    """A panel for each placement, a group of bars for each scenario; None when nothing was measured."""
    from matplotlib.figure import Figure

    placements = [name for name in ("free", "pinned") if any(key[0] == name for key in figures)]
    shown = [name for name in scenarios if any(key[1] == name for key in figures)]
    if not placements or not shown:
        return None
    figure = Figure(figsize=(10, 0.95 + 2.6 * len(placements)))
    panels = figure.subplots(len(placements), 1, squeeze=False)
    for axes, placement in zip(panels[:, 0], placements, strict=True):
        values = {
            server: [
                None if (found := figures.get((placement, name, server))) is None else found * scale for name in shown
            ]
            for server in SERVERS
        }
        draw_bars(axes, shown, values)
        where = _WHERE[placement]
        axes.set_title(where, loc="left", fontsize=10.5, color=_INK, pad=8)
    finish(figure, title, what)
    return figure


def finish(figure: Figure, title: str, what: str) -> None:
    """Place the panels below the title."""
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(left=0.012, right=0.988, top=1 - 1.1 / height, bottom=0.52 / height, hspace=0.52)
    entitle(figure, title, what + "; below each group tailhub : derper")


def overload(trials: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Offered beside delivered."""
    from matplotlib.figure import Figure

    mine = [trial for trial in trials if trial["scenario"] == "overload"]
    if not mine:
        return None
    delivered = medians(mine, "per_s")
    rate = mine[0]["load"]["rate"]
    placements = [name for name in ("free", "pinned") if any(key[0] == name for key in delivered)]
    figure = Figure(figsize=(10, 3.6))
    axes = figure.subplots()
    bars = {server: [delivered.get((name, "overload", server)) for name in placements] for server in SERVERS}
    draw_bars(axes, [_WHERE[name] for name in placements], bars)
    axes.axhline(rate, color=_INK, linewidth=1, linestyle=(0, (4, 3)), label="offered")
    axes.set_ylim(top=rate * 1.08)
    finish(figure, "More than it can carry", f"{rate:,} packets/s offered: packets/s delivered, more is better")
    return figure


def memory(trials: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Memory of a connection, idle and after a burst."""
    from matplotlib.figure import Figure

    found = medians(trials, "server_rss_each_bytes")
    placement = "free" if any(key[0] == "free" for key in found) else "pinned"
    shown = {"logins": "idle", "after-burst": "idle after a burst"}
    names = [name for name in shown if any(key[:2] == (placement, name) for key in found)]
    if not names:
        return None
    figure = Figure(figsize=(10, 3.6))
    axes = figure.subplots()
    values = {
        server: [None if (each := found.get((placement, name, server))) is None else each / 1024 for name in names]
        for server in SERVERS
    }
    draw_bars(axes, [shown[name] for name in names], values)
    finish(figure, "Memory of a TLS connection", "KiB of the relay's resident memory, less is better")
    return figure


def draw_all(trials: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """Every chart that the trials have figures for, by file name."""
    charts = {
        "throughput": grouped(medians(trials, "per_s"), _PACKETS, "Throughput", "packets/s delivered, more is better"),
        "cpu": grouped(
            medians(trials, "cpu_us_each"),
            _COSTS,
            "What a packet costs",
            "CPU time of the relay for a delivered packet, microseconds, less is better",
        ),
        "p99": grouped(
            medians(trials, "latency_us.p99"),
            _DELAYS,
            "Delay",
            "p99 from the sender's write to the receiver's read, milliseconds, less is better",
            scale=1e-3,
        ),
        "overload": overload(trials),
        "memory": memory(trials),
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


def write_charts(source: Path, directory: Path) -> list[Path]:
    """Draw and write; the files. Needs matplotlib."""
    import matplotlib as mpl

    trials = json.loads(source.read_text())["trials"]
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(_STYLE):
        for name, figure in draw_all(trials).items():
            for suffix, about in ((".svg", {"Date": None}), (".png", {"Software": None})):
                path = directory / f"bench-{name}{suffix}"
                figure.savefig(path, dpi=160, facecolor="white", metadata=about)
                written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, draw, name the files."""
    parser = argparse.ArgumentParser(prog="python -m bench.charts", description=__doc__)
    parser.add_argument("source", type=Path, metavar="OUT.json", help="what python -m bench --json wrote")
    parser.add_argument("directory", type=Path, metavar="DIRECTORY", help="where the charts go")
    options = parser.parse_args(arguments)
    if find_spec("matplotlib") is None:
        print(NO_MATPLOTLIB, file=sys.stderr)
        return 0
    for path in write_charts(options.source, options.directory):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
