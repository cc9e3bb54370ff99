"""What was measured, a line for each interval and way, in a file that other programs can read while it grows. I/O.

Times are UTC, delays milliseconds, empty where nothing arrived. What is in the file is whole lines, also when the
program is killed: each goes out in one write. A file of an earlier run with the same columns is continued.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from tailhub.exceptions import MachineError
from tailhub.findings import probing
from tailhub.tools.probe.measurement import Row
from tailhub.tools.probe.series import Interval
from tailhub.tools.probe.wall_clock import WallClock

__all__ = ["COLUMNS", "CsvFile"]

_MS: Final[dict[str, Callable[[Interval], float | None]]] = {
    "min_ms": lambda one: one.min_s,
    "mean_ms": lambda one: one.mean_s,
    "p50_ms": lambda one: one.p50_s,
    "p99_ms": lambda one: one.p99_s,
    "max_ms": lambda one: one.max_s,
    "jitter_ms": lambda one: one.jitter_s,
    "queue_ms": lambda one: one.queue_s,
}
_COUNTS: Final = ("sent", "received", "lost", "missed", "late", "duplicated", "reordered")
COLUMNS: Final = ("time", "path", "seconds", *_COUNTS, *_MS, "stun_ms")


class CsvFile:
    """Open from the beginning on, so that what is wrong with it is known at once."""

    def __init__(self, path: Path, wall: WallClock | None = None) -> None:
        """`wall` says at what time the measurement began: now. Raises `MachineError`."""
        self._path = path
        self._wall = wall or WallClock()
        header = (",".join(COLUMNS) + "\n").encode()
        try:
            self._file = path.open("ab+", buffering=0)
            self._file.seek(0)
            first = self._file.readline(len(header) + 1)
            if not first:
                self._file.write(header)
            elif first != header:
                self._file.close()
                raise MachineError(probing.measured_file_unusable(str(path), "--csv", "it holds something else"))
        except OSError as exc:
            raise MachineError(self._finding(exc)) from exc

    def add(self, row: Row) -> None:
        """Append one. Raises `MachineError`, as when the disk is full."""
        one = row.interval
        at = datetime.fromtimestamp(self._wall.at(one.start_s), UTC).isoformat(timespec="milliseconds")
        numbers = [str(getattr(one, name)) for name in _COUNTS]
        delays = [_ms(value(one)) for value in _MS.values()]
        path = row.path.replace(",", "_")
        line = ",".join((at, path, f"{one.length_s:g}", *numbers, *delays, _ms(row.stun_s))) + "\n"
        try:
            self._append(line.encode())
        except OSError as exc:
            raise MachineError(self._finding(exc)) from exc

    def _append(self, line: bytes) -> None:
        """All of it, or nothing: what still fits on a disk that is nearly full is cut off again. Raises `OSError`."""
        written = 0
        try:
            while written < len(line):
                written += self._file.write(line[written:]) or 0
        except OSError:
            if written:
                with contextlib.suppress(OSError):  # a pipe has no end to cut off
                    self._file.truncate(os.fstat(self._file.fileno()).st_size - written)
            raise

    def _finding(self, exc: OSError) -> object:
        return probing.measured_file_unusable(str(self._path), "--csv", exc.strerror or str(exc))

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.3f}"
