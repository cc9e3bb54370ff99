"""Looks at what on *this* machine is in the way of looking.

A proxy in the environment, a TUN that accepts every connection, fake-ip DNS, a wrong clock: all other steps would lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.here import HereSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> HereSeen:
    """Look."""
    return HereSeen()
