"""Judges whether packets of all sizes come through between two clients, with which loss and delay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["PacketsSeen", "judge"]


@dataclass(frozen=True, slots=True)
class PacketsSeen:
    """What was seen."""

    sent: int = 0
    received: int = 0


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
