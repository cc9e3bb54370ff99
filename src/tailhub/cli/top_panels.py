"""The small panels of ``tailhub top``: drops and STUN, certificates with verifiers and quotas, and the log. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tailhub.admin.api_types import Certificate, Event, Quota
from tailhub.cli.top_chart import bar, count, size
from tailhub.cli.top_texts import TEXTS, WORDS
from tailhub.cli.top_view import DAY_S, QUEUE_REASONS, WARN_DAYS, Seen, urgency
from tailhub.findings import Language, printable

__all__ = ["drops_panel", "log_lines", "watch_panel"]

_LEVELS = {"warning": "yellow", "error": "red", "debug": "dim"}
_MOST_REFUSED = 3
_BAR = 8  # columns


def drops_panel(seen: Seen, lang: Language, lines: int) -> RenderableType:
    """Why packets are dropped, those of now first; then what became of STUN requests."""
    texts, words = TEXTS[lang], WORDS[lang]
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True, style="dim")
    drops = [(seen.drops_per_s.get(reason, 0.0), number, reason) for reason, number in seen.overview.drops.items()]
    shown = sorted((row for row in drops if row[1]), reverse=True)[: max(1, lines - 1)]
    for per_s, number, reason in shown:
        style = "yellow" if per_s >= 0.05 and reason in QUEUE_REASONS else ""
        grid.add_row(Text(words.get(reason, reason), style), _per_s(per_s, lang, style), count(number))
    if not shown:
        grid.add_row(Text(texts["no_drops"], "green"), "", "")
    answered = seen.overview.stun.get("success", 0)
    others = sum(seen.overview.stun.values()) - answered
    others_per_s = sum(number for word, number in seen.stun_per_s.items() if word != "success")
    grid.add_row(texts["stun_answered"], _per_s(seen.stun_per_s.get("success", 0.0), lang), count(answered))
    if others and len(shown) + 2 <= lines:
        grid.add_row(texts["stun_other"], _per_s(others_per_s, lang), count(others))
    return grid


def _per_s(number: float, lang: Language, style: str = "") -> Text:
    return Text(TEXTS[lang]["per_s"].format(count=count(number)), style) if number >= 0.05 else Text("·", "dim")


def watch_panel(seen: Seen, lang: Language, lines: int) -> RenderableType:
    """What ends, is away or is used up: what is nearest to that first, where not all fits."""
    rows = sorted(_watched(seen, lang), key=lambda row: row[0])[:lines]
    return Group(*(_spread(left, right) for _, left, right in rows))


def _spread(left: Text, right: Text) -> Table:
    """One line: what does not fit of the left one goes."""
    line = Table.grid(expand=True, padding=(0, 1, 0, 0))
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(left, right)
    return line


def _watched(seen: Seen, lang: Language) -> Iterator[tuple[float, Text, Text]]:
    """Each with how urgent it is: the less the sooner."""
    texts = TEXTS[lang]
    for certificate in seen.certificates.certificates:
        days = (certificate.not_after - seen.at) / DAY_S
        name = ", ".join(certificate.names[:2]) or certificate.cert_name
        left = Text(printable(certificate.listener)) + Text(f" {printable(name)}" if name else "", "dim")
        yield days / WARN_DAYS, left, _days(certificate, seen.at, lang)
    for number, one in enumerate(seen.refused[:_MOST_REFUSED]):
        name = printable(one.node or one.short)
        left = Text.assemble(f"{texts['refused']} {one.id}  ", (name, "yellow"))
        yield number / 100, left, Text(printable(one.address), "dim")
    for verifier in seen.verifiers.verifiers:
        is_well = verifier.state in ("ok", "unknown")
        style = "green" if verifier.state == "ok" else "dim" if is_well else "red"
        yield 4.0 if is_well else 0.1, Text(printable(verifier.name)), Text(texts.get(verifier.state, "?"), style)
    for quota in seen.quotas.quotas:
        share = quota.used_bytes / quota.quota_bytes if quota.quota_bytes else 0.0
        yield 2.0 * max(0.0, 1 - share), _quota_name(quota), _quota_bar(quota, share, seen.quotas.currency)
    if len(seen.mesh.workers) > 1:
        for worker in seen.mesh.workers:
            left = Text(texts["worker"].format(number=worker.number))
            right = f"{count(worker.clients)}  {worker.cpu_percent:.0f} %  {size(worker.resident_bytes)}"
            yield 5.0 + worker.number, left, Text(right, "dim")


def _days(certificate: Certificate, now: float, lang: Language) -> Text:
    days = (certificate.not_after - now) / DAY_S
    texts = TEXTS[lang]
    if days < 0:
        return Text(texts["ended"], "bold red")
    shown = texts["days"].format(count=f"{days:.0f}") if days >= 2 else texts["hours"].format(count=f"{days * 24:.0f}")
    return Text(shown, {"bad": "bold red", "warning": "yellow", None: "green"}[urgency(certificate, now)])


def _quota_name(quota: Quota) -> Text:
    return Text(printable(quota.name or quota.key[:20] or quota.tenant))


def _quota_bar(quota: Quota, share: float, currency: str) -> Text:
    style = {"over": "red", "warned": "yellow"}.get(quota.level, "green")
    filled, rest = bar(share, _BAR)
    cost = f" {quota.cost:.2f} {currency}".rstrip() if quota.cost is not None else ""
    return Text.assemble((filled, style), (rest, "bright_black"), f" {share:.0%}", (printable(cost), "dim"))


def log_lines(events: Sequence[Event], lines: int, back: int = 0) -> RenderableType:
    """The last lines of the log, the newest at the bottom; `back`: older ones."""
    end = max(0, len(events) - back) or min(len(events), lines)
    shown = []
    for event in events[max(0, end - lines) : end]:
        at = time.strftime("%H:%M:%S ", time.localtime(event.at))
        line = Text.assemble((at, "dim"), (printable(event.text), _LEVELS.get(event.level, "")))
        line.no_wrap, line.overflow = True, "ellipsis"
        shown.append(line)
    return Group(*shown)
