"""Looks at what certificate the relay shows, and whether clients take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.tls import TLSSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> TLSSeen:
    """Look."""
    return TLSSeen()
