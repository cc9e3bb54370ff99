"""A selector that tells when a turn of the event loop is over, so that work can be done before it waits again.

asyncio has no such hook: `call_soon` runs in the *next* turn, which costs a second look at all sockets for each batch
of packets; with one packet a turn that is a quarter of all CPU. ``SelectorEventLoop(TurnSelector())`` is public API;
nothing of asyncio is patched.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable

# The loop has worked out how long to wait before it asks us. What runs at the end of a turn may set timers or call
# `call_soon`, which that sum does not know, so after such work the wait is short. Once, not again and again.
_WAIT_AFTER_WORK_S = 0.02


class TurnSelector(selectors.DefaultSelector):
    """The platform's selector. `at_turn_end` is called while `is_due` is set; it must clear that and not raise."""

    def __init__(self) -> None:
        super().__init__()
        self.is_due = False
        self.at_turn_end: Callable[[], None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets, after the work that is due."""
        if self.is_due and self.at_turn_end is not None:
            while self.is_due:  # writing may find a connection broken, and then others have to be told
                self.at_turn_end()
            if timeout is None or timeout > _WAIT_AFTER_WORK_S:
                timeout = _WAIT_AFTER_WORK_S
        return super().select(timeout)
