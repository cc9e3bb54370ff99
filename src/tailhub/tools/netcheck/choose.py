"""Which region a client makes its home: the rules of the reference, with time as an argument. Pure.

Source: ``net/netcheck/netcheck.go`` of the reference (1.102): ``addReportHistoryAndSetPreferredDERP``,
``addReportAndPruneExpired``, ``bestRecentLatencyLocked``, and the constants beside ``fullReportInterval``. All times
are nanoseconds, as there, so that divisions round alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Choice", "Chooser", "Reason", "needed_ns"]

_SECOND = 1_000_000_000
FULL_REPORT_INTERVAL_NS = 300 * _SECOND
REPORT_TIMEOUT_NS = 5 * _SECOND
MAX_AGE_NS = FULL_REPORT_INTERVAL_NS + REPORT_TIMEOUT_NS
"""Reports that are older do not count any more."""
ABSOLUTE_DIFF_NS = 10_000_000  # preferredDERPAbsoluteDiff
FRAME_TIME_NS = 8 * _SECOND  # PreferredDERPFrameTime
KEEP_ALIVE_TIMEOUT_NS = 120 * _SECOND  # PreferredDERPKeepAliveTimeout


class Reason(StrEnum):
    """Why this region."""

    NOTHING_ANSWERED = "nothing_answered"  # there is no choice
    NEAREST = "nearest"  # it has the least latency, weighted by its score
    MOVES = "moves"  # so much nearer than the home that the home is left
    HOME_GONE = "home_gone"  # the home did not answer and was not heard of
    STAYS = "stays"  # another region is nearer, but not by enough
    HOME_HEARD = "home_heard"  # the home did not answer, but sent a frame within seconds
    HOME_ALIVE = "home_alive"  # no region answered; the home sent a frame within two minutes
    FORCED = "forced"  # the client was told to


@dataclass(frozen=True, slots=True)
class Choice:
    """What a client chose.

    `region` and `best` are region ids, 0 for none: its home from now on, and the one that is nearest. `home` was its
    home before. Latencies are weighted by the scores of the map: `best_ns` the least of the last five minutes,
    `home_ns` of this report, None when `home` did not answer.
    """

    region: int
    reason: Reason
    best: int = 0
    best_ns: int = 0
    home: int = 0
    home_ns: int | None = None


def needed_ns(home_ns: int) -> int:
    """The latency that another region may have at most to be preferred to a home with `home_ns`."""
    return min(home_ns - ABSOLUTE_DIFF_NS, home_ns // 3 * 2)


class Chooser:
    """A client's choice from report to report.

    `scores`: ``HomeParams.RegionScore`` of the map. `home`: the region that is its home before the first report.
    `forced`: a region that it was told to take (``tailscale debug force-prefer-derp``).
    """

    def __init__(self, scores: Mapping[int, float] | None = None, home: int = 0, forced: int = 0) -> None:
        self.home = home
        self._scores = scores or {}
        self._forced = forced
        self._reports: list[tuple[int, Mapping[int, int]]] = []  # when, and latencies by region

    @property
    def reports(self) -> int:
        """How many reports count still."""
        return len(self._reports)

    def add(
        self,
        latency_ns: Mapping[int, int],
        now_ns: int,
        *,
        started_ns: int | None = None,
        heard_ns: Mapping[int, int] | None = None,
    ) -> Choice:
        """A report came: the latency of each region that answered, by region id.

        It began at `started_ns`. `heard_ns`: when a frame came last over a DERP connection to a region.
        """
        self._reports = [(at, seen) for at, seen in self._reports if now_ns - at <= MAX_AGE_NS]
        self._reports.append((now_ns, latency_ns))
        started_ns, heard_ns = now_ns if started_ns is None else started_ns, heard_ns or {}
        choice = self._choose(latency_ns, now_ns, started_ns, heard_ns)
        self.home = choice.region
        return choice

    def _choose(
        self, latency_ns: Mapping[int, int], now_ns: int, started_ns: int, heard_ns: Mapping[int, int]
    ) -> Choice:
        home, best, best_ns = self.home, 0, 0
        home_ns = self._weighted(home, latency_ns[home]) if home in latency_ns else None
        recent = self._best_recent()
        for region in sorted(latency_ns):  # of equals the reference takes any
            if best == 0 or recent[region] < best_ns:
                best, best_ns = region, recent[region]

        def is_fresh(region: int) -> bool:
            heard = heard_ns.get(region)
            return heard is not None and (heard > started_ns or heard > now_ns - FRAME_TIME_NS)

        def chosen(region: int, reason: Reason) -> Choice:
            return Choice(region, reason, best, best_ns, home, home_ns)

        if self._forced and (self._forced in latency_ns or is_fresh(self._forced)):
            return chosen(self._forced, Reason.FORCED)
        if home and best != home:
            # The reference takes a home without an answer as one of latency 0, so that being heard of is enough.
            if home_ns and best_ns > needed_ns(home_ns):
                return chosen(home, Reason.STAYS)
            if not home_ns and is_fresh(home):
                return chosen(home, Reason.HOME_HEARD)
        if best == 0:
            heard = heard_ns.get(home)
            if heard is not None and heard > now_ns - KEEP_ALIVE_TIMEOUT_NS:
                return chosen(home, Reason.HOME_ALIVE)
            return chosen(0, Reason.NOTHING_ANSWERED)
        if home and best != home:
            return chosen(best, Reason.MOVES if home_ns else Reason.HOME_GONE)
        return chosen(best, Reason.NEAREST)

    def _best_recent(self) -> dict[int, int]:
        """The least latency of each region in the reports that count, weighted."""
        best: dict[int, int] = {}
        for _, latency_ns in self._reports:
            for region, value in latency_ns.items():
                best[region] = min(value, best.get(region, value))
        return {region: self._weighted(region, value) for region, value in best.items()}

    def _weighted(self, region: int, latency_ns: int) -> int:
        score = self._scores.get(region, 0.0)
        return int(latency_ns * score) if score > 0 else latency_ns
