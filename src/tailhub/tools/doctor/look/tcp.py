"""Looks at whether the relay's TCP port answers, over IPv4 and IPv6, and what speaks there first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.tcp import TCPSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> TCPSeen:
    """Look."""
    return TCPSeen()
