"""One frame of ``tailhub top``: what is known and wished, for a terminal of this size. Pure; texts are in `top_texts`.

Colours are the terminal's own sixteen, so that a frame reads well on dark and on light ones. What comes from the relay
is shown as text, never read as markup or as a control sequence.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tailhub.admin.api_types import Pairs, Totals
from tailhub.cli.top_chart import bits, clock_span, columns_of_dots, count, nice_top, size
from tailhub.cli.top_panels import drops_panel, log_lines, watch_panel
from tailhub.cli.top_tables import WIDE, clients_table, mesh_table, pairs_table
from tailhub.cli.top_texts import TEXTS
from tailhub.cli.top_view import Complaint, Seen, Wish, link_word, resample, verdict
from tailhub.findings import Language, printable

__all__ = ["Place", "frame", "waiting", "where"]

WINDOW_S = 300.0
_LEAST_TOP = 1250.0  # bytes a second that fill the chart: 10 kbit/s
_NUMBERS, _WIDE_NUMBERS = 36, 46  # columns beside the chart
OUT, IN = "cyan", "magenta"
_STATE_STYLES = {"ready": "green", "starting": "yellow", "draining": "yellow", "evacuating": "yellow", "lost": "red"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything stands in a terminal of this size: lines of the parts, with their frames; 0: not shown."""

    columns: int
    lines: int
    traffic: int
    below: int

    @property
    def table(self) -> int:
        """Lines of the table, with its frame."""
        return max(3, self.lines - 3 - self.traffic - self.below)

    @property
    def rows(self) -> int:
        """Rows of the table, without frame and head."""
        return max(1, self.table - 3)


def where(columns: int, lines: int) -> Place:
    """What fits: in a small terminal the table comes first."""
    if lines >= 36:
        return Place(columns, lines, 10, 9)
    if lines >= 22:
        return Place(columns, lines, 6, 5)
    return Place(columns, lines, 6 if lines >= 15 else 0, 0)


def frame(seen: Seen, wish: Wish, lang: Language, place: Place) -> RenderableType:
    """The whole screen."""
    layout = Layout()
    parts = [Layout(_head(seen, lang, place), size=2)]
    if place.traffic:
        parts.append(Layout(_traffic(seen, lang, place), size=place.traffic))
    parts.append(Layout(_main(seen, wish, lang, place), size=place.table))
    if place.below:
        below = Layout(size=place.below)
        lines = place.below - 2
        panels = [
            Layout(_framed(drops_panel(seen, lang, lines), TEXTS[lang]["drops_title"]), ratio=7),
            Layout(_framed(watch_panel(seen, lang, lines), TEXTS[lang]["watch_title"]), ratio=7),
        ]
        if place.columns >= WIDE:
            panels.append(Layout(_framed(log_lines(seen.events, lines), TEXTS[lang]["events_title"]), ratio=8))
        below.split_row(*panels)
        parts.append(below)
    parts.append(Layout(_keys(wish, lang, place, has_mesh=bool(seen.mesh.peers)), size=1))
    layout.split_column(*parts)
    return layout


def waiting(asked: str, lang: Language) -> RenderableType:
    """Before the first answer."""
    return Padding(Text(TEXTS[lang]["asking"].format(place=printable(asked)), style="bold"), (1, 2))


def _framed(content: RenderableType, title: str | Text, subtitle: str = "") -> Panel:
    return Panel(
        content,
        title=title if isinstance(title, Text) else Text(title, style="bold"),
        title_align="left",
        subtitle=Text(subtitle, style="dim") if subtitle else None,
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="bright_black",
        padding=(0, 1),
    )


# --- the head ---------------------------------------------------------------------------------------------------------


def _head(seen: Seen, lang: Language, place: Place) -> RenderableType:
    texts, relay = TEXTS[lang], seen.overview.relay
    name = relay.hostname or (relay.addresses[0] if relay.addresses else "")
    left = Text.assemble((" tailhub ", "bold reverse"), " ", (printable(name), "bold"))
    facts = [texts["up"].format(span=clock_span(seen.at - relay.started))]
    if relay.region_id is not None:
        facts.append(texts["region"].format(number=relay.region_id))
    if relay.workers > 1:
        facts.append(texts["workers"].format(count=relay.workers))
    others = [peer for peer in seen.mesh.peers if peer.state not in ("self", "same")]
    if others:
        linked = sum(link_word(peer)[1] == "good" for peer in others)
        facts.append(texts["mesh_of"].format(linked=linked, count=len(others)))
    facts.append(printable(relay.version))
    right = Text(" · ".join(facts), style="dim") + Text(f"  {time.strftime('%H:%M:%S', time.localtime(seen.at))} ")
    line = Table.grid(expand=True)
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_column(no_wrap=True, justify="right")
    line.add_row(left, right)
    return Group(line, _verdict(seen, lang, place))


def _verdict(seen: Seen, lang: Language, place: Place) -> Text:
    """State, then what is worth a look."""
    texts = TEXTS[lang]
    state = "no_answer" if seen.trouble else seen.overview.state
    shown = texts[state] if state != "lost" else texts["no_answer"]
    style = "red" if seen.trouble else _STATE_STYLES.get(state, "yellow")
    line = Text.assemble(" ", ("●", style), " ", (shown, f"bold {style}"), no_wrap=True, overflow="ellipsis")
    complaints = verdict(seen)
    for complaint in complaints:
        line.append("  ")
        line.append("▲ ", "red" if complaint.severity == "bad" else "yellow")
        line.append(_said(complaint, texts))
    if not complaints and seen.overview.state == "ready":
        line.append(f"  {texts['well']}", "dim")
    for notice in seen.overview.notices:
        line.append(f"  “{printable(notice.text)}”", "italic")
    line.truncate(place.columns - 1, overflow="ellipsis")
    return line


def _said(complaint: Complaint, texts: Mapping[str, str]) -> str:
    key, values = complaint.text, {name: printable(value) for name, value in complaint.values.items()}
    if key == "pending" and values["count"] == "1":
        key = "pending_one"
    if key == "over_quota" and values["count"] != "1":
        key = "over_quotas"
    return texts[key].format(**values)


# --- traffic ----------------------------------------------------------------------------------------------------------


def _traffic(seen: Seen, lang: Language, place: Place) -> RenderableType:
    """What goes to clients grows up from the middle, what comes from them down."""
    texts, lines = TEXTS[lang], place.traffic - 2
    columns = max(10, place.columns - 6 - (_WIDE_NUMBERS if place.columns >= WIDE else _NUMBERS))
    times = [sample.at for sample in seen.samples]
    out, come = (
        resample(times, [getattr(sample, name) for sample in seen.samples], seen.at, WINDOW_S, columns * 2)
        for name in ("sent_per_s", "received_per_s")
    )
    top = nice_top(max(_LEAST_TOP, *(value or 0.0 for value in (*out, *come))) * 8) / 8
    half = lines // 2
    chart = Text(no_wrap=True)
    for line in columns_of_dots(out, top, lines - half):
        chart.append(line + "\n", OUT)
    for line in columns_of_dots(come, top, half, hangs=True):
        chart.append(line + "\n", IN)
    chart.rstrip()
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    grid.add_column(width=columns, no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True)
    grid.add_row(chart, _numbers(seen, lang, lines, is_wide=place.columns >= WIDE))
    title = Text.assemble(
        (texts["traffic"], "bold"),
        (f"  {texts['minutes'].format(count=5)} · {texts['scale'].format(rate=bits(top))}", "dim"),
    )
    return _framed(grid, title)


def _numbers(seen: Seen, lang: Language, lines: int, *, is_wide: bool) -> RenderableType:
    """Beside the chart, what matters most first: the rest does not fit into a small terminal."""
    texts, totals, rates, process = TEXTS[lang], seen.overview.totals, seen.overview.rates, seen.overview.process

    def per_s(number: float) -> str:
        return texts["per_s"].format(count=count(number))

    crowd = [f"{texts[name]} {count(number)}" for name, number in _crowd(totals) if number]
    crowd = crowd if is_wide else crowd[:1]
    dropped = f"{texts['dropped']} {count(rates.packets_dropped_per_s)}" if rates.packets_dropped_per_s >= 0.05 else ""
    rows: list[tuple[str, Text]] = [
        (texts["to"], Text(f"▲ {bits(rates.bytes_sent_per_s)}", f"bold {OUT}")),
        (texts["from"], Text(f"▼ {bits(rates.bytes_received_per_s)}", f"bold {IN}")),
        (texts["packets"], Text.assemble(per_s(rates.packets_received_per_s), "  ", (dropped, "yellow"))),
        (texts["clients"], Text.assemble((count(totals.clients), "bold"), "  ", (", ".join(crowd), "dim"))),
        (texts["queued"], Text(size(totals.queued_bytes))),
        (texts["logins"], Text(per_s(rates.logins_per_s))),
        (texts["process"], Text.assemble(f"{process.cpu_percent:.0f} %  ", size(process.resident_bytes))),
        (texts["descriptors"], Text(f"{count(process.open_fds)} / {count(process.max_fds)}")),
    ]
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=max(cell_len(label) for label, _ in rows[:lines]))
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for label, value in rows[:lines]:
        grid.add_row(label, value)
    return grid


def _crowd(totals: Totals) -> list[tuple[str, int]]:
    return [("homes", totals.homes), ("guests", totals.guests), ("held", totals.held)]


# --- the table and the keys -------------------------------------------------------------------------------------------


def _main(seen: Seen, wish: Wish, lang: Language, place: Place) -> RenderableType:
    texts = TEXTS[lang]
    title = Text(texts[f"{wish.table}_title"], "bold")
    if wish.table == "events":
        return _framed(log_lines(seen.events, place.table - 2, wish.offset), title)
    if wish.table == "mesh":
        if not seen.mesh.peers:
            return _framed(Text(texts["no_mesh"], "dim"), title)
        peers = seen.mesh.peers[wish.offset : wish.offset + place.rows]
        return _framed(mesh_table(peers, wish, lang, place.columns, seen.at), title)
    found = seen.pairs if wish.table == "pairs" else seen.clients
    if found is None:  # it has not been told yet
        return _framed(Text(""), title)
    shown = len(found.pairs if isinstance(found, Pairs) else found.clients)
    title.append(f" {found.total}", "dim")
    if wish.search:
        title.append(f"  “{printable(wish.search)}”", "yellow")
        title.append(f" {found.matching}", "dim")
    if not shown:
        empty = "no_match" if wish.search else "no_pairs" if wish.table == "pairs" else "none"
        return _framed(Text(texts[empty], "dim"), title)
    if isinstance(found, Pairs):
        content = pairs_table(found.pairs, wish, lang, place.columns, seen.at)
    else:
        content = clients_table(found.clients, wish, lang, place.columns, seen.at)
    rest = f"{wish.offset + 1}–{wish.offset + min(shown, place.rows)} / {found.matching}"
    return _framed(content, title, rest if found.matching > place.rows else "")


def _keys(wish: Wish, lang: Language, place: Place, *, has_mesh: bool) -> Text:
    """The keys that there are, as many as fit."""
    texts = TEXTS[lang]
    if wish.is_typing:
        line = Text.assemble((f" {texts['search']}: ", "bold yellow"), printable(wish.search), ("▏", "blink"))
        return line + Text(f"   {texts['search_help']}", "dim")
    tables = [(key, texts[f"key_{table}"], wish.table == table) for key, table in _TABLE_KEYS]
    if has_mesh:
        tables.append(("m", texts["key_mesh"], wish.table == "mesh"))
    sorts = [(key, texts[f"key_{name}"], name == wish.sort) for key, (name, _) in wish.sorts.items()]
    search = [("/", texts["key_search"], bool(wish.search))] if wish.has_search else []
    groups = [[("q", texts["key_quit"], False)], tables, search, sorts, [("↑↓", texts["key_scroll"], False)]]
    line = _chips(groups)
    if line.cell_len > place.columns:  # of the sorts, the letters have to do
        groups[3] = [(key, word if is_chosen else "", is_chosen) for key, word, is_chosen in sorts]
        line = _chips(groups)
    line.truncate(place.columns, overflow="ellipsis")
    return line


def _chips(groups: list[list[tuple[str, str, bool]]]) -> Text:
    """Keys with what they do."""
    line = Text(no_wrap=True)
    for group in groups:
        line.append(" ")
        for key, word, is_chosen in group:
            line.append(key, "bold")
            if word:
                line.append(" ").append(word, "bold underline" if is_chosen else "dim").append(" ")
            line.append(" ")
    return line


_TABLE_KEYS = (("c", "clients"), ("p", "pairs"), ("e", "events"))
