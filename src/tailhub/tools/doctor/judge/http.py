"""Judges whether `GET /derp` is upgraded, and if not, who ate the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["HTTPSeen", "judge"]


@dataclass(frozen=True, slots=True)
class HTTPSeen:
    """What was seen."""

    is_upgraded: bool = False


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
