"""Blocks of labelled values and numbered steps, for commands that print something and end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tailhub.cli.screen import Line
from tailhub.cli.text_layout import display_width, pad, wrap

__all__ = ["block", "short_path", "step"]


def block(rows: Sequence[tuple[str, str]], columns: int, labels: int = 0) -> Iterator[Line]:
    """Rows of label and value, the values below each other; a row without a value is left out.

    Words of a value are broken at `columns`; one that has no spaces stays whole. `labels`: their least width.
    """
    width = max([labels, *(display_width(label) for label, value in rows if value)])
    for label, value in rows:
        for number, part in enumerate(wrap(value, columns - width - 4) if value else []):
            yield Line(f"  {pad('' if number else label, width)}  {part}")


def step(number: int, text: str, columns: int, paste: Sequence[str] = ()) -> Iterator[Line]:
    """One thing to do, with lines to be pasted below it, which stay whole."""
    yield Line("")
    for index, part in enumerate(wrap(text, columns - 2)):
        yield Line(f"{'  ' if index else f'{number} '}{part}", "step")
    for line in paste:
        yield Line(f"  {line}", "paste")


def short_path(path: Path | str) -> str:
    """A path for people, with ~ for the home directory."""
    text, home = str(path), os.environ.get("HOME") or "-"
    return "~" + text[len(home) :] if text.startswith(home + "/") else text
