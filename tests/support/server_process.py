"""A server program as a process of its own, and waiting for what it does."""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LIMIT_S = 20.0  # for anything that a test waits for, unless it says otherwise
PAUSE_S = 0.02  # between two looks at a condition


class ServerProcess:
    """Started at once. Both streams go to `log`; end it with `stop`, whatever happens."""

    def __init__(
        self, command: Sequence[str], log: Path, *, environ: Mapping[str, str], directory: Path | None = None
    ) -> None:
        self._command = shlex.join(command)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, cwd=directory
            )
        self.pid = self._process.pid

    def wait_until(self, is_up: Callable[[], bool], what: str) -> None:
        """Wait until it is up. Fails, and ends it, when that takes too long or it has ended by itself."""

        def look() -> bool:
            if self._process.poll() is not None:
                raise AssertionError(f"`{self._command}` ended with code {self._process.returncode}:\n{self.log()}")
            return is_up()

        try:
            until(look, what, self.log)
        except BaseException:
            self.stop()
            raise

    def wait(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        return self._process.wait(LIMIT_S)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal, and by force when it does not mind that; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text("utf-8", "replace")


def until(
    condition: Callable[[], T | None], what: str, details: Callable[[], str] = str, limit_s: float = LIMIT_S
) -> T:
    """Wait until `condition` gives something true, and return that. Fails after `limit_s` with `details`."""
    deadline = time.monotonic() + limit_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit_s:.0f} s: {what}\n{details()}")
        time.sleep(PAUSE_S)
    return result
