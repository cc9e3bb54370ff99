"""What somebody may choose to be told of: the words of the setting ``notify_events``.

A start imports no more than this of `tailhub.alerts`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = ["EVENTS", "Event"]

Event: TypeAlias = Literal[
    "certificate", "credential", "quota", "verifier", "unreachable", "update", "workers", "store", "mesh"
]
EVENTS: Final[tuple[Event, ...]] = (
    *("certificate", "credential", "quota", "verifier"),
    *("unreachable", "update", "workers", "store", "mesh"),
)
