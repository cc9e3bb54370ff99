"""A flight: packets of one size that were sent one after the other, and what the way to their receiver did to them.

The numbers only; what is to be said of them is in `judge.packets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

__all__ = ["FlightSeen", "percentile"]

_LUMP_PACKETS = 3  # fewer that come together are chance
_LUMPS = 3
_LUMPED_SHARE = 0.8  # of all packets
_LUMP_EVERY_S = 0.03  # seldomer than that is worth telling; Nagle's algorithm with a delayed ACK makes 40 ms
_TOGETHER = 0.25  # of the time between their sending: who comes so soon after another came with it


@dataclass(frozen=True, slots=True)
class FlightSeen:
    """What was seen. Times are seconds of one clock, sizes bytes."""

    size: int
    sent: int = 0
    arrivals: tuple[tuple[float, float], ...] = ()
    """When sent and when received, of each packet that came as it was sent, in the order in which they came."""
    duplicates: int = 0
    altered: int = 0
    overtaken: int = 0
    """How many came after one that was sent later."""
    is_stalled: bool = False
    """Did nothing come for long while packets were under way? The flight ended so."""
    ended: str = ""
    """How the connection came to its end within the flight, "" if it did not."""

    @property
    def came(self) -> int:
        """How many came, altered or not."""
        return len(self.arrivals) + self.altered

    @property
    def lost(self) -> int:
        """How many did not come."""
        return self.sent - self.came

    @property
    def is_broken_off(self) -> bool:
        """Did it end early, or did nothing of it come?"""
        return self.is_stalled or self.ended != "" or not self.came

    @property
    def delays_s(self) -> list[float]:
        """From sending to receiving, in order of size."""
        return sorted(arrived - sent for sent, arrived in self.arrivals)

    @property
    def lumps(self) -> list[list[float]]:
        """When those came that were sent apart and came together, two or more, each lump in order."""
        groups: list[list[float]] = []
        before = (0.0, 0.0)
        for sent, arrived in self.arrivals:
            if groups and arrived - before[1] < _TOGETHER * (sent - before[0]):
                groups[-1].append(arrived)
            else:
                groups.append([arrived])
            before = (sent, arrived)
        return [group for group in groups if len(group) > 1]

    @property
    def lump_every_s(self) -> float:
        """How long it took from one lump to the next, where nearly all came in such, again and again; else 0."""
        lumps = [lump for lump in self.lumps if len(lump) >= _LUMP_PACKETS]
        if len(lumps) < _LUMPS or sum(map(len, lumps)) < _LUMPED_SHARE * len(self.arrivals):
            return 0.0
        every_s = median(later[0] - earlier[0] for earlier, later in pairwise(lumps))
        return every_s if every_s >= _LUMP_EVERY_S else 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value of which `share` of all are not above it; 0 if there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
