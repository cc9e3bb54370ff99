"""Judges whether UDP 3478 tells clients their address, over IPv4 and IPv6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["STUNSeen", "judge"]


@dataclass(frozen=True, slots=True)
class STUNSeen:
    """What was seen."""

    answered: tuple[int, ...] = ()
    """The IP versions over which an answer came."""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
