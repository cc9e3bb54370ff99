"""A record of `logging` as one line of the log: bounded, printable, its parts apart.

Not here: how a line is written in each format (`tailhub.server.log_format`).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Final

from tailhub.admin.event_row import EventRow
from tailhub.findings import Finding, printable
from tailhub.log_event import FieldValue

__all__ = ["MAX_FIELD", "MAX_TEXT", "MAX_TRACEBACK", "name_process", "row_of"]

# Characters. What a line says is partly of a peer's or a verifier's choosing.
MAX_TEXT: Final = 4000
MAX_FIELD: Final = 256
MAX_TRACEBACK: Final = 8000

_this_process: dict[str, FieldValue] = {}


def name_process(name: str) -> None:
    """Say in all lines from now on which process of the relay has written them."""
    _this_process["worker"] = name


def row_of(record: logging.LogRecord) -> EventRow:
    """The line. Text and fields hold no lone surrogates; the text is printable."""
    found = next((one for one in _args(record) if isinstance(one, Finding)), None)
    event, fields = getattr(record, "event", ""), dict(_this_process)
    is_ours = record.name.partition(".")[0] == "tailhub"
    if not is_ours:
        fields["logger"] = record.name
    if found is not None:
        fields |= {"code": found.code, "finding": found.name}
    fields |= getattr(record, "fields", {})
    if record.exc_info and record.exc_info[1] is not None:
        trace = "".join(traceback.format_exception(record.exc_info[1]))
        fields["traceback"] = trace if len(trace) <= MAX_TRACEBACK else "…" + trace[-MAX_TRACEBACK:]
    return EventRow(
        at=record.created,
        level=record.levelname.lower(),
        event=event or ("finding" if found is not None else "internal_error" if is_ours else "library"),
        text=_bounded(printable(_bounded(record.getMessage(), MAX_TEXT)), MAX_TEXT),
        fields=_clean(fields),
    )


def _args(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()


def _clean(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """Without those that say nothing; texts bounded, and such as UTF-8 has."""
    clean: dict[str, FieldValue] = {}
    for name, value in fields.items():
        if isinstance(value, str):
            most = MAX_TRACEBACK + 1 if name == "traceback" else MAX_FIELD
            value = _bounded(value, most).encode("utf-8", "replace").decode()
        if value != "":
            clean[name] = value
    return clean


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
