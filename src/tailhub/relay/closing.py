"""Which connections to close when, while a relay drains: spread over its time, so that not all come anew at once.

Mesh peers and watchers go first: they tell others, and look for another relay before clients do; or last, where packets
for clients come by them. Clients follow each other in random order. Driven by `now` (monotonic seconds). Not here: what
closes them (`tailhub.server.draining`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["CLOSES_PER_S", "STUN_SILENT_FROM_S", "Closing", "ClosingTime", "drain_s"]

CLOSES_PER_S = 100.0  # at least: a relay with few clients need not take its time to end
STUN_SILENT_FROM_S = 10.0  # of a drain: who is cut off for longer is better off in another region of its map

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ClosingTime:
    """When a drain begins and ends, as all processes of a relay know it. Times are monotonic seconds."""

    began_at: float
    ends_at: float


def drain_s(most_s: float, connections: int) -> float:
    """How long a drain takes when the relay is told to end, and has so many connections."""
    return min(most_s, connections / CLOSES_PER_S)


class Closing(Generic[C]):
    """The connections of one process at the beginning of a drain, each with its rank: a lower one goes before."""

    def __init__(self, connections: Iterable[tuple[C, int]], time: ClosingTime, chance: random.Random) -> None:
        self._time = time
        ranked = [(rank, chance.random(), connection) for connection, rank in connections]
        ranked.sort(key=lambda one: one[:2], reverse=True)
        self._left = [connection for *_, connection in ranked]  # the next one last
        self._count = len(self._left)

    def is_over(self, now: float) -> bool:
        """Is the time over? Whoever is there then goes at once, those who have come meanwhile too."""
        return now >= self._time.ends_at

    def due(self, now: float) -> list[C]:
        """Those whose time it is, each once."""
        began_at, ends_at = self._time.began_at, self._time.ends_at
        share = 1.0 if now >= ends_at else max(0.0, (now - began_at) / (ends_at - began_at))
        number = min(len(self._left), int(share * self._count) - (self._count - len(self._left)))
        return [self._left.pop() for _ in range(number)]
