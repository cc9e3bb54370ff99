"""Asks a relay's operator's API for what ``tailhub top`` shows, again and again, in a thread of its own.

The screen never waits for the relay: it takes the newest `Seen` that there is, and says what is wished next.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from tailhub.admin.api_types import (
    Certificates,
    Clients,
    Event,
    Events,
    History,
    Mesh,
    Overview,
    Pairs,
    Quotas,
    Verifiers,
)
from tailhub.cli.operator_client import Operator
from tailhub.cli.top_view import Refusals, Refused, Sample, Seen, Wish
from tailhub.exceptions import FindingError, MachineError

__all__ = ["Asker", "Feed"]

EVERY_S: Final = 1.0
SELDOM_S: Final = 5.0  # between looks at what changes seldom
REFUSED_S: Final = 30.0  # and at who was refused, while that are as many as before: it costs the relay more
KEPT_S: Final = 900.0  # of the chart, as the pages keep it
KEPT_EVENTS: Final = 500
RATE_MOST_S: Final = 10.0  # between two overviews, for rates of what is counted by reason


class Asker:
    """What one relay has told so far. `clock` is seconds since 1970."""

    def __init__(self, operator: Operator, clock: Callable[[], float] = time.time) -> None:
        self._operator = operator
        self._clock = clock
        self._samples: deque[Sample] = deque()
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._next_event = 0
        self._seldom_at = 0.0
        self._refused_count, self._refused_at = 0, 0.0
        self._before: tuple[float, Overview] | None = None
        self.seen: Seen | None = None

    def ask(self, wish: Wish, rows: int) -> Seen:
        """Ask for all that is wished, `rows` of its table. Raises `MachineError`."""
        overview = self._operator.read("overview", Overview)
        now = overview.relay.now or self._clock()
        self._take_history(now)
        self._take_events()
        drops, stun = self._rates(overview, now)
        before = self.seen or Seen(overview, now)
        seen = replace(
            before,
            overview=overview,
            at=now,
            samples=tuple(self._samples),
            events=tuple(self._events),
            drops_per_s=drops,
            stun_per_s=stun,
            trouble="",
        )
        seen = self._take_table(seen, wish, rows)
        if self._clock() >= self._seldom_at:
            seen = self._take_seldom(seen)
            self._seldom_at = self._clock() + SELDOM_S
        seen = replace(seen, refused=self._refused(overview.pending, seen.refused))
        self.seen = seen
        return seen

    def _take_history(self, now: float) -> None:
        since = self._samples[-1].at if self._samples else 0.0
        history = self._operator.read(f"history?since={since}", History)
        columns = zip(history.t, history.bytes_received_per_s, history.bytes_sent_per_s, strict=False)
        self._samples.extend(Sample(*row) for row in columns if row[0] > since)
        while self._samples and self._samples[0].at < now - KEPT_S:
            self._samples.popleft()

    def _take_events(self) -> None:
        events = self._operator.read(f"events?after={self._next_event}&limit=200", Events)
        self._events.extend(events.events)
        # A smaller number than we know: the pages were started anew, and count from the beginning.
        self._next_event = events.next if events.next >= self._next_event else 0

    def _take_table(self, seen: Seen, wish: Wish, rows: int) -> Seen:
        query: dict[str, object] = {"offset": wish.offset, "limit": min(1000, max(1, rows)), "sort": wish.sort}
        query["order"] = "desc" if wish.is_descending else "asc"
        if wish.search:
            query["search"] = wish.search
        if wish.table == "clients":
            return replace(seen, clients=self._operator.read(f"clients?{urlencode(query)}", Clients))
        if wish.table == "pairs":
            return replace(seen, pairs=self._operator.read(f"pairs?{urlencode(query)}", Pairs))
        if wish.table == "mesh":
            return replace(seen, mesh=self._operator.read("mesh", Mesh))
        return seen

    def _take_seldom(self, seen: Seen) -> Seen:
        read = self._operator.read
        return replace(
            seen,
            certificates=read("certificates", Certificates),
            verifiers=read("verifiers", Verifiers),
            quotas=read("quotas", Quotas),
            mesh=read("mesh", Mesh),
        )

    def _refused(self, count: int, before: Sequence[Refused]) -> Sequence[Refused]:
        """Who they are of whom the overview has the number."""
        if not count or (count == self._refused_count and self._clock() < self._refused_at):
            return before if count else ()
        self._refused_count, self._refused_at = count, self._clock() + REFUSED_S
        return self._operator.read("pending", Refusals).pending

    def _rates(self, overview: Overview, now: float) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Drops and STUN requests a second, since the overview before."""
        before, self._before = self._before, (now, overview)
        if before is None or not 0 < now - before[0] <= RATE_MOST_S:
            return {}, {}
        passed_s = now - before[0]

        def grown(counts: Mapping[str, int], earlier: Mapping[str, int]) -> dict[str, float]:
            return {name: max(0, count - earlier.get(name, 0)) / passed_s for name, count in counts.items()}

        return grown(overview.drops, before[1].drops), grown(overview.stun, before[1].stun)


class Feed:
    """The thread, which calls `on_news` whenever there is something new; `wish` and `rows` may be set at any time."""

    def __init__(self, asker: Asker, trouble_text: Callable[[FindingError], str], on_news: Callable[[], None]) -> None:
        self.wish = Wish()
        self.rows = 20
        self.seen: Seen | None = None
        self.failure: FindingError | None = None  # why nothing new is told
        self.fault: Exception | None = None  # of ours: the thread has ended
        self._asker = asker
        self._trouble_text = trouble_text
        self._on_news = on_news
        self._wake = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="tailhub top", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def hurry(self) -> None:
        """Ask at once: something else is wished now."""
        self._wake.set()

    def stop(self) -> None:
        """Ask no more. A question that is open is left to itself."""
        self._is_over = True
        self._wake.set()

    def _run(self) -> None:
        while not self._is_over:
            self._wake.clear()
            try:
                self.seen = self._asker.ask(self.wish, self.rows)
                self.failure = None
            except MachineError as exc:
                self.failure = exc
                if self.seen is not None:
                    self.seen = replace(self.seen, trouble=self._trouble_text(exc))
            except Exception as exc:  # whoever shows what is known tells of it
                self.fault, self._is_over = exc, True
            self._on_news()
            self._wake.wait(EVERY_S)
