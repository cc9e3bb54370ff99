"""Who was refused, and who was here: what an owner needs to let somebody in, and to tell an old key from a new one.

A client's node key changes when its user logs in again, so one that nobody knows may be a friend's. Times are seconds
since 1970. Both records are bounded; strangers cannot push each other's entries out of `Refusals`, only their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, TypeAlias

from tailhub.relay.admission import Verdict
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.relay.source import source_of

__all__ = [
    "MAX_REFUSALS",
    "MAX_SIGHTINGS",
    "Refusal",
    "Refusals",
    "Replacement",
    "Sighting",
    "Sightings",
    "replaced_by",
]

MAX_REFUSALS = 500
MAX_SIGHTINGS = 20_000

Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that was refused: from where last, how often, when, and after which verdicts the last time.

    `number` is its own as long as it is on record. `is_listed`: somebody has seen it under that number.
    """

    key: bytes
    number: int
    address: Address
    first_at: float
    last_at: float
    count: int
    verdicts: tuple[Verdict, ...] = ()
    is_listed: bool = False

    @property
    def node(self) -> str:
        """The device's name, if a verifier told it although the client was refused."""
        return next((verdict.node for verdict in self.verdicts if verdict.node), "")


class Refusals:
    """The refused, at most so many: beyond that, the longest unseen of the source that has the most gives way."""

    def __init__(self, most: int = MAX_REFUSALS) -> None:
        self._most = most
        self._refusals: OrderedDict[bytes, Refusal] = OrderedDict()  # whoever was refused last is last
        self._of_source: dict[int, dict[bytes, None]] = {}  # the same keys in the same order
        self._numbers: dict[int, bytes] = {}
        self._last_number = 0
        self._changed: dict[bytes, None] = {}
        self.dropped = 0

    def note(
        self, key: bytes, address: Address, verdicts: Sequence[Verdict], at: float, *, again: bool = False
    ) -> None:
        """The client with this `key` was refused; `again`: it did not ask itself, somebody asked about it once more."""
        before = self._take_out(key)
        if before is None and again:
            return
        if before is None:
            if len(self._refusals) >= self._most:
                self._drop_one()
            self._last_number += 1
            before = Refusal(key, self._last_number, address, at, at, 0)
        count = before.count + (not again)
        self._put(replace(before, address=address, last_at=at, count=count, verdicts=tuple(verdicts)))

    def forget(self, key: bytes) -> bool:
        """It is admitted now. Returns whether it was on record."""
        refusal = self._take_out(key)
        if refusal is None:
            return False
        del self._numbers[refusal.number]
        self._changed[key] = None
        return True

    def load(self, refusals: Iterable[Refusal]) -> None:
        """Take over what was kept from an earlier life; numbers are given anew."""
        for kept in sorted(refusals, key=lambda refusal: refusal.last_at)[-self._most :]:
            if kept.key not in self._refusals:
                self._last_number += 1
                self._put(replace(kept, number=self._last_number, is_listed=False))
        self._changed.clear()

    def take_changes(self) -> tuple[list[Refusal], list[bytes]]:
        """What is to be kept: refusals that are new or other ones since the last call, and keys to be forgotten."""
        changed, self._changed = self._changed, {}
        kept = [refusal for key in changed if (refusal := self._refusals.get(key)) is not None]
        return kept, [key for key in changed if key not in self._refusals]

    def listed(self) -> Sequence[Refusal]:
        """All of them by number, for somebody who will call them by it."""
        for key, refusal in self._refusals.items():
            if not refusal.is_listed:
                self._refusals[key] = replace(refusal, is_listed=True)
        return sorted(self._refusals.values(), key=lambda refusal: refusal.number)

    def by_number(self, number: int) -> Refusal | None:
        """The one that was listed under this number. A number that nobody was shown may be meant for another key."""
        key = self._numbers.get(number)
        refusal = self._refusals.get(key) if key is not None else None
        return refusal if refusal is not None and refusal.is_listed else None

    def get(self, key: bytes) -> Refusal | None:
        """What is on record of this key."""
        return self._refusals.get(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._refusals)

    def __len__(self) -> int:
        return len(self._refusals)

    def _put(self, refusal: Refusal) -> None:
        self._refusals[refusal.key] = refusal
        self._of_source.setdefault(source_of(refusal.address), {})[refusal.key] = None
        self._numbers[refusal.number] = refusal.key
        self._changed[refusal.key] = None

    def _take_out(self, key: bytes) -> Refusal | None:
        """Remove a key from the order of those who were refused, if it is there."""
        refusal = self._refusals.pop(key, None)
        if refusal is not None:
            source = source_of(refusal.address)
            keys = self._of_source[source]
            del keys[key]
            if not keys:
                del self._of_source[source]
        return refusal

    def _drop_one(self) -> None:
        """For each login with a new key of a flood, so it must be cheap."""
        most = max(self._of_source.values(), key=len)
        self.forget(next(iter(most)))
        self.dropped += 1


class Sighting(NamedTuple):
    """A key was admitted: from where, when, and after which verdicts."""

    address: Address
    at: float
    verdicts: tuple[Verdict, ...]


class Sightings:
    """Where keys that were admitted were last, at most so many: beyond that, the longest unseen is forgotten."""

    def __init__(self, most: int = MAX_SIGHTINGS) -> None:
        self._most = most
        self._sightings: OrderedDict[bytes, Sighting] = OrderedDict()

    def note(self, key: bytes, sighting: Sighting) -> None:
        """It was admitted."""
        self._sightings.pop(key, None)
        if len(self._sightings) >= self._most:
            self._sightings.popitem(last=False)
        self._sightings[key] = sighting

    def get(self, key: bytes) -> Sighting | None:
        """Its last sighting."""
        return self._sightings.get(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._sightings)


class Here(NamedTuple):
    """Who is here just now: keys that are connected, with an address of each, and those that were refused and wait."""

    connected: Mapping[bytes, str]
    held: Collection[bytes]


class Replacement(NamedTuple):
    """An entry of the allow list whose device has probably got another key, and why that is thought."""

    entry: AllowedKey
    reason: Literal["name", "address"]


def replaced_by(
    refusal: Refusal, allowed: Mapping[bytes, AllowedKey], sightings: Sightings, connected: Collection[bytes]
) -> Replacement | None:
    """The entry whose place the refused key probably takes: it has its name, or came from where that was last.

    Only one that is not here, and has not come since the refused one first did.
    """
    gone: list[tuple[float, AllowedKey]] = []
    for entry in allowed.values():
        if entry.key in connected or entry.key == refusal.key:
            continue
        if refusal.node and entry.name == refusal.node:
            return Replacement(entry, "name")
        seen = sightings.get(entry.key)
        if seen is not None and seen.at <= refusal.first_at and source_of(seen.address) == source_of(refusal.address):
            gone.append((seen.at, entry))
    return Replacement(max(gone, key=lambda one: one[0])[1], "address") if gone else None
