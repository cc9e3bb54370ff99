"""Charts of dots for a terminal, and numbers as people read them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["bar", "bits", "clock_span", "columns_of_dots", "count", "nice_top", "size"]

# The dots of a braille character, from the lowest to the highest, of its left and its right column (Unicode 2800).
_LEFT: Final = (0x40, 0x04, 0x02, 0x01)
_RIGHT: Final = (0x80, 0x20, 0x10, 0x08)
_EMPTY: Final = 0x2800
_BITS: Final = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")
_BYTES: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def columns_of_dots(values: Sequence[float | None], top: float, rows: int, *, hangs: bool = False) -> list[str]:
    """Lines of a chart, two values a character, filled from its floor; `hangs`: from its ceiling down.

    `top` is the value that fills it. A value that is not nothing has a dot at least.
    """
    heights = [_dots(value, top, rows * 4) for value in values]
    if len(heights) % 2:
        heights.append(0)
    lines = []
    for row in range(rows):
        floor = (row if hangs else rows - 1 - row) * 4
        line = []
        for left, right in zip(heights[::2], heights[1::2], strict=True):
            dots = _EMPTY
            for masks, height in ((_LEFT, left), (_RIGHT, right)):
                chosen = masks[::-1] if hangs else masks
                for mask in chosen[: min(4, max(0, height - floor))]:
                    dots |= mask
            line.append(chr(dots))
        lines.append("".join(line))
    return lines


def _dots(value: float | None, top: float, most: int) -> int:
    if not value or top <= 0:
        return 0
    return max(1, min(most, round(value / top * most)))


def nice_top(value: float) -> float:
    """The next of 1, 2, 5, 10 … that is not below: a scale that does not change with each look."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999999)


def bar(share: float, columns: int) -> tuple[str, str]:
    """A bar of so many columns: what is filled of it, to its `share` of 1, and the rest."""
    filled = min(columns, max(0, round(share * columns)))
    if share > 0:
        filled = max(1, filled)
    return "━" * filled, "─" * (columns - filled)


def bits(bytes_per_s: float) -> str:
    """A rate as networks have it: ``93.4 Mbit/s``."""
    return _with_unit(bytes_per_s * 8, _BITS)


def size(number: float) -> str:
    """Bytes: ``1.23 GB``."""
    return _with_unit(number, _BYTES)


def _with_unit(number: float, units: Sequence[str]) -> str:
    """Three digits and a unit."""
    index = 0
    while number >= 999.5 and index < len(units) - 1:
        number /= 1000
        index += 1
    if index == 0:
        return f"{number:.0f} {units[0]}"
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f} {units[index]}"


def count(number: float) -> str:
    """How many: ``7``, ``1 234``, ``123 k``."""
    if number < 100_000:
        return f"{number:,.0f}".replace(",", " ") if number >= 100 or number == int(number) else f"{number:.1f}"
    return (
        f"{number / 1e3:.0f} k"
        if number < 1e6
        else f"{number / 1e6:.1f} M"
        if number < 1e9
        else f"{number / 1e9:.1f} G"
    )


def clock_span(seconds: float) -> str:
    """How long: ``42s``, ``5m``, ``3h12m``, ``4d 3h``."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d {hours % 24}h" if days < 100 else f"{days}d"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    return f"{minutes}m" if minutes else f"{whole}s"
