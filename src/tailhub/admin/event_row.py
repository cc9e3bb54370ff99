"""A line of the log as the operator's pages show it. Apart from `feed`: each relay keeps some from its start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["EventRow"]


class EventRow(NamedTuple):
    """One line of the log, as the API shows it."""

    at: float  # seconds since 1970
    level: str  # "debug", "info", "warning", "error"
    event: str  # what happened, in a word or two: "login", "refused"
    text: str  # the whole line, as a person reads it
    fields: Mapping[str, str | int | float | bool]
