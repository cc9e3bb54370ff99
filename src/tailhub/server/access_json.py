"""Entries of allow lists, refusals and verdicts as the operator's API gives them, and commands without a relay too."""

from __future__ import annotations

from typing import Any

from tailhub.keys import NodePublic, short_key
from tailhub.relay.admission import Verdict
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.relay.refusals import Refusal, Replacement

__all__ = ["entry_json", "refusal_json", "verdict_json"]


def entry_json(entry: AllowedKey) -> dict[str, Any]:
    """A key that is on a list."""
    key = NodePublic.PREFIX + entry.key.hex()
    row = {"key": key, "short": short_key(entry.key), "name": entry.name, "tenant": entry.tenant}
    return row | {"comment": entry.comment, "line": entry.line}


def refusal_json(refusal: Refusal, replacement: Replacement | None, *, is_held: bool) -> dict[str, Any]:
    """A key that was refused, and the entry whose place it probably takes; `is_held`: it waits to be let in."""
    return {
        "id": refusal.number,
        "key": NodePublic.PREFIX + refusal.key.hex(),
        "short": short_key(refusal.key),
        "address": str(refusal.address),
        "first_unix_s": refusal.first_at,
        "last_unix_s": refusal.last_at,
        "count": refusal.count,
        "is_held": is_held,
        "node": refusal.node,
        "answers": [verdict_json(verdict) for verdict in refusal.verdicts],
        "replaces": entry_json(replacement.entry) | {"reason": replacement.reason} if replacement else None,
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """What a verifier has answered."""
    row = {"verifier": verdict.verifier, "answer": verdict.answer.value, "detail": verdict.detail}
    return row | {"node": verdict.node, "owner": verdict.owner, "tenant": verdict.tenant}
