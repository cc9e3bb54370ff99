"""Reads logfmt as go-logfmt does: bare values, or quoted ones with the escapes of JSON."""

from __future__ import annotations

import json
import re

_PAIR = re.compile(r'(?P<key>[^\s"=]+)=(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<bare>[^\s"=\\]*))(?: |$)')


def parse_logfmt(line: str) -> dict[str, str]:
    """The pairs of one line, in order. Raises `ValueError` for what is not logfmt."""
    pairs: dict[str, str] = {}
    at = 0
    while at < len(line):
        match = _PAIR.match(line, at)
        if match is None:
            raise ValueError(f"not logfmt at {at}: {line!r}")
        value = json.loads(match["quoted"]) if match["quoted"] is not None else match["bare"]
        pairs[match["key"]] = value
        at = match.end()
    return pairs
