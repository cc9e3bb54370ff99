"""What stands before a message in a client's log, and when the message was written.

Forms: tailscaled's own (``2026/11/27 17:28:04 …``, also with fractions), systemd's journal in its usual formats and as
JSON, syslog, Docker's and Kubernetes' time before each line, the files of the Windows service, macOS' ``log``,
Android's logcat, and Tailscale's own JSON (``{"logtail": …, "text": …}``). What a message says is looked for anywhere
in its line, so that only the time is read from all this.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

__all__ = ["seconds", "sortable", "split_line"]

_MOST_PREFIX = 120  # characters in which a time is looked for
_TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2} \d\d:\d\d:\d\d(?:\.\d{1,9})?"
    r"|\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
)
_JSON_TEXT = ("text", "MESSAGE")
_NOT_JSON = (ValueError, RecursionError)


def split_line(line: str) -> tuple[str, str]:
    """When it was written, as it is written, "" if it does not say; and the line, or the message of one in JSON."""
    if line.startswith("{"):
        found = _from_json(line)
        if found is not None:
            return found
    time = _TIME.search(line, 0, _MOST_PREFIX)
    return (time[0] if time is not None else ""), line


def sortable(time: str) -> str:
    """The time in a form whose order is that of time; "" for one without a year."""
    return time[:19].replace("/", "-").replace("T", " ") if time[:4].isdigit() else ""


def seconds(time: str) -> float | None:
    """The time in seconds, from a beginning that all times of its form have in common; None for what is none."""
    form = "%b %d %H:%M:%S" if time[:1].isalpha() else "%m-%d %H:%M:%S"
    whole = sortable(time) or f"2000 {time.partition('.')[0]}"  # a leap year
    try:
        return datetime.strptime(whole, "%Y-%m-%d %H:%M:%S" if sortable(time) else f"%Y {form}").timestamp()
    except ValueError:
        return None


def _from_json(line: str) -> tuple[str, str] | None:
    try:
        fields = json.loads(line)
    except _NOT_JSON:
        return None
    text = next((text for name in _JSON_TEXT if isinstance(text := fields.get(name), str)), None)
    if text is None:
        return None
    about = fields.get("logtail")
    time = about.get("client_time") if isinstance(about, dict) else None
    if isinstance(time, str):
        return time[:40], text
    return split_line(text)[0] or _journal_time(fields.get("__REALTIME_TIMESTAMP")), text


def _journal_time(microseconds: object) -> str:
    try:
        return f"{datetime.fromtimestamp(int(str(microseconds)) / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return ""
