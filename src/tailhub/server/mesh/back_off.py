"""How long to wait before a link is tried again. Pure."""

from __future__ import annotations

from random import Random

__all__ = ["BackOff"]


class BackOff:
    """Waits between nothing and a limit that doubles with each failure, from `least_s` to `most_s`.

    The whole wait is drawn by chance, so that the relays of a region do not come all at once to one that has restarted.
    """

    __slots__ = ("_least_s", "_limit_s", "_most_s", "_rng")

    def __init__(self, least_s: float, most_s: float, rng: Random) -> None:
        self._least_s, self._most_s, self._rng = least_s, most_s, rng
        self._limit_s = least_s

    def next_s(self) -> float:
        """One more failure: wait so long."""
        limit_s, self._limit_s = self._limit_s, min(self._limit_s * 2, self._most_s)
        return self._rng.uniform(0.0, limit_s)

    def reset(self) -> None:
        """It has worked for a while: begin anew."""
        self._limit_s = self._least_s
