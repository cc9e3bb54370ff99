"""How a line of the log is written: as text for people, as logfmt, or as JSON. Always one line, whatever it says.

For systemd's journal each line begins with its priority in angle brackets (sd-daemon(3)), which the journal takes off
again, and text has no time of its own. Times in logfmt and JSON are RFC 3339, UTC, with milliseconds.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from tailhub.admin.event_row import EventRow
from tailhub.findings import printable
from tailhub.server.log_line import row_of

__all__ = ["FORMATS", "OWN_FIELDS", "LogFormatter"]

OWN_FIELDS: Final = ("time", "level", "event", "msg")
"""What every line of logfmt or JSON has, before the fields of its event."""

_BARE: Final = re.compile(r"[!#-<>-\[\]-~]+")  # printable ASCII without the space, quotes, = and backslash
_PRIORITIES: Final = {"error": 3, "warning": 4, "info": 6, "debug": 7}  # syslog's


class LogFormatter(logging.Formatter):
    """Writes in one of the `FORMATS`. `ascii_only`: the stream can carry nothing else."""

    def __init__(self, form: str, *, for_journal: bool = False, ascii_only: bool = False) -> None:
        super().__init__()
        self._render = FORMATS[form]
        self._for_journal = for_journal
        self._ascii_only = ascii_only

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        row = row_of(record)
        text = self._render(row)
        if self._render is render_text and not self._for_journal:
            text = time.strftime("%H:%M:%S  ", time.localtime(row.at)) + text
        if self._ascii_only and self._render is not render_text:
            text = "".join(c if c.isascii() else _escaped(c) for c in text)
        if self._for_journal:
            prefix = f"<{_PRIORITIES.get(row.level, 3)}>"
            text = prefix + text.replace("\n", "\n" + prefix)
        return text


def render_text(row: EventRow) -> str:
    """As a person reads it. A traceback is the only thing that takes further lines."""
    trace = str(row.fields.get("traceback", "")).splitlines()
    return "\n".join([row.text, *(printable(line) for line in trace)])


def render_logfmt(row: EventRow) -> str:
    """``key=value`` pairs; a value that is not plain is a JSON string."""
    return " ".join(f"{name}={_logfmt_value(value)}" for name, value in _pairs(row).items())


def render_json(row: EventRow) -> str:
    """One JSON object."""
    return _printable_json(_pairs(row))


FORMATS: Final[Mapping[str, Callable[[EventRow], str]]] = {
    "text": render_text,
    "logfmt": render_logfmt,
    "json": render_json,
}
"""By what the setting ``log_format`` calls them."""


def _pairs(row: EventRow) -> dict[str, str | int | float | bool]:
    at = datetime.fromtimestamp(row.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": at, "level": row.level, "event": row.event, "msg": row.text, **row.fields}


def _logfmt_value(value: str | int | float | bool) -> str:
    if isinstance(value, str) and not _BARE.fullmatch(value):
        return _printable_json(value)
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _printable_json(value: object) -> str:
    """What is not printable stands in strings only, where JSON has an escape for it."""
    return "".join(c if c.isprintable() else _escaped(c) for c in _dumps(value))


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]
