"""The audit log of the operator's actions: who had what done, to what, and what came of it.

The last ones are in memory, for ``GET /api/v1/audit``; all are lines of JSON in a file of the state directory and lines
of the relay's log. The file is for its owner alone and bounded: when it is full it becomes the older one, and the older
one before it goes. A disk that is full costs lines, not actions.

Every action passes here, by whichever way it came: commands over ``admin.sock``, the dashboard over the pages' process.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tailhub.exceptions import LocalError
from tailhub.log_event import log_event
from tailhub.web.operator_api import Call, Field, Route

__all__ = ["AUDIT_FILE", "AuditLog"]

AUDIT_FILE: Final = "audit.log"
OLDER: Final = ".1"  # ends the name of the file before it
MOST_BYTES: Final = 1 << 20  # of each of the two
MOST_KEPT: Final = 1000  # in memory

_log = logging.getLogger("tailhub")


class AuditLog:
    """Kept in the file `path`; `clock` gives seconds since 1970."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._entries: deque[Mapping[str, Any]] = deque(maxlen=MOST_KEPT)
        self._is_writable = True
        self.routes = (
            Route(
                "GET",
                "audit",
                self._listed,
                "Actions since the relay started, the newest first",
                query=(Field("limit", f"at most so many, {MOST_KEPT} without it", "number"),),
            ),
        )

    def note(self, caller: str, action: str, target: str, outcome: str) -> None:
        """An action was asked for. See `tailhub.web.operator_api.OnAction`."""
        entry = {
            "at": round(self._clock(), 3),
            "caller": caller,
            "action": action,
            "target": target,
            "outcome": outcome,
        }
        self._entries.append(entry)
        # Quoted as JSON does: what a caller sent must not look like a line of its own.
        of = f" of {json.dumps(target, ensure_ascii=True)}" if target else ""
        extra = log_event("audit", action=action, target=target, caller=caller, outcome=outcome)
        _log.info("%s%s by %s: %s", action, of, caller, json.dumps(outcome, ensure_ascii=False), extra=extra)
        try:
            self._write(json.dumps(entry, ensure_ascii=True).encode() + b"\n")
            self._is_writable = True
        except OSError as exc:
            if self._is_writable:
                self._is_writable = False
                extra = log_event("audit", place=str(self._path), reason=exc.strerror or str(exc))
                _log.warning("the audit log %s cannot be written: %s", self._path, exc.strerror or exc, extra=extra)

    def _write(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(line) > MOST_BYTES:
                self._path.replace(self._path.with_name(self._path.name + OLDER))
                os.close(descriptor)
                descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    async def _listed(self, call: Call) -> Mapping[str, Any]:
        text = call.query("limit") or str(MOST_KEPT)
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_KEPT):
            raise LocalError(f"limit: expected 1 to {MOST_KEPT}")
        newest_first = list(self._entries)[::-1]
        return {"entries": newest_first[: int(text)]}
