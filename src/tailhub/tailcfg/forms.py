"""A map in the forms that people paste: a piece of a Tailscale policy file, JSON, Headscale's YAML.

Not here: reading or changing what has such a form (`tailhub.tailcfg.map_edit`). Sources: Tailscale's policy files are
HuJSON (JSON with comments and trailing commas); Headscale reads ``derp.paths`` with yaml.v3 into the reference's types,
so its keys are the names of their fields in lower case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec

from tailhub.tailcfg.derpmap import DERPMap, serialize_json

# Columns of a line of `policy_snippet`: 110 on the screen, less an indent of 2 there. A pin with its name takes 89.
SNIPPET_COLUMNS = 108

_STARTS_LINE = re.compile(r'\{"Name"|"Nodes"|"\d+": ')  # a node, or a region after the first


def to_json(derp_map: DERPMap, indent: int = 2) -> str:
    """The map as JSON; `indent` 0 puts it on one line."""
    return msgspec.json.format(serialize_json(derp_map), indent=indent).decode()


def policy_snippet(derp_map: DERPMap, columns: int = SNIPPET_COLUMNS) -> str:
    """Text to paste into a Tailscale policy file before its last ``}``: the member ``"derpMap"`` and a comma.

    Lines are no longer than `columns`, where a value is not longer than that by itself.
    """
    lines: list[str] = []
    line = '"derpMap": '
    for piece in _pieces(msgspec.to_builtins(derp_map, str_keys=True)):
        # A piece is never broken, so a pin stays whole.
        if line.strip() and (_STARTS_LINE.match(piece) or len(line) + len(piece.rstrip()) > columns):
            lines.append(line.rstrip())
            line = "  "
        line += piece
    lines.append(line.rstrip() + ",")
    return "\n".join(lines)


def headscale_yaml(derp_map: DERPMap) -> str:
    """The map as a file for Headscale's ``derp.paths``."""
    import yaml

    plain = _lower(msgspec.to_builtins(derp_map))
    # One line for each value, however long: a folded pin is legal YAML but no longer a thing to compare by eye.
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100_000)
    return text


def _lower(value: object) -> object:
    if isinstance(value, dict):
        return {key.lower() if isinstance(key, str) else key: _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list | tuple) else value


def _pieces(value: object, before: str = "", after: str = "") -> Iterator[str]:
    """The JSON text in pieces that end where a line may be broken."""
    if isinstance(value, dict) and value:
        members = [(json.dumps(name, ensure_ascii=False) + ": ", item) for name, item in value.items()]
        yield from _members(members, before + "{", "}" + after)
    elif isinstance(value, list | tuple) and value:
        yield from _members([("", item) for item in value], before + "[", "]" + after)
    else:
        yield before + json.dumps(value, ensure_ascii=False) + after


def _members(members: list[tuple[str, object]], before: str, after: str) -> Iterator[str]:
    last = len(members) - 1
    for index, (name, item) in enumerate(members):
        yield from _pieces(item, (before if index == 0 else "") + name, after if index == last else ", ")
