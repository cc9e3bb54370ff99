"""What a command says that restarts a node: the last of it, and of that a line. And its end, if it does not end.

A command may say very much, and leave something behind that keeps its output open: it is read as it comes, and nobody
waits for its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from asyncio.subprocess import Process

__all__ = ["CommandOutput", "end_session"]

_MOST_LEN = 64 << 10  # bytes that are kept
_MOST_SHOWN = 300  # characters of a line
_GRACE_S = 2.0
_LAST_S = 0.5  # for what is on its way when the command has ended


class CommandOutput:
    """`pipe` is for the command. `begin` when that has it, or could not be started."""

    def __init__(self) -> None:
        self._end, self.pipe = os.pipe()
        self._last = b""
        self._is_over = threading.Event()

    def begin(self) -> None:
        """Read from now on, in a thread that keeps nobody from ending."""
        os.close(self.pipe)
        threading.Thread(target=self._read, name="restart command", daemon=True).start()

    def last_line(self) -> str:
        """The last line with something in it; "" if there is none. Blocks for a moment at most."""
        self._is_over.wait(_LAST_S)
        lines = self._last.decode("utf-8", "replace").split("\n")
        said = next((text for line in reversed(lines) if (text := line.strip())), "")
        return said if len(said) <= _MOST_SHOWN else said[:_MOST_SHOWN] + "…"

    def _read(self) -> None:
        with os.fdopen(self._end, "rb", buffering=0) as pipe:
            while data := pipe.read(_MOST_LEN):
                self._last = (self._last + data)[-_MOST_LEN:]
        self._is_over.set()


async def end_session(process: Process) -> None:
    """Have a command that leads a session end, and all that it has begun there: by force after `_GRACE_S`."""
    for name in ("SIGTERM", "SIGKILL"):
        if process.returncode is None:
            _signal(process, name)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _GRACE_S)


def _signal(process: Process, name: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, getattr(signal, name))
        else:
            process.kill()
