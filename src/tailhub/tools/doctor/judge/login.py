"""Judges whether the relay lets a client in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["LoginSeen", "judge"]


@dataclass(frozen=True, slots=True)
class LoginSeen:
    """What was seen."""

    is_admitted: bool = False
    server_key: bytes = b""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
