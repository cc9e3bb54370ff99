"""One frame of ``tailhub probe``: what is known, for a terminal of this size. Pure; texts are in `probe_texts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tailhub.cli.probe_texts import TEXTS
from tailhub.cli.top_chart import bar, clock_span, columns_of_dots
from tailhub.findings import Language, printable
from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.history import in_columns
from tailhub.tools.probe.measurement import PathView, View
from tailhub.tools.probe.scale import binned, nice, top_s
from tailhub.tools.probe.series import Interval
from tailhub.tools.probe.words import ms, percent, rate, span

__all__ = ["ProbeWish", "frame", "pressed"]

_HISTOGRAM_COLUMNS = 44
_BAR = 16
_LOSS_ROWS = 2
_LEAST_TABLE = 4
_ALL_COLUMNS = 96  # of a terminal in which all columns of the table fit
_GOOD, _BAD = "cyan", "red"


@dataclass(frozen=True, slots=True)
class ProbeWish:
    """What whoever sits before it wants to see: which way, and all of its time or the last of it."""

    chosen: int = 0
    sees_all: bool = False
    is_over: bool = False


def pressed(wish: ProbeWish, key: str, paths: int) -> ProbeWish:
    """What a key makes of it."""
    if key in ("q", "interrupt", "escape"):
        return replace(wish, is_over=True)
    if key == "a":
        return replace(wish, sees_all=not wish.sees_all)
    step = {"up": -1, "down": 1, "home": -paths}.get(key, 0)
    return replace(wish, chosen=min(paths - 1, max(0, wish.chosen + step)))


def frame(view: View, wish: ProbeWish, setup: str, lang: Language, columns: int, lines: int) -> RenderableType:
    """The whole screen."""
    one = view.paths[wish.chosen]
    layout = Layout()
    table_lines = min(len(view.paths) + 3, max(_LEAST_TABLE, lines // 3))
    parts = [
        Layout(_head(view, setup, lang), size=2),
        Layout(_paths(view, wish, lang, columns, table_lines), size=table_lines),
    ]
    left = lines - 3 - table_lines
    pair_lines = len({pair.asks for pair in view.pairs}) + 3 if view.pairs else 0
    if left - pair_lines < 10:
        pair_lines = 0
    charts = Layout(size=left - pair_lines)
    chart_columns = columns - _HISTOGRAM_COLUMNS if columns >= 2 * _HISTOGRAM_COLUMNS else columns
    shown = [Layout(_over_time(one, wish, lang, chart_columns, left - pair_lines), ratio=1)]
    if chart_columns < columns:
        shown.append(Layout(_how_often(one.delays, lang, left - pair_lines - 2), size=_HISTOGRAM_COLUMNS))
    charts.split_row(*shown)
    parts.append(charts)
    if pair_lines:
        parts.append(Layout(_pairs(view, lang, columns), size=pair_lines))
    parts.append(Layout(_keys(view, wish, lang), size=1))
    layout.split_column(*parts)
    return layout


def _framed(content: RenderableType, title: Text) -> Panel:
    return Panel(content, title=title, title_align="left", box=box.ROUNDED, border_style="bright_black", padding=(0, 1))


def _head(view: View, setup: str, lang: Language) -> RenderableType:
    texts = TEXTS[lang]
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    name = view.paths[0].path.name if len(view.paths) == 1 else ""
    left = Text.assemble((" tailhub probe ", "bold reverse"), " ", (printable(name), "bold"))
    line.add_row(left, Text(f"{setup} · {clock_span(view.lasted_s)} ", "dim"))
    down = [one for one in view.paths if not one.is_up]
    state = Text(" ", no_wrap=True, overflow="ellipsis")
    if not down:
        state.append("● ", "green").append(texts["up"], "bold green")
    else:
        has_been = any(one.received or one.missed for one in view.paths)
        text = texts["connecting"] if not has_been else texts["some_down"].format(count=len(down), all=len(view.paths))
        text = texts["down"] if has_been and len(view.paths) == 1 else text
        state.append("● ", "red" if has_been else "yellow").append(text, "bold red" if has_been else "bold yellow")
        state.append("  ").append(printable(down[0].reason), "dim")
    for notice in dict.fromkeys(one.notice for one in view.paths if one.notice):
        state.append(f"  “{printable(notice)}”", "italic")
    return Group(line, state)


def _paths(view: View, wish: ProbeWish, lang: Language, columns: int, lines: int) -> RenderableType:
    """A row for each way; those around the chosen one, where not all fit."""
    texts = TEXTS[lang]
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(texts["path"], no_wrap=True, overflow="ellipsis", ratio=1)
    names = ["sent", "loss", "mean", "p50", "p99", "max", "jitter", "queue", "stun", "away"]
    if columns < _ALL_COLUMNS:
        names = ["loss", "mean", "p99", "max", "jitter", "queue", "away"]
    for name in names:
        table.add_column(texts[name], justify="right", no_wrap=True)
    rows = lines - 3
    first = max(0, min(wish.chosen - rows // 2, len(view.paths) - rows))
    for number, one in list(enumerate(view.paths))[first : first + max(1, rows)]:
        style = "bold" if number == wish.chosen and len(view.paths) > 1 else ""
        label = Text.assemble(("● ", "green" if one.is_up else "red"), (printable(one.path.name), style))
        cells = _cells(one)
        table.add_row(label, *(cells[column] for column in names))
    bandwidth = view.paths[wish.chosen].bandwidth
    through = rate(bandwidth.bytes_per_s) if bandwidth is not None else ""
    title = Text.assemble((texts["bandwidth"], "bold"), (f"  {through}", "dim")) if through else Text("")
    return _framed(table, title)


def _cells(one: PathView) -> dict[str, Text]:
    loss = one.loss
    style = "" if loss is None else "green" if loss == 0 else "yellow" if loss < 0.01 else "bold red"
    quantile = one.delays.quantile_s
    return {
        "sent": Text(str(one.sent)),
        "loss": Text(percent(loss), style),
        "mean": Text(ms(one.delays.mean_s)),
        "p50": Text(ms(quantile(0.5)), "bold"),
        "p99": Text(ms(quantile(0.99))),
        "max": Text(ms(one.delays.max_s)),
        "jitter": Text(ms(one.jitter_s)),
        "queue": Text(ms(one.queue.mean_s)),
        "stun": Text(ms(one.stun.quantile_s(0.5)), "dim"),
        "away": Text(span(one.away_s) if one.outages else "·", "red" if one.outages else "dim"),
    }


def _over_time(one: PathView, wish: ProbeWish, lang: Language, columns: int, lines: int) -> RenderableType:
    """What 99 % needed grows up, what was lost hangs below."""
    texts = TEXTS[lang]
    inner, rows = max(4, columns - 4), max(1, lines - 2 - _LOSS_ROWS)
    intervals: Sequence[Interval] = one.intervals
    intervals = in_columns(intervals, inner * 2) if wish.sees_all else intervals[-inner * 2 :]
    values = [interval.p99_s for interval in intervals]
    top = min(top_s(one.delays), nice(max((value or 0.0 for value in values), default=0.0)))
    losses = [_loss(interval) for interval in intervals]
    chart = Text(no_wrap=True)
    for line in columns_of_dots(values, top, rows):
        chart.append(line + "\n", _GOOD)
    for line in columns_of_dots(losses, 0.5, _LOSS_ROWS, hangs=True):
        chart.append(line + "\n", _BAD)
    chart.rstrip()
    step_s = intervals[-1].length_s if intervals else 0.0
    about = texts["p99_scale"].format(step=span(step_s), top=ms(top))
    return _framed(chart, Text.assemble((texts["time_title"], "bold"), (f"  {about}", "dim")))


def _loss(interval: Interval) -> float:
    due = interval.sent + interval.missed
    return (interval.lost + interval.missed) / due if due else 0.0


def _how_often(delays: Histogram, lang: Language, rows: int) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    low, top = delays.min_s or 0.0, top_s(delays)
    step_s = max(1e-6, (top - low) / max(1, rows - 1))
    counts, beyond = binned(delays, low, step_s, max(1, rows - 1))
    most = max(*counts, beyond, 1)
    for number, count in enumerate([*counts, beyond]):
        filled, rest = bar(count / most, _BAR)
        edge = f"≤ {ms(low + (number + 1) * step_s)}" if number < len(counts) else f"> {ms(top)}"
        share = percent(count / delays.count) if count else ""
        grid.add_row(edge, Text.assemble((filled, _GOOD), (rest, "bright_black")), Text(share, "dim"))
    return _framed(grid, Text(TEXTS[lang]["histogram_title"], "bold"))


def _pairs(view: View, lang: Language, columns: int) -> RenderableType:
    names = list(dict.fromkeys(pair.asks for pair in view.pairs))
    found = {(pair.asks, pair.asked): pair for pair in view.pairs}
    fit = max(1, (columns - 18) // 11)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True, style="dim", max_width=14)
    for name in names[:fit]:
        table.add_column(printable(name[:9]), justify="right", no_wrap=True)
    for asks in names:
        cells = []
        for asked in names[:fit]:
            pair = found[asks, asked]
            cells.append(Text(ms(pair.delays.quantile_s(0.5)), "red" if pair.loss else ""))
        table.add_row(printable(asks), *cells)
    return _framed(table, Text(TEXTS[lang]["pairs_title"], "bold"))


def _keys(view: View, wish: ProbeWish, lang: Language) -> Text:
    texts = TEXTS[lang]
    line = Text(" ", no_wrap=True)
    line.append("q", "bold").append(f" {texts['key_quit']}   ", "dim")
    line.append("a", "bold").append(" ")
    line.append(texts["key_all"], "bold underline" if wish.sees_all else "dim").append("   ")
    if len(view.paths) > 1:
        line.append("↑↓", "bold").append(f" {texts['key_choose']}", "dim")
    return line
