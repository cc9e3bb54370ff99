"""When keys that are here are asked about again: each some minutes after the last time, not all at once.

A key whose answer may have changed is due at once, before all others.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection

RECHECK_S = 300.0  # the longest time between two questions about a key; the shortest is half of it
SOON_S = 30.0  # the same for one that waits to be let in, and about which nobody said anything


class Rechecks:
    """`draw` gives random numbers from 0 to 1."""

    __slots__ = ("_draw", "_due", "_heap", "_urgent")

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._due: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []  # with entries that `_due` no longer has
        self._urgent: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._due)

    @property
    def is_urgent(self) -> bool:
        """Is there a key to be asked about at once?"""
        return bool(self._urgent)

    def add(self, key: bytes, now: float, within_s: float = RECHECK_S) -> None:
        """A key has been asked about just now, and is to be asked about again."""
        due = self._due[key] = now + within_s * (1 - self._draw() / 2)
        heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap = [(due, key) for key, due in self._due.items()]
            heapq.heapify(self._heap)

    def discard(self, key: bytes) -> None:
        """A key need not be asked about any more."""
        self._due.pop(key, None)
        self._urgent.pop(key, None)

    def hurry(self, keys: Collection[bytes] | None) -> None:
        """Ask about these of the keys at once, in their order (None: about all)."""
        known = self._due if keys is None else [key for key in keys if key in self._due]
        self._urgent.update(dict.fromkeys(known))

    def take(self, now: float) -> bytes | None:
        """The next key to ask about now, which will not be due again before its time; None: none is."""
        key = next(iter(self._urgent), None)
        if key is None:
            due = self.next_due()
            if due is None or due > now:
                return None
            key = self._heap[0][1]
        self._urgent.pop(key, None)
        self.add(key, now)
        return key

    def next_due(self) -> float | None:
        """When the next key is due, on the caller's clock; None: there is none. Urgent ones are due already."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None
