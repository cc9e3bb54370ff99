"""Why SIGHUP has come: because somebody asks for a reload, or because the terminal that we run in is closed.

The kernel sends the same signal for both. A terminal that is closed is gone as a process's controlling one by then.
"""

from __future__ import annotations

import os

__all__ = ["Terminal"]

_OWN = "/dev/tty"  # leads to the controlling terminal of whoever opens it


class Terminal:
    """The controlling terminal of this process, if there is one. Made when it starts."""

    def __init__(self) -> None:
        self._had = _is_there()

    def has_gone(self) -> bool:
        """Was it closed since?"""
        return self._had and not _is_there()


def _is_there() -> bool:
    try:
        os.close(os.open(_OWN, os.O_RDONLY | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True
