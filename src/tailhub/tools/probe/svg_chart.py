"""What was measured as one picture: over time, how often, and between regions. Pure; no outside resources.

Light or dark as the viewer has it (`prefers-color-scheme`). The delay's axis is shared by the time chart and the
histogram at its right; what few packets took far longer is off the scale and marked at its edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tailhub.findings.language import Language
from tailhub.tools.probe.histogram import Histogram
from tailhub.tools.probe.history import in_columns
from tailhub.tools.probe.measurement import PairView, PathView, View
from tailhub.tools.probe.scale import binned, top_s
from tailhub.tools.probe.series import Interval
from tailhub.tools.probe.words import CHART_WORDS, figures, ms, percent, span

__all__ = ["svg"]

_WIDTH: Final = 1000
_LEFT, _TIME, _GAP, _BARS = 64, 660, 20, 220  # columns: axis, time chart, gap, histogram
_HEAD, _PLOT, _LOSS, _FOOT = 78, 150, 26, 42  # lines of a way's panel
_PANEL: Final = _HEAD + _PLOT + _LOSS + _FOOT
_POINTS: Final = 330
_MOST_BARS: Final = 48
_CELL: Final = 30
_STYLE: Final = """
svg{--ink:#1d2733;--dim:#66717f;--faint:#e3e7ec;--ground:#fff;--line:#1769aa;--band:#1769aa2e;
--most:#8a5a00;--bad:#c62828;--away:#c6282814}
@media (prefers-color-scheme:dark){svg{--ink:#e4e9ef;--dim:#96a2b0;--faint:#2c3642;--ground:#141a21;
--line:#63b3ed;--band:#63b3ed38;--most:#e0b050;--bad:#ff6b6b;--away:#ff6b6b22}}
text{font:12px system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC",
"Microsoft YaHei",sans-serif;fill:var(--dim)}
.ink{fill:var(--ink)}.name{font-size:16px;font-weight:600;fill:var(--ink)}.num{font-variant-numeric:tabular-nums}
.end{text-anchor:end}.mid{text-anchor:middle}.ground{fill:var(--ground)}.grid{stroke:var(--faint);stroke-width:1}
.line{fill:none;stroke:var(--line);stroke-width:1.6;stroke-linejoin:round}.band{fill:var(--band)}.bar{fill:var(--line)}
.most{fill:var(--most)}.bad{fill:var(--bad)}.away{fill:var(--away)}
"""


def svg(view: View, lang: Language) -> str:
    """The whole picture."""
    parts: list[str] = []
    top = 14
    for one in view.paths:
        parts += _panel(one, view.lasted_s, top, lang)
        top += _PANEL
    if view.pairs:
        names = [one.path.name for one in view.paths if one.path.is_through_one]
        parts += _table(view.pairs, names, top, lang)
        top += 74 + _CELL * len(names)
    size = f'width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
    ground = f'<rect class="ground" width="{_WIDTH}" height="{top}"/>'
    body = "\n".join((f"<style>{_STYLE}</style>", ground, *parts))
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n{body}\n</svg>\n'


@dataclass(frozen=True, slots=True)
class _Scale:
    """From delays and times to places in the picture."""

    top: int
    top_s: float
    lasted_s: float

    def y(self, seconds: float) -> float:
        """What is off the scale is at its edge."""
        return self.top + _PLOT * (1 - min(1.0, seconds / self.top_s))

    def x(self, seconds: float) -> float:
        return _LEFT + _TIME * min(1.0, seconds / self.lasted_s)


def _panel(one: PathView, lasted_s: float, top: int, lang: Language) -> Iterator[str]:
    scale = _Scale(top + _HEAD, top_s(one.delays), max(lasted_s, 1e-9))
    words = CHART_WORDS[lang]
    yield f'<text class="name" x="{_LEFT}" y="{top + 18}">{escape(one.path.name)}</text>'
    said, part = figures(one, lang), words["part"]
    for line, texts in enumerate((said[:2], said[2:])):
        yield f'<text class="ink num" x="{_LEFT}" y="{top + 38 + 17 * line}">{escape(part.join(texts))}</text>'
    yield from _grid(scale)
    for outage in one.latest_outages:
        until_s = lasted_s if outage.length_s is None else outage.start_s + outage.length_s
        x, end = scale.x(outage.start_s), scale.x(until_s)
        title = f"{words['away']}: {span(until_s - outage.start_s)}; {outage.reason}"
        yield (
            f'<rect class="away" x="{x:.1f}" y="{scale.top}" width="{max(1.5, end - x):.1f}" height="{_PLOT + _LOSS}">'
            f"<title>{escape(title)}</title></rect>"
        )
    intervals = in_columns(one.intervals, _POINTS)
    yield from _curves(intervals, scale)
    yield from _losses(intervals, scale)
    yield from _histogram(one.delays, scale, words)
    yield from _legend(top + _HEAD + _PLOT + _LOSS + 30, words)


def _grid(scale: _Scale) -> Iterator[str]:
    for number in range(5):
        seconds = scale.top_s * number / 4
        y = scale.y(seconds)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_LEFT + _TIME}M{_LEFT + _TIME + _GAP} {y:.1f}h{_BARS}"/>'
        yield f'<text class="num end" x="{_LEFT - 8}" y="{y + 4:.1f}">{ms(seconds) if number else "0"}</text>'
    below = scale.top + _PLOT + _LOSS
    for number in range(5):
        x = _LEFT + _TIME * number / 4
        anchor = ("", "mid", "mid", "mid", "end")[number]
        at = span(scale.lasted_s * number / 4) if number else "0"
        yield f'<text class="num {anchor}" x="{x:.1f}" y="{below + 13}">{at}</text>'


def _curves(intervals: Sequence[Interval], scale: _Scale) -> Iterator[str]:
    """The band from the least to the 99th percentile, the median, and dots for the largest; broken where nothing is."""
    for run in _runs(intervals):
        edges = [(scale.x(one.start_s), scale.x(one.start_s + one.length_s)) for one in run]
        # Each interval is as wide as it was, so one alone is seen, too.
        upper = [(x, scale.y(one.p99_s or 0.0)) for one, pair in zip(run, edges, strict=True) for x in pair]
        lower = [(x, scale.y(one.min_s or 0.0)) for one, pair in zip(run, edges, strict=True) for x in pair]
        yield f'<path class="band" d="M{_points(upper)}L{_points(lower[::-1])}Z"/>'
        middle = [(sum(pair) / 2, scale.y(one.p50_s or 0.0)) for one, pair in zip(run, edges, strict=True)]
        if len(middle) == 1:
            middle = [(edges[0][0], middle[0][1]), (edges[0][1], middle[0][1])]
        yield f'<path class="line" d="M{_points(middle)}"/>'
    for one in intervals:
        if one.max_s is None or one.max_s <= (one.p50_s or 0.0) * 1.25:
            continue
        x = scale.x(one.start_s + one.length_s / 2)
        if one.max_s > scale.top_s:
            shape = f'<path class="most" d="M{x - 4:.1f} {scale.top + 1}l4 -7l4 7Z">'
            yield f"{shape}<title>{ms(one.max_s)}</title></path>"
        else:
            yield f'<circle class="most" cx="{x:.1f}" cy="{scale.y(one.max_s):.1f}" r="1.7"/>'


def _runs(intervals: Sequence[Interval]) -> Iterator[list[Interval]]:
    """Those that follow each other and have delays."""
    run: list[Interval] = []
    for one in intervals:
        follows = run and one.start_s <= run[-1].start_s + run[-1].length_s * 1.5
        if one.p50_s is None or not follows:
            if run:
                yield run
            run = []
        if one.p50_s is not None:
            run.append(one)
    if run:
        yield run


def _points(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _losses(intervals: Sequence[Interval], scale: _Scale) -> Iterator[str]:
    """Below: how much of what was due came to nothing. The full height is half of all."""
    floor = scale.top + _PLOT + _LOSS - 2
    yield f'<path class="grid" d="M{_LEFT} {floor}h{_TIME}"/>'
    for one in intervals:
        due = one.sent + one.missed
        share = (one.lost + one.missed) / due if due else 0.0
        if not share:
            continue
        x, end = scale.x(one.start_s), scale.x(one.start_s + one.length_s)
        height = max(2.0, (_LOSS - 8) * min(1.0, 2 * share))
        yield (
            f'<rect class="bad" x="{x:.1f}" y="{floor - height:.1f}" width="{max(1.2, end - x):.1f}" '
            f'height="{height:.1f}"><title>{escape(percent(share))}</title></rect>'
        )


def _histogram(delays: Histogram, scale: _Scale, words: Mapping[str, str]) -> Iterator[str]:
    """Bars lie on the delay's axis: the longer, the more packets took so long."""
    left = _LEFT + _TIME + _GAP
    step_s = scale.top_s / _MOST_BARS
    counts, beyond = binned(delays, 0.0, step_s, _MOST_BARS)
    most = max(counts, default=0) or 1
    height = _PLOT / _MOST_BARS
    for number, count in enumerate(counts):
        if count:
            y = scale.y((number + 1) * step_s)
            width = max(1.0, _BARS * count / most)
            part = escape(percent(count / delays.count))
            yield (
                f'<rect class="bar" x="{left}" y="{y:.2f}" width="{width:.1f}" height="{max(0.6, height - 0.6):.2f}" '
                f'rx="1"><title>{ms(number * step_s)} – {ms((number + 1) * step_s)}: {part}</title></rect>'
            )
    for share, name, down in ((0.5, "50 %", 14), (0.99, "99 %", -4)):  # below and above: never one on the other
        value = delays.quantile_s(share)
        if value is not None and value <= scale.top_s:
            y = scale.y(value) + down
            yield f'<text class="ink num end" x="{left + _BARS}" y="{y:.1f}">{name} {ms(value)}</text>'
    if beyond:
        text = words["beyond"].format(most=ms(delays.max_s))
        yield f'<text class="most end" x="{left + _BARS}" y="{scale.top - 6}">{escape(text)} ({beyond})</text>'


def _legend(y: int, words: Mapping[str, str]) -> Iterator[str]:
    signs = (
        ('<rect class="band" x="{x}" y="{y}" width="18" height="9"/>', "spread"),
        ('<path class="line" d="M{x} {m}h18"/>', "median"),
        ('<circle class="most" cx="{c}" cy="{m}" r="2.5"/>', "most"),
        ('<rect class="bad" x="{x}" y="{y}" width="18" height="9"/>', "lost"),
        ('<rect class="away" x="{x}" y="{y}" width="18" height="9"/>', "away"),
    )
    x = _LEFT
    for sign, name in signs:
        text = words[name]
        yield sign.format(x=x, y=y - 8, m=y - 3.5, c=x + 9)
        yield f'<text x="{x + 24}" y="{y}">{escape(text)}</text>'
        x += 46 + sum(12 if ord(char) > 0x2E80 else 7 for char in text)
    yield f'<text class="end" x="{_LEFT + _TIME + _GAP + _BARS}" y="{y}">{escape(words["delay"])}</text>'


def _table(pairs: Sequence[PairView], names: Sequence[str], top: int, lang: Language) -> Iterator[str]:
    """Rows: who asks. Columns: who is asked. The shorter the fainter."""
    found = {(one.asks, one.asked): one for one in pairs}
    known = [value for one in pairs if (value := one.delays.quantile_s(0.5)) is not None]
    most = max(known, default=0.001)
    left, width = _LEFT + 90, min(110, (_WIDTH - _LEFT - 110) // max(1, len(names)))
    yield f'<text class="ink" x="{_LEFT}" y="{top + 18}">{escape(CHART_WORDS[lang]["between"])}</text>'
    for column, name in enumerate(names):
        x = left + column * width + width / 2
        yield f'<text class="mid" x="{x:.1f}" y="{top + 42}">{escape(name[:14])}</text>'
    for row, asks in enumerate(names):
        y = top + 50 + row * _CELL
        yield f'<text class="end" x="{left - 10}" y="{y + 19}">{escape(asks[:14])}</text>'
        for column, asked in enumerate(names):
            one = found.get((asks, asked))
            value = one.delays.quantile_s(0.5) if one is not None else None
            shade = 0.08 + 0.5 * (value or 0.0) / most
            x = left + column * width
            lost = f"; {escape(percent(one.loss))}" if one is not None and one.loss else ""
            yield (
                f'<rect class="bar" x="{x + 1}" y="{y}" width="{width - 2}" height="{_CELL - 2}" rx="3" '
                f'fill-opacity="{shade:.2f}"/>'
                f'<text class="{"bad" if lost else "ink"} num mid" x="{x + width / 2:.1f}" y="{y + 19}">'
                f"{ms(value)}{lost}</text>"
            )
