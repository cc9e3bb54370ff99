"""When the pages ask the relay for numbers: only when somebody wants newer ones, and at most once a second.

All who want something share one question; what was wanted a moment ago is asked for with it, so that a dashboard which
polls several lists costs one question a second and none of them waits for the other's. While nobody looks, metrics are
asked for each ten seconds, for the charts. No clock, no sockets: `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from tailhub.admin.feed import Part, SnapshotRequest

__all__ = ["ANSWER_S", "EVERY_S", "Pull"]

EVERY_S: Final = 1.0  # between two questions
ANSWER_S: Final = 3.0  # that the relay has for an answer; then it is lost
TOGETHER_S: Final = 0.02  # that the first question waits, for others that come with it
WANTED_S: Final = 3.0  # after which what was wanted is not asked for any more, unless it is wanted again
MOST_OPEN: Final = 5  # questions to a relay that does not answer
IDLE_S: Final = 10.0  # between two questions when nobody wants anything


class Pull:
    """Made when the channel is open. Nothing is known before the first answer."""

    def __init__(self, now: float) -> None:
        self._number = 0
        self._asked_at = now - EVERY_S
        self._wanted: dict[Part, float] = {}  # when it was last wanted
        self._missing: dict[Part, float] = {}  # wanted by somebody who waits, since when
        self._known: dict[Part, float] = {}  # when the question was asked by whose answer it is known
        self._open: dict[int, tuple[float, frozenset[Part]]] = {}  # questions that are not answered yet

    def is_known(self, parts: Set[Part], now: float) -> bool:
        """Are these known as of less than a second ago?"""
        return all(now - self._known.get(part, -EVERY_S) < EVERY_S for part in parts)

    def want(self, parts: Set[Part], now: float) -> None:
        """Somebody wants these, newer than they are known."""
        for part in parts:
            self._wanted[part] = now
            if not self.is_known({part}, now):
                self._missing.setdefault(part, now)

    def request(self, now: float) -> SnapshotRequest | None:
        """The question that is to be asked now, if one is."""
        if now < self.next_deadline():
            return None
        recent = {part for part, at in self._wanted.items() if now - at < WANTED_S}
        parts = frozenset({Part.VALUES, *self._missing, *recent})
        whole = not self._number
        self._number += 1
        self._asked_at = now
        self._missing.clear()
        self._open[self._number] = now, parts
        if len(self._open) > MOST_OPEN:
            del self._open[min(self._open)]
        return SnapshotRequest(self._number, parts, whole)

    def next_deadline(self) -> float:
        """When to ask next, unless the relay answers before."""
        if self._open:  # the next question when that is answered, or will not be
            return self._asked_at + ANSWER_S
        if self._missing:
            return max(self._asked_at + EVERY_S, min(self._missing.values()) + TOGETHER_S)
        return self._asked_at + IDLE_S

    def answered(self, number: int) -> frozenset[Part]:
        """The relay has told everything that a question was about; what that was, empty if it is none of ours."""
        asked = self._open.get(number)
        if asked is None:
            return frozenset()
        self._open = {other: question for other, question in self._open.items() if other > number}
        at, parts = asked
        for part in parts:
            self._known[part] = max(at, self._known.get(part, at))
            if self._missing.get(part, at + EVERY_S) < at + EVERY_S:  # whoever wants it has it now
                del self._missing[part]
        return parts

    def outdate(self) -> None:
        """Something was changed: what is known is not how things are."""
        self._known.clear()

    def is_lost(self, now: float) -> bool:
        """Has the relay left a question unanswered for too long?"""
        return any(now - at >= ANSWER_S for at, _ in self._open.values())
