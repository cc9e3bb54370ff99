"""Judges which addresses the relay's name leads to, and whether they are those of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["NameSeen", "judge"]


@dataclass(frozen=True, slots=True)
class NameSeen:
    """What was seen."""

    addresses: tuple[str, ...] = ()
    """The IP addresses that clients will dial, IPv4 first: from the map, or DNS."""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
