"""All that `tailhub config check` finds, and how the relay is started."""

from __future__ import annotations

from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["check"]


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return Judgement()
