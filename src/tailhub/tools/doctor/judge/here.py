"""Judges what on *this* machine is in the way of looking.

A proxy in the environment, a TUN that accepts every connection, fake-ip DNS, a wrong clock: all other steps would lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["HereSeen", "judge"]


@dataclass(frozen=True, slots=True)
class HereSeen:
    """What was seen."""

    proxies: tuple[str, ...] = ()
    """Names of the variables that send HTTP through a proxy."""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
