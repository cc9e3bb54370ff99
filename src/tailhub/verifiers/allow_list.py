"""Admits whom its owner has listed: node keys with names, kept in a file or a store that may change at any time.

The list is looked at again and again; `AllowList.on_change` is told which keys may have another answer from now on. A
list that cannot be read any more goes on as it was, and the log says so.

Not here: how a list is written (`tailhub.relay.allowed_keys`) and where it is kept (`tailhub.server.allow_file`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from tailhub import findings
from tailhub.exceptions import FindingError
from tailhub.findings import Finding
from tailhub.log_event import log_event
from tailhub.relay.admission import Answer, Verdict
from tailhub.relay.allowed_keys import AllowedKey, Listing
from tailhub.verifiers.verifier import words

__all__ = ["LOOK_S", "AllowList", "Backing"]

NAME = "allow list"
LOOK_S = 0.4  # between looks: a file that is being written counts when two of them have found it the same

_log = logging.getLogger("tailhub")


class Backing(Protocol):
    """Where a list is kept. All of it may raise `FindingError`."""

    @property
    def place(self) -> str:
        """For people: the path of a file."""

    async def read(self) -> Listing:
        """The list as it is now."""

    async def changed(self) -> Listing | None:
        """The list if it is another one than was read last and is whole; None if not."""

    async def allow(self, entry: AllowedKey, replaces: Collection[bytes] = ()) -> None:
        """Have this key, under its name, on the list from now on, in one go without those that it `replaces`."""

    async def disallow(self, keys: Collection[bytes]) -> None:
        """Have these keys on the list no more."""


class AllowList:
    """The list of `tenant` (the relay's own is without a name). A key that belongs to another one is not its."""

    name = NAME
    fails_open = False

    def __init__(self, backing: Backing, tenant: str = "") -> None:
        self.backing = backing
        self.tenant = tenant
        self.on_change: Callable[[Collection[bytes] | None], None] = lambda keys: None
        self.trouble: Finding | None = None  # why it cannot be read just now
        self.has_admitted: Callable[[], Awaitable[bool]] = _has_admitted_nobody
        self._keys: Mapping[bytes, AllowedKey] | None = None  # None: it has never been read
        self._is_there = True  # as of what was read last
        self._watching: asyncio.Task[None] | None = None

    @property
    def keys(self) -> Mapping[bytes, AllowedKey]:
        """What was last read."""
        return self._keys or {}

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        """Is it on the list?"""
        self.start()
        if self._keys is None:
            await self._take(self.backing.read)
        if self._keys is None:
            return Verdict(self.name, Answer.UNREACHABLE, detail=words(self.trouble or "not read yet"))
        entry = self._keys.get(key)
        if entry is None and not self._is_there and await self.has_admitted():
            return Verdict(self.name, Answer.UNREACHABLE, detail="there is no list any more")
        if entry is None:
            return Verdict(self.name, Answer.REFUSED, detail="not on the list")
        if self.tenant and entry.tenant != self.tenant:
            return Verdict(self.name, Answer.REFUSED, detail="on the list for another tenant")
        return Verdict(self.name, Answer.ADMITTED, entry.name, tenant=entry.tenant)

    async def probe(self, limit_s: float) -> Finding | None:
        """Can it be read, and is anybody on it?"""
        try:
            async with asyncio.timeout(limit_s):
                listing = await self.backing.read()
        except FindingError as exc:
            return exc.finding if isinstance(exc.finding, Finding) else None
        except TimeoutError:
            return findings.file_trouble(self.backing.place, "no answer in time")
        if not listing.is_there and await self.has_admitted():
            return findings.allow_list_gone(self.backing.place)
        return None if listing.keys else findings.allow_list_empty(self.backing.place)

    def start(self) -> None:
        """Look at it from now on; the first question does the same."""
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    def stop(self) -> None:
        """Look at it no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def current(self) -> Mapping[bytes, AllowedKey]:
        """The list as it is now, or was when it could be read last."""
        await self._take(self.backing.read)
        return self.keys

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._take(self.backing.changed)

    async def allow(self, entry: AllowedKey, replaces: Collection[bytes] = ()) -> None:
        """Put a key on the list, or give it another name, and act on it now. Raises `FindingError`."""
        await self.backing.allow(entry, replaces)
        await self._take(self.backing.read)

    async def disallow(self, keys: Collection[bytes]) -> None:
        """Take keys off the list, and act on it now. Raises `FindingError`."""
        await self.backing.disallow(keys)
        await self._take(self.backing.read)

    async def _take(self, read: Callable[[], Awaitable[Listing | None]]) -> None:
        """Take over what is read; keep what there is when that fails."""
        try:
            listing = await read()
        except FindingError as exc:
            if self.trouble is None or str(self.trouble) != str(exc.finding):  # not with each look
                _log.error("%s", findings.allow_list_kept(self.backing.place, str(exc.finding), len(self.keys)))
            self.trouble = exc.finding if isinstance(exc.finding, Finding) else None
            return
        except Exception:  # ours: it must not be the last look
            _log.exception("error while reading %s", self.backing.place)
            return
        if listing is None:
            return
        if self.trouble is not None:
            _log.info(
                "%s can be read again", self.backing.place, extra=log_event("allow_list", place=self.backing.place)
            )
            self.trouble = None
        for finding in listing.found:
            _log.warning("%s", finding)
        before, is_first = self.keys, self._keys is None
        self._keys, was_there, self._is_there = listing.keys, self._is_there, listing.is_there
        changed = {key for key in {*before, *listing.keys} if not _is_same(before.get(key), listing.keys.get(key))}
        if changed and not is_first:
            place, keys = self.backing.place, len(listing.keys)
            extra = log_event("allow_list", place=place, keys=keys, changed=len(changed))
            _log.info("%s: %d keys, %d of them changed", place, keys, len(changed), extra=extra)
            if not listing.keys and listing.is_there:  # meant, or a disk that was full
                _log.warning("%s", findings.allow_list_empty(self.backing.place))
        if not is_first and was_there != self._is_there:
            self.on_change(None)
        elif changed:
            self.on_change(changed)


async def _has_admitted_nobody() -> bool:
    return False


def _is_same(one: AllowedKey | None, other: AllowedKey | None) -> bool:
    """Do these say the same of a key, wherever they stand?"""
    if one is None or other is None:
        return one is other
    return (one.name, one.tenant) == (other.name, other.tenant)
