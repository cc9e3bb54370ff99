"""Looks at whether UDP 3478 tells clients their address, over IPv4 and IPv6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.stun import STUNSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> STUNSeen:
    """Look."""
    return STUNSeen()
