"""Where the relay is: a container's network, a cloud with addresses of its own, and what its map says."""

from __future__ import annotations

from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["check"]


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return Judgement()
