"""Looks at whether the relay lets a client in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.login import LoginSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> LoginSeen:
    """Look."""
    return LoginSeen()
