"""What holds now and is worth telling: a `Condition`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tailhub.alerts.events import Event
from tailhub.findings import Finding

__all__ = ["RECOVER_S", "Condition", "Look", "Values"]

RECOVER_S: Final = 120.0  # a condition must be gone for so long before that is told, unless it says otherwise

Values: TypeAlias = Mapping[str, object]
"""Texts and numbers, which JSON has too."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`subject` tells it apart from others of its event, also after a restart; `text` is its entry in `texts`.

    It is told when it has held for `after_s`, and again when its `level` rises. `has_end`: is its end told too, when it
    has been gone for `recover_s` (0: `RECOVER_S`)? Where it is a `finding`, that says what was seen and what to do.
    `values` fill the text; "name" is for its end.
    """

    event: Event
    subject: str
    text: str
    values: Values = field(default_factory=dict)
    finding: Finding | None = None
    level: int = 1
    after_s: float = 0.0
    recover_s: float = 0.0
    has_end: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """What holds at one look. Of what is `unknown` (event and subject; subject None: all of the event) nothing is said.

    What was told of that before counts as holding on: nobody knows that it is over.
    """

    conditions: tuple[Condition, ...] = ()
    unknown: frozenset[tuple[str, str | None]] = frozenset()
