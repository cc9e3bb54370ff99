"""``tailhub usage``: who used what, read from the store; the relay may run or not.

As a table for people, as CSV or as JSON. Words are in `usage_texts`, the time in `usage_period`.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailhub import findings
from tailhub.cli.output import write
from tailhub.cli.usage_period import Period, choose_period
from tailhub.cli.usage_texts import TEXTS
from tailhub.exceptions import LocalError, MachineError, UsageError
from tailhub.findings import Language, printable
from tailhub.keys import NodePublic, short_key
from tailhub.relay.billing import Billing
from tailhub.server.config import RelayConfig
from tailhub.server.limits_config import billing_of, limit_findings
from tailhub.server.state_place import locate
from tailhub.settings.merge import load
from tailhub.store.location import parse_location, public_location
from tailhub.store.records import GROUPINGS, OTHER_KEY, Grouping, Name, UsageRow

__all__ = ["Report", "print_usage"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_WIDE = 10_000  # columns, where nobody looks at a terminal: nothing is broken or cut


@dataclass(frozen=True, slots=True)
class Report:
    """What the store has of a period, and what keys are called."""

    by: Grouping
    period: Period
    billing: Billing
    where: str
    rows: Sequence[UsageRow]
    names: Mapping[bytes, Name]

    @property
    def total(self) -> UsageRow:
        """All rows together."""
        sums = ((row.packets, row.in_bytes, row.out_bytes) for row in self.rows)
        packets, in_bytes, out_bytes = map(sum, zip(*sums, strict=True)) if self.rows else (0, 0, 0)
        return UsageRow(packets, in_bytes, out_bytes)


def print_usage(
    config_file: str | None, state_dir: Path | None, by: str, times: tuple[str, str, str], form: str, lang: Language
) -> int:
    """Print it; the exit code. `times` are ``--month``, ``--since`` and ``--until``; `form` is table, csv or json."""
    grouping = next((one for one in GROUPINGS if one == by), None)
    if grouping is None:
        raise UsageError(findings.wrong_usage(f"--by {by}", "tailhub usage", "unknown", GROUPINGS))
    flags = {"config": config_file, "state_dir": None if state_dir is None else str(state_dir)}
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    settings = load(flags, os.environ, uid, sys.platform)
    for fault in settings.faults:
        if fault.severity == "error":
            raise UsageError(fault)
    config = settings.config()
    for finding in limit_findings(config):
        raise UsageError(finding)
    billing = billing_of(config)
    period = choose_period(*times, time.time(), billing)
    report = asyncio.run(_read(_place(config, uid), grouping, period, billing))
    if form == "csv":
        write(_csv(report))
    elif form == "json":
        write(json.dumps(_json(report), indent=1, ensure_ascii=False) + "\n")
    else:
        write(_table(report, lang))
    return 0


def _place(config: RelayConfig, uid: int | None) -> Path | str:
    """Where the store is. Raises `UsageError` or `MachineError`."""
    try:
        place = parse_location(config.store, locate(config.state_dir, os.environ, uid))
    except LocalError as exc:
        raise UsageError(findings.bad_store(config.place("store"), str(exc))) from None
    if place is None:
        raise MachineError(findings.store_missing("", off=True))
    return place


async def _read(place: Path | str, by: Grouping, period: Period, billing: Billing) -> Report:
    from tailhub.store.store import Store

    store = await Store.open_to_read(place)
    try:
        rows = await store.usage(period.since, period.until, by, billing.zone)
        return Report(by, period, billing, public_location(place), rows, await store.names())
    finally:
        await store.close()


# --- for programs -----------------------------------------------------------------------------------------------------


def _csv(report: Report) -> str:
    rows = [_values(report, row) for row in report.rows]
    head = list(_values(report, _blank(report.by)))
    text = io.StringIO()
    writer = csv.DictWriter(text, head, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _json(report: Report) -> dict[str, Any]:
    billing, zone = report.billing, report.billing.zone
    return {
        "since": datetime.fromtimestamp(report.period.since, zone).isoformat(),
        "until": datetime.fromtimestamp(report.period.until, zone).isoformat(),
        "time_zone": str(zone),
        "by": report.by,
        "billed": billing.counts,
        "price_per_gb": billing.price_per_gb or None,
        "currency": billing.currency or None,
        "rows": [_values(report, row) for row in report.rows],
        "total": _amounts(report, report.total),
    }


def _blank(by: Grouping) -> UsageRow:
    """A row with everything that one of this grouping has."""
    names: dict[Grouping, dict[str, Any]] = {
        "key": {"tenant": "", "key": OTHER_KEY},
        "pair": {"tenant": "", "key": OTHER_KEY, "peer": OTHER_KEY},
        "tenant": {"tenant": ""},
        "day": {"day": ""},
        "relay": {"relay": ""},
    }
    return UsageRow(0, 0, 0, **names[by])


def _values(report: Report, row: UsageRow) -> dict[str, Any]:
    """A row for programs: keys whole, sizes in bytes. Other keys, taken together, are called ``other``."""
    values: dict[str, Any] = {
        name: value for name in ("day", "relay", "tenant") if (value := getattr(row, name)) is not None
    }
    for prefix, key in (("", row.key), ("peer_", row.peer)):
        if key is not None:
            name = report.names.get(key)
            values[f"{prefix}key" if not prefix else "peer"] = "other" if key == OTHER_KEY else str(NodePublic(key))
            values[f"{prefix}name"] = name.node if name else ""
            values[f"{prefix}owner"] = name.owner if name else ""
    return values | _amounts(report, row)


def _amounts(report: Report, row: UsageRow) -> dict[str, Any]:
    amounts: dict[str, Any] = {"packets": row.packets, "in_bytes": row.in_bytes, "out_bytes": row.out_bytes}
    if report.billing.price_per_gb:
        amounts["price"] = round(report.billing.price(row.in_bytes, row.out_bytes), 6)
    return amounts


# --- for people -------------------------------------------------------------------------------------------------------


def _table(report: Report, lang: Language) -> str:
    """A table, in colour on a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    words, zone = TEXTS[lang], report.billing.zone
    since, until = (f"{datetime.fromtimestamp(at, zone):%Y-%m-%d}" for at in (report.period.since, report.period.until))
    stream = io.StringIO()
    is_terminal = sys.stdout.isatty()
    console = Console(
        file=stream,
        force_terminal=is_terminal,
        width=None if is_terminal else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(Text(words["title"].format(since=since, until=until), "bold"), soft_wrap=True)
    remarks = [words["where"].format(where=printable(report.where))]
    remarks += [words["zone"].format(zone=zone)] if zone is not UTC else []
    remarks += [words[f"billed_{report.billing.counts}"]] if report.billing.price_per_gb else []
    console.print(Text("  ".join(remarks), "dim"), soft_wrap=True)
    if not report.rows:
        console.print("\n" + words["nothing"])
        return stream.getvalue()
    has_tenants = any(row.tenant for row in report.rows)
    labels = _labels(report, _blank(report.by), words, has_tenants)
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False, header_style="bold", footer_style="bold")
    amounts = list(_shown_amounts(report, report.total, words))
    for index, (head, _) in enumerate(labels):
        table.add_column(head, words["total"] if index == 0 else "", overflow="fold")
    for head, text in amounts:
        table.add_column(head, text, justify="right", no_wrap=True)
    for row in report.rows:
        cells = [*_labels(report, row, words, has_tenants), *_shown_amounts(report, row, words)]
        table.add_row(*(Text(printable(text)) for _, text in cells))
    console.print(table)
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines).rstrip() + "\n"


def _labels(report: Report, row: UsageRow, words: Mapping[str, str], has_tenants: bool) -> list[tuple[str, str]]:
    """Column and text of what a row is about."""
    labels = [(words[name], value) for name in ("day", "relay") if (value := getattr(row, name)) is not None]
    if row.key is not None:
        labels.append((words["key" if row.peer is None else "from"], _called(row.key, report.names, words)))
    if row.peer is not None:
        labels.append((words["peer"], _called(row.peer, report.names, words)))
    if row.tenant is not None and (has_tenants or report.by == "tenant"):
        labels.append((words["tenant"], row.tenant))
    return labels


def _called(key: bytes, names: Mapping[bytes, Name], words: Mapping[str, str]) -> str:
    """A device's name and owner; without, its key, shortened as everywhere."""
    if key == OTHER_KEY:
        return words["others"]
    name = names.get(key)
    if name is None or not name.node:
        return short_key(key)
    return f"{name.node} ({name.owner})" if name.owner else name.node


def _shown_amounts(report: Report, row: UsageRow, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    heads = ("sent", "received") if report.by == "key" else ("in", "out")
    yield words["packets"], f"{row.packets:,}"
    yield words[heads[0]], _size(row.in_bytes)
    yield words[heads[1]], _size(row.out_bytes)
    if report.billing.price_per_gb:
        price = f"{report.billing.price(row.in_bytes, row.out_bytes):,.2f}"
        yield words["price"], f"{price} {report.billing.currency}".rstrip()


def _size(count: int) -> str:
    """Bytes in powers of ten, as providers bill them, to three digits."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f} {_UNITS[unit]}"
