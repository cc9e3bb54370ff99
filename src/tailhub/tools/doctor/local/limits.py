"""What the system gives the relay: open files, receive buffers, tracked connections."""

from __future__ import annotations

from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["check"]


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return Judgement()
