"""Who was admitted before, by whom: so that clients go on working while a verifier cannot be asked.

A yes is remembered by verifier and key. While just that verifier gives no answer its yes stands in, for a set time
since it was last confirmed; its no ends the memory at once. Verifiers of one relay have different names. Times are
seconds since 1970, because what is remembered outlives the process.

Not here: where it is kept (whoever keeps it calls `load` once and `take_changes` now and then).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from tailhub.relay.admission import Answer, Verdict

MOST_REMEMBERED = 100_000  # some 40 MB; beyond that the one that was confirmed longest ago is forgotten
SAVED_EVERY_S = 3600.0  # a mere further confirmation is a change for whoever keeps it, this often
DAY_S = 86400.0

_Place: TypeAlias = tuple[bytes, str]  # key and verifier


@dataclass(frozen=True, slots=True)
class Remembered:
    """A yes: `key` (32 bytes) was admitted by `verifier`, last at `confirmed_at`, with what it told."""

    key: bytes
    verifier: str
    confirmed_at: float
    tenant: str = ""
    node: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class MemoryChanges:
    """What has changed since the last time, for whoever keeps it: what is to be written, and whose entries removed."""

    confirmed: tuple[Remembered, ...] = ()
    ended: tuple[tuple[bytes, str, float], ...] = ()  # key, verifier, and when it had been confirmed last, 0: unknown


class AdmissionMemory:
    """`remember_days` of 0: nothing is remembered. `is_loaded`: has what was kept been read?"""

    def __init__(self, remember_days: float, most: int = MOST_REMEMBERED, *, is_kept: bool = False) -> None:
        """`is_kept`: somebody will call `load`."""
        self._remember_s = remember_days * DAY_S
        self._most = most
        self._known: OrderedDict[_Place, Remembered] = OrderedDict()  # longest ago first
        self._saved_at: dict[_Place, float] = {}
        self._changes: OrderedDict[_Place, Remembered | float] = OrderedDict()  # a time: ended, confirmed then
        self.is_loaded = not is_kept

    def __len__(self) -> int:
        return len(self._known)

    def set_days(self, remember_days: float) -> None:
        """Remember for so long from now on."""
        self._remember_s = remember_days * DAY_S

    @property
    def is_on(self) -> bool:
        """Is anything remembered at all?"""
        return self._remember_s > 0

    def load(self, kept: Iterable[Remembered]) -> None:
        """Take what was kept. What has been learnt meanwhile is newer."""
        if not self.is_on:
            kept = ()
        newer = self._known
        self._known = OrderedDict()
        for entry in sorted(kept, key=lambda entry: entry.confirmed_at):
            place = (entry.key, entry.verifier)
            if place in newer and newer[place].confirmed_at < entry.confirmed_at:
                del newer[place]  # kept at two places, of which this one has been told more
            if place not in newer and place not in self._changes:
                self._known[place] = entry
                self._saved_at[place] = entry.confirmed_at
        self._known.update(newer)
        self.is_loaded = True
        self._bound()

    def has_of(self, verifier: str) -> bool:
        """Is anybody remembered whom this one has admitted?"""
        return any(name == verifier for _, name in self._known)

    def note(self, key: bytes, verdict: Verdict, now: float) -> None:
        """A verifier has answered about a key."""
        if not self.is_on:
            return
        if verdict.answer is Answer.ADMITTED:
            self._confirmed(
                Remembered(key, verdict.verifier, now, tenant=verdict.tenant, node=verdict.node, owner=verdict.owner)
            )
        elif verdict.answer is Answer.REFUSED:
            self._ended((key, verdict.verifier))

    def recall(self, key: bytes, verdict: Verdict, now: float) -> Verdict | None:
        """The yes that stands in for a `verdict` that is no answer; None when there is none, or it is too old."""
        known = self._gone(key, verdict, now)
        if known is None or now - known.confirmed_at > self._remember_s:
            return None
        return Verdict(
            known.verifier,
            Answer.ADMITTED,
            node=known.node,
            detail=f"remembered, now {verdict.answer.value}",
            owner=known.owner,
            tenant=known.tenant,
        )

    def is_over(self, key: bytes, verdict: Verdict, now: float) -> bool:
        """Was there a yes that could stand in for `verdict`, and is too old now?"""
        known = self._gone(key, verdict, now)
        return known is not None and now - known.confirmed_at > self._remember_s

    def names(self) -> dict[bytes, tuple[str, str]]:
        """What the nodes that are remembered are called, and their owners, by key."""
        return {entry.key: (entry.node, entry.owner) for entry in self._known.values() if entry.node or entry.owner}

    def take_changes(self) -> MemoryChanges:
        """What is to be kept since the last call."""
        changes = self._changes
        confirmed = tuple(entry for entry in changes.values() if isinstance(entry, Remembered))
        ended = tuple((*place, entry) for place, entry in changes.items() if not isinstance(entry, Remembered))
        self._changes.clear()
        for entry in confirmed:
            place = (entry.key, entry.verifier)
            if place in self._known:
                self._saved_at[place] = entry.confirmed_at
        return MemoryChanges(confirmed, ended)

    def keep_again(self) -> None:
        """What was kept is lost: all that is known is a change."""
        for place, entry in self._known.items():
            self._change(place, entry)

    def _gone(self, key: bytes, verdict: Verdict, now: float) -> Remembered | None:
        """What its verifier, from which no answer comes, had said before."""
        place = (key, verdict.verifier)
        known = None if verdict.is_answer else self._known.get(place)
        if known is not None and known.confirmed_at > now:  # the clock was wrong then: count from now, not from there
            known = self._known[place] = replace(known, confirmed_at=now)
        return known

    def _confirmed(self, entry: Remembered) -> None:
        place = (entry.key, entry.verifier)
        before = self._known.get(place)
        self._known[place] = entry
        self._known.move_to_end(place)
        is_same = before is not None and (before.tenant, before.node, before.owner) == (
            entry.tenant,
            entry.node,
            entry.owner,
        )
        if not is_same or entry.confirmed_at - self._saved_at.get(place, 0.0) >= SAVED_EVERY_S:
            self._change(place, entry)
        self._bound()

    def _ended(self, place: _Place) -> None:
        known = self._known.pop(place, None)
        self._saved_at.pop(place, None)
        if known is not None or not self.is_loaded:  # before that, it may be among what is kept
            self._change(place, known.confirmed_at if known is not None else 0.0)

    def _bound(self) -> None:
        while len(self._known) > self._most:
            place, known = self._known.popitem(last=False)
            self._saved_at.pop(place, None)
            self._change(place, known.confirmed_at)

    def _change(self, place: _Place, entry: Remembered | float) -> None:
        self._changes[place] = entry
        self._changes.move_to_end(place)
        while len(self._changes) > self._most:  # nobody takes them
            self._changes.popitem(last=False)
