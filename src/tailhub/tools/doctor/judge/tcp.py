"""Judges whether the relay's TCP port answers, over IPv4 and IPv6, and what speaks there first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["TCPSeen", "judge"]


@dataclass(frozen=True, slots=True)
class TCPSeen:
    """What was seen."""

    open_address: str = ""
    """The address by which later steps reach the port, "" if none does."""
    rtt_s: float = 0.0
    """How long that connection took."""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
