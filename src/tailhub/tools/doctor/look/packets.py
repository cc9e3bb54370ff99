"""Looks at whether packets of all sizes come through between two clients, with which loss and delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.packets import PacketsSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> PacketsSeen:
    """Look."""
    return PacketsSeen()
