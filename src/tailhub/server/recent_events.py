"""The last lines of the log, kept for the operator's pages; with workers, those of all processes.

A worker keeps its own lines the same way and tells them to the desk now and then (`LinesWritten`).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from tailhub.admin.event_row import EventRow
from tailhub.server.log_line import row_of

__all__ = ["MOST", "LinesWritten", "RecentEvents"]

MOST: Final = 1000  # lines


@dataclass(frozen=True, slots=True)
class LinesWritten:
    """From a worker: lines that it has written since it last told."""

    rows: tuple[EventRow, ...]


class RecentEvents(logging.Handler):
    """Keeps the last `most` lines that are logged in this process, from now until `detach`.

    Lines are numbered from 1 on, in the order in which they came. `on_news` is called at the first line after each
    `after`, in whatever thread wrote it.
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self._rows: deque[EventRow] = deque(maxlen=most)
        self._last = 0  # the number of the newest
        self._guard = threading.Lock()  # ACME and others log in threads of their own
        self._is_told = False
        self.on_news: Callable[[], None] = lambda: None
        logging.getLogger().addHandler(self)

    def detach(self) -> None:
        """Keep no further lines."""
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line. A fault costs this line, not whoever wrote it."""
        try:
            self.add([row_of(record)])
        except Exception:
            self.handleError(record)

    def add(self, rows: Iterable[EventRow]) -> None:
        """Take lines in, such as another process has written."""
        with self._guard:
            for row in rows:
                self._rows.append(row)
                self._last += 1
            is_told, self._is_told = self._is_told, True
        if not is_told:
            self.on_news()

    def after(self, seq: int) -> tuple[list[EventRow], int]:
        """The lines behind number `seq`, oldest first, and the number of the newest, for the next time.

        Those that are no longer kept are left out; a number that there has not been is of an earlier life: all lines.
        """
        with self._guard:
            self._is_told = False
            new = self._last - seq if seq <= self._last else len(self._rows)
            return list(islice(self._rows, max(0, len(self._rows) - new), None)), self._last
