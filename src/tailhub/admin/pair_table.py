"""Who relays to whom, and how much, added up from what the relay tells. No clock, no sockets.

Bounded: the pair that was not used for longest goes first, and what went is known as a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Any, Final

from tailhub.admin.api_types import Others, Pair, Pairs
from tailhub.admin.client_table import key_text
from tailhub.admin.feed import PairRow
from tailhub.keys import short_key

__all__ = ["MOST_PAIRS", "PAIR_ORDERS", "PairTable"]

MOST_PAIRS: Final = 20_000

NameOf = Callable[[bytes], str]


class _Pair:
    """One sender and one receiver."""

    __slots__ = ("bytes", "dst", "fresh", "last", "packets", "per_s", "src", "tenant")

    def __init__(self, tenant: str, src: bytes, dst: bytes) -> None:
        self.tenant, self.src, self.dst = tenant, src, dst
        self.packets = self.bytes = 0
        self.fresh = 0  # bytes of the snapshot that is being told
        self.per_s = self.last = 0.0


PAIR_ORDERS: Final[Mapping[str, Callable[[_Pair], Any]]] = {
    "rate": lambda one: one.per_s,
    "bytes": lambda one: one.bytes,
    "last": lambda one: one.last,
}
"""By what a list of pairs may be sorted."""


class PairTable:
    """Told what pairs have used."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._most = most
        self._pairs: dict[tuple[str, bytes, bytes], _Pair] = {}  # the one that was used last stands last
        self._used: dict[tuple[str, bytes, bytes], _Pair] = {}  # in this snapshot
        self._moving: list[_Pair] = []
        self._others = Others(pairs=0, packets=0, bytes=0)

    def used(self, rows: Iterable[PairRow]) -> None:
        """Pairs have used so much more."""
        for row in rows:
            key = row.tenant, row.src, row.dst
            pair = self._pairs.pop(key, None) or _Pair(*key)
            self._pairs[key] = self._used[key] = pair
            pair.packets += row.packets
            size = max(row.in_bytes, row.out_bytes)  # of one that is at another relay only one is known here
            pair.bytes += size
            pair.fresh += size
        self._drop_old()

    def ended(self, at: float, passed_s: float | None) -> None:
        """The snapshot of the time `at` is whole, so long after the last one; None: too long for rates to be of now."""
        for pair in self._moving:
            pair.per_s = 0.0
        self._moving = []
        for pair in self._used.values():
            pair.last = at
            if passed_s:
                pair.per_s = pair.fresh / passed_s
                self._moving.append(pair)
            pair.fresh = 0
        self._used = {}

    def _drop_old(self) -> None:
        for key in list(islice(self._pairs, max(0, len(self._pairs) - self._most))):
            pair = self._pairs.pop(key)
            self._used.pop(key, None)
            self._others.pairs += 1
            self._others.packets += pair.packets
            self._others.bytes += pair.bytes

    # --- questions ----------------------------------------------------------------------------------------------------

    def listed(self, sort: str, name_of: NameOf, *, descending: bool, search: str, offset: int, limit: int) -> Pairs:
        """A page of those that fit: `search` is part of a key, name or tenant, of either side."""
        found: Iterable[_Pair] = self._pairs.values()
        matching = len(self._pairs)
        if search:
            wanted = search.lower()
            names: dict[bytes, bool] = {}  # does the key fit? Each is in many pairs
            found = [one for one in found if _fits(one, wanted, name_of, names)]
            matching = len(found)
        ordered = (nlargest if descending else nsmallest)(offset + limit, found, key=PAIR_ORDERS[sort])
        page = [_shown(one, name_of) for one in ordered[offset:]]
        return Pairs(total=len(self._pairs), matching=matching, pairs=page, others=self._others)

    def of_key(self, key: bytes, name_of: NameOf, limit: int) -> list[Pair]:
        """The pairs of one key, those that move most first."""
        found = [one for one in self._pairs.values() if key in (one.src, one.dst)]
        return [_shown(one, name_of) for one in nlargest(limit, found, key=lambda one: (one.per_s, one.bytes))]


def _fits(pair: _Pair, wanted: str, name_of: NameOf, known: dict[bytes, bool]) -> bool:
    for key in (pair.src, pair.dst):
        if (fits := known.get(key)) is None:
            text = f"{key_text(key)}\n{short_key(key)}\n{name_of(key)}".lower()
            fits = known[key] = wanted in text
        if fits:
            return True
    return wanted in pair.tenant.lower()


def _shown(one: _Pair, name_of: NameOf) -> Pair:
    return Pair(
        src=key_text(one.src),
        src_short=short_key(one.src),
        src_name=name_of(one.src),
        dst=key_text(one.dst),
        dst_short=short_key(one.dst),
        dst_name=name_of(one.dst),
        tenant=one.tenant,
        packets=one.packets,
        bytes=one.bytes,
        bytes_per_s=one.per_s,
        last=one.last,
    )
