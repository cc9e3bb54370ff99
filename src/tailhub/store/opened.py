"""The relay's open store, for others than its journal: who opens it fills an `OpenedStore`, others borrow from that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tailhub import findings
from tailhub.exceptions import StoreUnavailableError
from tailhub.findings import Finding
from tailhub.store.location import public_location

if TYPE_CHECKING:
    from tailhub.store.store import Store

__all__ = ["Lend", "OpenedStore"]

OPENING_S = 5.0  # that a borrower waits for the first opening

Lend: TypeAlias = "Callable[[], AbstractAsyncContextManager[Store]]"
"""Gives a store for a moment; raises `FindingError` when there is none."""


class OpenedStore:
    """The store at `place`, empty until `put`."""

    def __init__(self, place: Path | str) -> None:
        self.place = place
        self._store: Store | None = None
        self._trouble: Finding | None = None
        self._has_been_tried = asyncio.Event()

    def put(self, store: Store | None, trouble: Finding | None = None) -> None:
        """It is open now, or it is not, because of a `trouble`."""
        self._store, self._trouble = store, trouble
        self._has_been_tried.set()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Store]:
        """The store, for use at once. Waits for its first opening; raises `StoreUnavailableError` while it is away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENING_S):
                await self._has_been_tried.wait()
        if self._store is None:
            reason = "it has not been opened yet"
            raise StoreUnavailableError(
                self._trouble or findings.store_unreachable(public_location(self.place), reason)
            )
        yield self._store
