"""A terminal as a screen of one's own: frames are shown one over the other, keys are read one by one.

However the program ends, but for a kill that nobody can catch, the terminal is left as it was: in `Screen`'s ``with``.
Ctrl-Z gives it back too, until the program goes on. Reading keys out of bytes is `KeyReader`, which touches nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, Final, Self

from rich.console import Console, RenderableType
from rich.live import Live

try:
    import termios
    import tty
except ImportError:  # not a POSIX system
    HAS_KEYS = False
else:
    HAS_KEYS = True

__all__ = ["HAS_KEYS", "KeyReader", "Screen"]

ESCAPE_S: Final = 0.05  # after an escape byte without more: it was the key
_SEQUENCES: Final[Mapping[bytes, str]] = {
    b"[A": "up",
    b"[B": "down",
    b"OA": "up",
    b"OB": "down",
    b"[5~": "page up",
    b"[6~": "page down",
    b"[H": "home",
    b"[1~": "home",
    b"OH": "home",
}
_SINGLE: Final[Mapping[int, str]] = {0x0D: "enter", 0x0A: "enter", 0x7F: "backspace", 0x08: "backspace"}
_FINAL: Final = frozenset(range(0x40, 0x7F))  # ends a sequence that begins with ESC [ (ECMA-48)


class KeyReader:
    """Bytes of a terminal to names of keys; a character is its own name, and other sequences are left out."""

    def __init__(self) -> None:
        self._pending = b""

    @property
    def is_waiting(self) -> bool:
        """Is there an escape byte of which it is not known whether more comes?"""
        return self._pending == b"\x1b"

    def receive(self, data: bytes) -> list[str]:
        """The keys that are complete now."""
        data, self._pending = self._pending + data, b""
        keys: list[str] = []
        at = 0
        while at < len(data):
            length = _length(data[at:])
            if length == 0:
                self._pending = data[at : at + 32]
                break
            key = _key(data[at : at + length])
            if key:
                keys.append(key)
            at += length
        return keys

    def wait_no_more(self) -> list[str]:
        """No more bytes came: an escape byte was the key."""
        keys = ["escape"] if self.is_waiting else []
        self._pending = b""
        return keys


def _length(data: bytes) -> int:
    """How many bytes the first key has; 0 if it is not complete."""
    first = data[0]
    if first == 0x1B:
        if len(data) == 1:
            return 0
        if data[1] == 0x4F:  # ESC O and one more
            return 3 if len(data) > 2 else 0
        if data[1] != 0x5B:  # the key, and the next one right behind it
            return 1
        return next((index + 1 for index in range(2, len(data)) if data[index] in _FINAL), 0)
    needed = 1 if first < 0xC0 or first > 0xF7 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4  # UTF-8
    return needed if len(data) >= needed else 0


def _key(data: bytes) -> str:
    if data[0] == 0x1B:
        return "escape" if len(data) == 1 else _SEQUENCES.get(data[1:], "")
    if len(data) == 1 and data[0] in _SINGLE:
        return _SINGLE[data[0]]
    text = data.decode("utf-8", "ignore")
    return text if text.isprintable() else ""


class Screen:
    """The terminal of this process, for the ``with`` around its use."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._keys = KeyReader()
        self._input = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_w, False)
        os.set_blocking(self._wake_r, False)

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, signal.SIGTSTP):
            self._handlers[number] = signal.signal(number, self._signalled)
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._wake_r)
        os.close(self._wake_w)

    def show(self, content: RenderableType) -> None:
        """Show this frame instead of the last one."""
        if self._live is not None:
            self._live.update(content, refresh=True)

    def wake(self) -> None:
        """Have `wait` return. From any thread."""
        self._poke(b"n")

    def wait(self, limit_s: float) -> list[str]:
        """The keys that are pressed until then, until `wake`, or until the size changes.

        "interrupt": the program is to end.
        """
        fds = [self._wake_r, *([self._input] if self._input is not None else [])]
        readable, _, _ = select.select(fds, [], [], ESCAPE_S if self._keys.is_waiting else limit_s)
        if not readable:
            return self._keys.wait_no_more()
        keys: list[str] = []
        if self._input in readable:
            data = os.read(self._input, 1024)
            keys = self._keys.receive(data) if data else ["interrupt"]  # the terminal is gone
        if self._wake_r in readable:
            signals = os.read(self._wake_r, 1024)
            if b"i" in signals:
                keys.append("interrupt")
            if b"z" in signals:
                self._stop_for_now()
        return keys

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """Noted only: what follows is done in `wait`, not in the middle of a frame."""
        self._poke({signal.SIGWINCH: b"w", signal.SIGTSTP: b"z"}.get(signal.Signals(number), b"i"))

    def _poke(self, reason: bytes) -> None:
        with contextlib.suppress(OSError):  # full of such bytes already, or closed: it is over
            os.write(self._wake_w, reason)

    def _stop_for_now(self) -> None:
        """As Ctrl-Z does with any program; goes on when somebody lets it."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._signalled)
        self._take()

    def _take(self) -> None:
        if self._input is not None:
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input, termios.TCSANOW)
        self._live = Live(console=self._console, screen=True, auto_refresh=False, transient=True)
        self._live.start()

    def _give_back(self) -> None:
        live, self._live = self._live, None
        try:
            if live is not None:
                with contextlib.suppress(OSError):  # the terminal is gone
                    live.stop()
        finally:
            if self._before is not None and self._input is not None:
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self._input, termios.TCSANOW, self._before)
                self._before = None
