"""The operator's notices to users: kept in a file of the state directory, and taken away when their time is over.

One process of a relay has them and tells whoever has clients. How they are told to a client: `tailhub.relay.health`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailhub.exceptions import MachineError
from tailhub.log_event import log_event
from tailhub.relay.health import MOST_NOTICE_TEXT, MOST_NOTICES, Audience, Notice
from tailhub.server.state import directory_finding
from tailhub.server.state_files import write_files

__all__ = ["NOTICES", "NoticeKeeper", "read_notices"]

NOTICES = "notices.json"
_MAX_LEN = 1 << 20  # bytes
_LOOK_S = 60.0  # between looks at the clock, which may be set

_log = logging.getLogger("tailhub")


class NoticeKeeper:
    """The notices of a relay; `tell` is called with all of them at the start, if there are any, and at each change."""

    def __init__(self, directory: Path, tell: Callable[[tuple[Notice, ...]], None]) -> None:
        self._directory = directory
        self._tell = tell
        self._turn = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._notices = {notice.audience: notice for notice in read_notices(directory, time.time())}
        if self._notices:
            self._tell(self.all)
        self._plan()

    @property
    def all(self) -> tuple[Notice, ...]:
        """All that hold, oldest first."""
        return tuple(sorted(self._notices.values(), key=lambda notice: notice.at))

    @property
    def is_full(self) -> bool:
        """Are there as many as there may be?"""
        return len(self._notices) >= MOST_NOTICES

    async def put(self, notice: Notice) -> None:
        """Tell this from now on, in the place of another one for the same. Raises `MachineError`: nothing changes."""
        await self._replace(lambda: [*(one for one in self.all if one.audience != notice.audience), notice])

    async def clear(self, audience: Audience | None) -> int:
        """Take back what was told these, None: all. How many there were. Raises `MachineError`: nothing changes."""
        before = len(self._notices)
        await self._replace(lambda: [] if audience is None else [one for one in self.all if one.audience != audience])
        return before - len(self._notices)

    def close(self) -> None:
        """The relay ends."""
        if self._timer is not None:
            self._timer.cancel()

    async def _replace(self, make: Callable[[], list[Notice]]) -> None:
        async with self._turn:
            notices = make()
            data = _serialize(notices)
            try:
                await self._loop.run_in_executor(None, write_files, self._directory, {NOTICES: data})
            except OSError as exc:
                raise MachineError(directory_finding(self._directory, exc)) from exc
            self._notices = {notice.audience: notice for notice in notices}
            self._tell(self.all)
            self._plan()

    def _plan(self) -> None:
        """Look again when the next one is over."""
        self.close()
        ends = [notice.until for notice in self._notices.values() if notice.until is not None]
        if ends:
            wait_s = min(max(0.0, min(ends) - time.time()), _LOOK_S)
            self._timer = self._loop.call_later(wait_s, self._look)

    def _look(self) -> None:
        now = time.time()
        over = [audience for audience, one in self._notices.items() if one.until is not None and one.until <= now]
        for audience in over:
            del self._notices[audience]
        if over:  # the file may keep them: they are over when it is read, too
            self._tell(self.all)
        self._plan()


def read_notices(directory: Path, now: float) -> list[Notice]:
    """Those of the file that hold; a file that cannot be read is none, which the log says."""
    try:
        with (directory / NOTICES).open("rb") as file:
            entries = json.loads(file.read(_MAX_LEN))["notices"]
        found = [_parse(entry) for entry in entries[:MOST_NOTICES]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as exc:
        _log.warning(
            "%s cannot be read, users are told nothing: %s", directory / NOTICES, exc, extra=log_event("notice")
        )
        return []
    return [notice for notice in found if notice.until is None or notice.until > now]


def _serialize(notices: Iterable[Notice]) -> bytes:
    entries = [{**asdict(notice), "key": notice.key.hex()} for notice in notices]
    return json.dumps({"notices": entries}, ensure_ascii=False, indent=1).encode() + b"\n"


def _parse(entry: dict[str, Any]) -> Notice:
    """A notice from JSON. Raises `ValueError`, `KeyError` or `TypeError`."""
    text, tenant, until = entry["text"], entry["tenant"], entry["until"]
    if not isinstance(text, str) or not isinstance(tenant, str | None) or len(text) > MOST_NOTICE_TEXT:
        raise ValueError("expected a text and a tenant's name")
    at, key = float(entry["at"]), bytes.fromhex(entry["key"])
    return Notice(text, at, None if until is None else float(until), tenant, key)
