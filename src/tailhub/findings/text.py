"""The texts of one finding in one language."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Text"]


class Text(NamedTuple):
    """Templates (`tailhub.findings.finding`). A line's end parts what a wide screen shows apart: see each.

    What only a start or a command says, in a sentence on standard error, has neither `means` nor `now`.
    """

    what: str
    """What was expected and what was found: a headline, then a line for each thing that was seen."""
    remedy: str
    """What to do; with several lines: in this order."""
    means: str = ""
    """What it means: how it comes to this."""
    now: str = ""
    """What it does to users now."""
