"""Keeps what must outlive the relay: usage, who was admitted, who was refused. One in each, where its verifiers are.

It hands on what `tailhub.relay` has learnt to the store's journal every second, and gives it back after a restart.
Nobody waits for the store but a login whose verifiers cannot be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tailhub.exceptions import FindingError
from tailhub.findings import Finding
from tailhub.relay.usage import UsageRow
from tailhub.store import records
from tailhub.store.journal import Journal, store_class
from tailhub.store.opened import OpenedStore

if TYPE_CHECKING:
    from tailhub.relay.memory import Remembered
    from tailhub.relay.refusals import Refusal
    from tailhub.server.verification import Verification
    from tailhub.store.store import Store

HAND_OVER_S: Final = 1.0
_DAY_S: Final = 86400.0

_log = logging.getLogger("tailhub")


class Bookkeeping:
    """Of the relay called `relay`, in the store that it puts into `opened`, whose `journal` knows what has been used.

    `verification`: whose memory and refusals are kept; None where everyone may relay. Where the store is a database,
    which may be away when the relay starts, the memory is also in the file `beside`.
    """

    def __init__(
        self,
        opened: OpenedStore,
        relay: str,
        verification: Verification | None,
        *,
        retention_days: float,
        period_start: Callable[[float], float],
        beside: Path | None = None,
    ) -> None:
        self._opened = opened
        self._relay = relay
        self._beside = beside
        self._verification: Verification | None = None
        self._refused: dict[bytes, int] = {}  # how often each key was refused, as the journal knows it
        self.journal = Journal(
            self._open, relay=relay, period_start=period_start, tell=_tell, retention_s=retention_days * _DAY_S
        )
        self._memory_journals = [self.journal]
        self._handing: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[None] | None = None
        if verification is not None:
            self._keep_memory_of(verification)

    def start(self) -> None:
        """Open the store, in the background."""
        for journal in self._memory_journals:
            journal.start()
        self._handing = asyncio.get_running_loop().create_task(self._run())

    def set_retention(self, retention_days: float) -> None:
        """Keep usage for so long from now on."""
        self.journal.set_retention(retention_days * _DAY_S)

    def set_verification(self, verification: Verification) -> None:
        """From now on somebody is asked who may relay: give back what was kept, as far as the store is there."""
        self._keep_memory_of(verification)
        for journal in self._memory_journals[1:]:
            journal.start()
        self._loading = asyncio.get_running_loop().create_task(self._load_later(verification))

    def _keep_memory_of(self, verification: Verification) -> None:
        self._verification = verification
        if self._beside is not None and isinstance(self._opened.place, str):
            opening = partial(self._open_beside, self._beside)
            self._memory_journals.append(Journal(opening, relay=self._relay, period_start=lambda now: 0.0, tell=_tell))

    async def _load_later(self, verification: Verification) -> None:
        with contextlib.suppress(FindingError):  # of which the journal tells; it is loaded when the store is opened
            async with self._opened.lend() as store:
                await self._load(store, verification)

    async def stop(self) -> None:
        """Write what is left."""
        if self._loading is not None:
            self._loading.cancel()
        if self._handing is not None:
            self._handing.cancel()
        self._hand_over()
        self._opened.put(None)
        for journal in self._memory_journals:
            await journal.stop()

    def add_usage(self, rows: Sequence[UsageRow]) -> None:
        """Clients have used so much."""
        hour = records.hour_of(time.time())
        self.journal.add([records.UsageDelta(hour, *row) for row in rows])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(HAND_OVER_S)
            self._hand_over()

    def _hand_over(self) -> None:
        """Tell the journal what has changed."""
        if self._verification is None:
            return
        changes, journal = self._verification.memory.take_changes(), self.journal
        for keeper in self._memory_journals:
            for entry in changes.confirmed:
                keeper.confirm(_admission(entry))
            for key, verifier, confirmed_at in changes.ended:
                # The clock may have been put back since: a no that came later is a later one.
                keeper.end(records.End(key, verifier, max(time.time(), confirmed_at)))
        for entry in changes.confirmed:
            if entry.node or entry.owner:
                journal.learn(records.Name(entry.key, entry.node, entry.owner, entry.confirmed_at))
        refused, forgotten = self._verification.refusals.take_changes()
        for key in forgotten:
            self._refused.pop(key, None)
            journal.forget_refusal(records.Forgotten(key, time.time()))
        for refusal in refused:
            journal.refuse(self._refusal(refusal))

    def _refusal(self, refusal: Refusal) -> records.Refusal:
        """The same, with how often it was refused since the journal heard of it last."""
        more = refusal.count - self._refused.get(refusal.key, 0)
        self._refused[refusal.key] = refusal.count
        reason = "; ".join(str(verdict) for verdict in refusal.verdicts)
        return records.Refusal(refusal.key, str(refusal.address), reason, more, refusal.first_at, refusal.last_at)

    async def _open(self) -> Store:
        try:
            kind = await store_class()
            store = await kind.open(self._opened.place, relay=self._relay, tell=self._store_lost)
            try:
                if self._verification is not None:
                    await self._load(store, self._verification)
            except BaseException:  # it is opened once more
                await store.close()
                raise
        except FindingError as exc:
            self._opened.put(None, exc.finding if isinstance(exc.finding, Finding) else None)
            raise
        self._opened.put(store)
        return store

    def _store_lost(self, finding: Finding) -> None:
        """What was kept is gone: keep anew who is remembered, while we know it."""
        _tell(finding)
        if self._verification is not None:
            self._verification.memory.keep_again()
            for keeper in self._memory_journals:
                keeper.lose()

    async def _open_beside(self, path: Path) -> Store:
        """The file that has the memory too, read at once: the database may be away."""
        kind = await store_class()
        store = await kind.open(path, relay=self._relay, tell=self._store_lost)
        try:
            await self._load_memory(store)
        except BaseException:
            await store.close()
            raise
        return store

    async def _load_memory(self, store: Store) -> None:
        from tailhub.relay.memory import Remembered

        kept = [
            Remembered(one.key, one.verifier, one.confirmed_at, one.tenant, one.node, one.owner)
            for one in await store.admissions()
        ]
        if self._verification is not None:
            self._verification.load_memory(kept)

    async def _load(self, store: Store, verification: Verification) -> None:
        """Give back what was kept."""
        from tailhub.relay.refusals import Refusal

        await self._load_memory(store)
        refused = [
            Refusal(one.key, 0, ip_address(one.address), one.first_at, one.last_at, one.count)
            for one in await store.refusals()
        ]
        self._refused |= {one.key: one.count for one in refused if verification.refusals.get(one.key) is None}
        verification.refusals.load(refused)


def _admission(entry: Remembered) -> records.Admission:
    return records.Admission(entry.key, entry.tenant, entry.verifier, entry.node, entry.owner, entry.confirmed_at)


def _tell(finding: Finding) -> None:
    _log.warning("%s", finding)
