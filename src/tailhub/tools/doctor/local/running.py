"""The relay that runs, if one does: its service, its version, its state."""

from __future__ import annotations

from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["check"]


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return Judgement()
