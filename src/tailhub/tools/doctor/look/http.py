"""Looks at whether `GET /derp` is upgraded, and if not, who ate the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.http import HTTPSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> HTTPSeen:
    """Look."""
    return HTTPSeen()
