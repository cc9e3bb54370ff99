"""What the relay talks to: it counts in memory and writes to the store every few seconds, whenever that is there.

Nothing here waits for the store but the journal's own task. While the store is away all that comes is kept, bounded
(`tailhub.store.pending`), and written once it is back: each batch keeps its number until the store has surely got it,
so that nothing is lost or counted twice when an answer was lost. A killed process loses what it has counted since the
last writing.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from tailhub.exceptions import FindingError
from tailhub.findings import Finding
from tailhub.log_event import log_event
from tailhub.store.pending import MAX_PAIRS, Pending
from tailhub.store.period_totals import PeriodTotals
from tailhub.store.records import (
    HOUR_S,
    Admission,
    Batch,
    End,
    Forgotten,
    Name,
    Refusal,
    Totals,
    Traffic,
    UsageDelta,
    hour_of,
)

if TYPE_CHECKING:
    from tailhub.store.store import Store

__all__ = ["INTERVAL_S", "Journal", "Storage", "store_class"]

INTERVAL_S = 5.0
LAST_FLUSH_S = 5.0  # for writing what is left when the relay ends
FORGET_EVERY_S = 86400.0
SETTLE_S = 3600.0  # that a clock must go evenly before it may say what is old: many a machine starts with a wrong one
_JUMP_S = 600.0  # between two writings: the clock was set, or the machine slept

_log = logging.getLogger("tailhub")


class Storage(Protocol):
    """What a journal needs of a store; see `tailhub.store.store.Store`."""

    @property
    def is_shared(self) -> bool: ...  # noqa: D102

    async def save(self, batch: Batch) -> bool: ...  # noqa: D102
    async def totals(self, since: float, until: float, *, relay: str = "", but_relay: str = "") -> Totals: ...  # noqa: D102
    async def forget(self, before: float) -> None: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102


async def store_class() -> type[Store]:
    """The class `Store`, for who opens one: imported in a thread, because SQLAlchemy takes its time."""
    module = await asyncio.to_thread(importlib.import_module, "tailhub.store.store")
    store: type[Store] = module.Store
    return store


class Journal:
    """Make one and `start` it; then tell it what happens, from the loop's thread.

    `open_store` is called until it has given a store, which it may read before; `relay` is the name that this was
    opened with. `period_start` says for a moment when its billing period began. `tell` hears of a trouble with the
    store once, until that is over. `clock` is seconds since 1970. After `retention_s` usage is forgotten (0: never).
    """

    def __init__(
        self,
        open_store: Callable[[], Awaitable[Storage]],
        *,
        relay: str,
        period_start: Callable[[float], float],
        tell: Callable[[Finding], None],
        retention_s: float = 0.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        max_pairs: int = MAX_PAIRS,
    ) -> None:
        self.trouble: Finding | None = None
        self._open_store, self._relay, self._tell = open_store, relay, tell
        self._period_start, self._retention_s = period_start, retention_s
        self._clock, self._sleep = clock, sleep
        self._store: Storage | None = None
        self._writer, self._number = uuid4().hex, 0
        self._pending = Pending(max_pairs)
        self._sending: Batch | None = None  # it may have been written already
        self._totals = PeriodTotals(period_start(clock()))
        self._has_loaded = False
        self._others_before: tuple[tuple[float, int], Totals] | None = None
        self._forget_at, self._wrote_at = math.inf, math.inf
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # --- what happens -------------------------------------------------------------------------------------------------

    def add(self, deltas: Iterable[UsageDelta]) -> None:
        """Packets have gone through the relay. Call it about once a second, not for each of them."""
        self._turn_period()
        self._totals.add(self._pending.usage.add(deltas))

    def confirm(self, admission: Admission) -> None:
        """A verifier said yes, now or once more."""
        self._pending.confirm(admission)

    def lose(self) -> None:
        """What was written is lost, and whoever knows it tells it once more."""
        self._pending.lose()

    def end(self, end: End) -> None:
        """A verifier said no to a key that it had admitted."""
        self._pending.end(end)

    def refuse(self, refusal: Refusal) -> None:
        """A key was turned away."""
        self._pending.refuse(refusal)

    def forget_refusal(self, forgotten: Forgotten) -> None:
        """A key that was turned away is not to be on record any more."""
        self._pending.forget_refusal(forgotten)

    def learn(self, name: Name) -> None:
        """Somebody knows what a key is called."""
        self._pending.learn(name)

    def used(self, tenant: str, key: bytes | None = None) -> Traffic:
        """What a tenant, or one of its keys, has used in this billing period, through all relays of the store.

        What other relays have counted is some seconds old; while the store has not been there yet it is what this one
        has counted since it was started.
        """
        self._turn_period()
        return self._totals.of(tenant, key)

    @property
    def has_loaded(self) -> bool:
        """Does it know what was counted in this billing period before the start?"""
        self._turn_period()
        return self._has_loaded

    def keys(self) -> Iterable[tuple[str, bytes]]:
        """All keys, with their tenants, that have used anything in this billing period."""
        self._turn_period()
        return self._totals.keys()

    # --- writing ------------------------------------------------------------------------------------------------------

    def set_retention(self, retention_s: float) -> None:
        """Forget usage after so long from now on (0: never)."""
        self._retention_s = retention_s

    def start(self) -> None:
        """Open the store and write to it from now on, in a task."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write what is left, if the store takes it soon, and close it."""
        task = self._task
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_FLUSH_S):
                async with self._flushing:  # in the middle of opening or writing it would leave a SQLite file locked
                    if task is not None:
                        task.cancel()
                await self.flush()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def flush(self) -> bool:
        """Write all that waits; whether the store has taken it."""
        async with self._flushing:
            try:
                await self._write()
            except FindingError as exc:
                self._note(exc.finding if isinstance(exc.finding, Finding) else None)
                return False
            if self.trouble is not None:
                self.trouble = None
                _log.info("the store can be written again", extra=log_event("store"))
            return True

    async def _run(self) -> None:
        last_bug = ""
        while True:
            try:
                await self.flush()
                last_bug = ""
            except Exception as exc:  # a bug of ours: packets go on, and so do we
                if repr(exc) != last_bug:
                    _log.exception("writing to the store has failed")
                last_bug = repr(exc)
            await self._sleep(INTERVAL_S)

    async def _write(self) -> None:
        if self._store is None:
            self._store = await self._open_store()
        store = self._store
        for _ in range(2):  # what failed before, and what has come since
            await self._load(store)
            if self._sending is None:
                if not self._pending:
                    break
                self._number += 1
                self._sending = self._pending.take(self._writer, self._number)
            await store.save(self._sending)
            self._sending = None
        if store.is_shared:
            await self._look_at_others(store)
        now = self._clock()
        if self._retention_s and self._may_forget(now):
            self._forget_at = now + FORGET_EVERY_S
            await store.forget(now - self._retention_s)

    def _may_forget(self, now: float) -> bool:
        """Is it time to, by a clock that can be believed?"""
        passed, self._wrote_at = now - self._wrote_at, now
        if not 0 <= passed <= _JUMP_S:
            self._forget_at = now + SETTLE_S
        return now >= self._forget_at

    async def _load(self, store: Storage) -> None:
        """What this relay has counted in the period before: before a restart, or a clock that was wrong for a while.

        Once in a period, and before anything of it is written.
        """
        while not self._has_loaded:
            start = self._totals.start
            saved = await store.totals(start, math.inf, relay=self._relay if store.is_shared else "")
            if start == self._totals.start:  # else a period has begun meanwhile
                self._has_loaded = True
                self._totals.add_saved(saved)

    async def _look_at_others(self, store: Storage) -> None:
        """What other relays have counted: of hours that are over once an hour, of the last two now."""
        start, recent = self._totals.start, hour_of(self._clock()) - HOUR_S
        if self._others_before is None or self._others_before[0] != (start, recent):
            before = await store.totals(start, recent, but_relay=self._relay)
            self._others_before = (start, recent), before
        now = await store.totals(max(start, recent), math.inf, but_relay=self._relay)
        if start == self._totals.start:
            self._totals.set_others(self._others_before[1], now)

    def _turn_period(self) -> None:
        start = self._period_start(self._clock())
        if start != self._totals.start:
            self._totals = PeriodTotals(start)
            self._has_loaded = False

    def _note(self, finding: Finding | None) -> None:
        """Tell of a trouble that is not known yet."""
        if finding is not None and (self.trouble is None or self.trouble.code != finding.code):
            self._tell(finding)
        self.trouble = finding
