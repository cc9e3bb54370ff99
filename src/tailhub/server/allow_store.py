"""An allow list in the store, where relays share it: each soon sees what another has changed.

Every tenant's list is the same one, whose entries name their tenants, so it is read once for all of them. Not here:
the tables (`tailhub.store.store`), and what follows from a change (`tailhub.verifiers.allow_list`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.exceptions import FindingError, MachineError, StoreUnavailableError
from tailhub.findings import Finding
from tailhub.relay.allowed_keys import AllowedKey, Listing
from tailhub.store.journal import store_class
from tailhub.store.location import public_location
from tailhub.store.opened import Lend
from tailhub.store.records import Allowed
from tailhub.verifiers.allow_list import LOOK_S

if TYPE_CHECKING:
    from tailhub.store.store import Store

__all__ = ["AllowStore", "SharedList", "opened_to_edit", "opened_to_read"]

ANSWER_S = 5.0  # for a look or an edit, once the store is open
_NOT_YET = ("store-missing", "store-older")  # a relay makes the tables when it starts; until then nobody is listed


class SharedList:
    """The list as the store at `where` has it; looks that come close together are one."""

    def __init__(self, where: Path | str, lend: Lend) -> None:
        self.place = public_location(where)
        self._lend = lend
        self._looking = asyncio.Lock()
        self._looked_at = -math.inf  # when the last look began
        self._error: FindingError | None = None  # of the last look
        self._version = -1
        self._listing = Listing({}, is_there=False)

    async def look(self, *, anew: bool) -> tuple[int, Listing]:
        """The number of its last change, and the list. Raises `FindingError`; `anew`: a look from before is no good."""
        asked_at = time.monotonic()
        async with self._looking:
            if self._looked_at < (asked_at if anew else asked_at - LOOK_S / 2):
                looked_at, self._error = time.monotonic(), None
                try:
                    await self._read()
                except FindingError as exc:
                    self._error = exc
                self._looked_at = looked_at
            if self._error is not None:
                raise self._error
            return self._version, self._listing

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Store]:
        """The store, which must answer in time. Raises `FindingError`."""
        try:
            async with self._lend() as store, asyncio.timeout(ANSWER_S):
                yield store
        except TimeoutError as exc:
            raise StoreUnavailableError(findings.store_unreachable(self.place, "no answer in time")) from exc

    async def _read(self) -> None:
        try:
            async with self.borrow() as store:
                version = await store.allowed_version()  # before the list, so that no change is missed
                if version != self._version:
                    rows = await store.allowed()
                    keys = {row.key: AllowedKey(row.key, row.name, row.tenant, row.comment) for row in rows}
                    self._version, self._listing = version, Listing(keys, is_there=version > 0)
        except MachineError as exc:
            if not isinstance(exc.finding, Finding) or exc.finding.name not in _NOT_YET:
                raise


class AllowStore:
    """What `AllowList` needs of a list in the store."""

    def __init__(self, shared: SharedList) -> None:
        self.place = shared.place
        self._shared = shared
        self._taken: int | None = None  # the change as of which it was last read; None: it cannot be read

    async def read(self) -> Listing:
        """The list as it is now. Raises `FindingError`."""
        return await self._take(anew=True)

    async def changed(self) -> Listing | None:
        """The list if it has changed since it was read, or could not be. Raises `FindingError`."""
        before = self._taken
        listing = await self._take(anew=False)
        return listing if self._taken != before else None

    async def allow(self, entry: AllowedKey, replaces: Collection[bytes] = ()) -> None:
        """Write this key. Raises `FindingError`."""
        record = Allowed(entry.key, entry.tenant, entry.name, entry.comment, time.time())
        async with self._shared.borrow() as store:
            await store.allow(record, replaces)

    async def disallow(self, keys: Collection[bytes]) -> None:
        """Take these keys out. Raises `FindingError`."""
        async with self._shared.borrow() as store:
            for key in keys:
                await store.disallow(key)

    async def _take(self, *, anew: bool) -> Listing:
        self._taken = None
        self._taken, listing = await self._shared.look(anew=anew)
        return listing


def opened_to_read(place: Path | str) -> Lend:
    """Opens the store there for each borrower, for who only looks, whether relays run or not."""
    return lambda: _opened(place, edits=False)


def opened_to_edit(place: Path | str) -> Lend:
    """The same for who changes the list; the store is made if it is not there yet."""
    return lambda: _opened(place, edits=True)


@asynccontextmanager
async def _opened(place: Path | str, *, edits: bool) -> AsyncIterator[Store]:
    kind = await store_class()
    store = await (kind.open(place, relay="") if edits else kind.open_to_read(place))
    try:
        yield store
    finally:
        await store.close()
