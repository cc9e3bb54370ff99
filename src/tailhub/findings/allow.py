"""Findings about the allow list, and about what a command says of the keys on it."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding
from tailhub.findings.tenants import TENANT_TABLE

_MAX_SHOWN = 40  # characters of what somebody wrote


def allow_list_line(path: str, line: int, word: str) -> Finding:
    """In `line` of the list at `path` a `word` cannot be read: it is no key, or means nothing behind one."""
    return Finding("TH285", {"path": path, "line": line, "word": _shown(word)})


def allow_list_twice(path: str, line: int, first: int) -> Finding:
    """`line` of the list at `path` has the key of the line that comes `first`, which counts."""
    return Finding("TH286", {"path": path, "line": line, "first": first})


def allow_list_kept(path: str, reason: str, keys: int) -> Finding:
    """The list at `path` cannot be read; so many `keys` are on the one that goes on, none if there never was one."""
    return Finding("TH287", {"path": path, "reason": reason, "keys": keys or ""})


def allow_list_empty(path: str) -> Finding:
    """Nobody is on the list at `path`."""
    return Finding("TH288", {"path": path})


def allow_list_gone(path: str) -> Finding:
    """There is no list at `path`, although one has admitted clients before."""
    return Finding("TH357", {"path": path})


def allow_list_tenant(path: str, line: int, name: str, names: str) -> Finding:
    """`line` of the list at `path` gives its key to a tenant that there is not; `names` are those there are."""
    return Finding("TH318", {"path": path, "line": line, "name": _shown(name), "names": names})


def no_allow_list() -> Finding:
    """The relay has none, so there is nothing to put a key on."""
    return Finding("TH289")


def not_on_record(text: str, *, number: bool = False, entry: bool = False) -> Finding:
    """`text` is not what it should be: the `number` of a refused client, an `entry` of the list, else a node key."""
    return Finding("TH290", {"text": _shown(text), "number": number, "entry": entry})


def several_keys(text: str, keys: Sequence[str]) -> Finding:
    """`text` stands for several `keys`."""
    return Finding("TH291", {"text": _shown(text), "keys": ", ".join(keys)})


def allow_name(text: str, taken_by: str = "") -> Finding:
    """`text` cannot be a name on the list, or is that of the key `taken_by`."""
    return Finding("TH292", {"text": _shown(text), "key": taken_by})


def allow_tenant(text: str, names: Sequence[str]) -> Finding:
    """`text` is none of the tenants that there are, which have these `names`."""
    return Finding("TH310", {"text": _shown(text), "names": ", ".join(names), "table": TENANT_TABLE})


def allow_list_needs_store(place: str, store: str) -> Finding:
    """The list is to be in the store (`place`), and there is none."""
    return Finding("TH311", {"place": place, "store": store})


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
