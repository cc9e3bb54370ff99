"""A program in a terminal of its own, as a person sees it: what it writes, keys, the window's size, Ctrl-Z."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from typing import Any, Self

LIMIT_S = 30.0
ALTERNATE, NORMAL = "\x1b[?1049h", "\x1b[?1049l"
CURSOR_SHOWN = "\x1b[?25h"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[@-Z\\-_]")


class Terminal:
    """``with Terminal([...]) as terminal:`` runs the words; `written` is all that came, `status` how it ended."""

    def __init__(self, words: Sequence[str], environ: dict[str, str], columns: int = 100, lines: int = 30) -> None:
        self.written = ""
        self.status: int | None = None
        self._main, self._side = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self._side)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self._side, termios.TIOCSCTTY, 0)
            for fd in (0, 1, 2):
                os.dup2(self._side, fd)
            os.execve(words[0], list(words), environ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._main)
        os.close(self._side)

    @property
    def modes(self) -> list[Any]:
        """How the terminal is set, without what only says that a program had set it."""
        return termios.tcgetattr(self._side)

    @property
    def is_alternate(self) -> bool:
        """Is the other screen shown, which programs take for themselves?"""
        return self.written.rfind(ALTERNATE) > self.written.rfind(NORMAL)

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size; whoever runs in it is told."""
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type this."""
        os.write(self._main, keys.encode())

    def read_until(self, text: str) -> str:
        """Wait for this text, in what is written from now on; all of that, without control sequences."""
        start, ends_at = len(self.written), time.monotonic() + LIMIT_S
        while text not in (seen := _CONTROL.sub("", self.written[start:])) and text not in self.written[start:]:
            assert self._read(ends_at), f"expected {text!r}, found:\n{seen[-4000:]}"
        return seen

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        ends_at = time.monotonic() + LIMIT_S
        while self.status is None:
            self._read(min(ends_at, time.monotonic() + 0.05))
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < ends_at, "it does not end"
        while self._read(time.monotonic() + 0.05):
            pass
        return self.status

    def _read(self, until: float) -> bool:
        """Read a piece; is there one?"""
        if not select.select([self._main], [], [], max(0.0, until - time.monotonic()))[0]:
            return False
        self.written += os.read(self._main, 65536).decode("utf-8", "replace")
        return True


def with_jobs(words: Sequence[str]) -> list[str]:
    """The words, run by a shell that lets Ctrl-Z stop them: it says "paused", and has them go on after a line."""
    bash = shutil.which("bash")
    assert bash is not None
    return [bash, "-c", 'set -m; "$@"; echo paused; read line; fg', "bash", *words]


def python(*words: str) -> list[str]:
    """The words of a call of this Python."""
    return [sys.executable, *words]
