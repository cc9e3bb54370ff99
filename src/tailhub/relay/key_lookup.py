"""Finds out which key somebody means who writes it whole, shortened as logs do, by its first digits, or by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.keys import NodePublic, short_key
from tailhub.relay.allowed_keys import AllowedKey

__all__ = ["find_entries", "find_key", "whole_key"]

_DIGITS = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)
_MOST_SHOWN = 5


def whole_key(text: str) -> bytes | None:
    """The key that is written whole, with or without ``nodekey:``; None for anything else."""
    try:
        return NodePublic.parse(NodePublic.PREFIX + text.removeprefix(NodePublic.PREFIX)).raw
    except LocalError:
        return None


def find_key(text: str, known: Iterable[bytes], entries: Iterable[AllowedKey]) -> bytes:
    """The key that `text` stands for: any whole one, else one of those `known`, or that with this name on a list.

    Raises `UsageError`.
    """
    if (key := whole_key(text)) is not None:
        return key
    keys = {entry.key for entry in entries if entry.name == text}
    keys = keys or {key for key in known if _is_meant(text, key)}
    if len(keys) > 1:
        raise UsageError(_several(text, keys))
    if not keys:
        raise UsageError(findings.not_on_record(text))
    return keys.pop()


def find_entries(text: str, entries: Iterable[AllowedKey]) -> list[AllowedKey]:
    """The entries with the key that `text` stands for or names: one, or the same key on several lists.

    Raises `UsageError`.
    """
    entries = list(entries)
    found = [entry for entry in entries if entry.name == text] or [
        entry for entry in entries if entry.key == whole_key(text) or _is_meant(text, entry.key)
    ]
    keys = {entry.key for entry in found}
    if len(keys) > 1:
        raise UsageError(_several(text, keys))
    if not found:
        raise UsageError(findings.not_on_record(text, entry=True))
    return found


def _is_meant(text: str, key: bytes) -> bool:
    short, digits = short_key(key), text.removeprefix(NodePublic.PREFIX)
    is_start = _DIGITS.fullmatch(digits) is not None and key.hex().startswith(digits.lower())
    return text in (short, short[1:-1]) or is_start


def _several(text: str, keys: set[bytes]) -> findings.Finding:
    shown = [NodePublic(key).PREFIX + key.hex() for key in sorted(keys)]
    return findings.several_keys(text, [*shown[:_MOST_SHOWN], *(["…"] if len(shown) > _MOST_SHOWN else [])])
