"""Judges what certificate the relay shows, and whether clients take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["TLSSeen", "judge"]


@dataclass(frozen=True, slots=True)
class TLSSeen:
    """What was seen."""

    is_tls: bool = False
    """Did some TLS handshake succeed, whatever the certificate?"""
    is_trusted: bool = False
    """Would clients go on? Later steps pass over the certificate if not."""
    chain: tuple[bytes, ...] = ()
    """What it presented, in DER, its own first."""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    return Judgement()
