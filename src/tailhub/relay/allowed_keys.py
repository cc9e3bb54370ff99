"""The text of an allow list: one node key a line, with a name, as OpenSSH's ``authorized_keys``.

``nodekey:<64 hex> NAME [tenant=…] # comment``. Name and rest may be missing; empty lines and those that begin with
``#`` are for people, and stay when a command edits the text. A line that is no key is a finding; the others count.

Not here: where it is kept (`tailhub.server.allow_file`), and what follows from it (`tailhub.verifiers.allow_list`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.findings import Finding
from tailhub.keys import NodePublic

__all__ = [
    "MAX_LINES",
    "MOST_FAULTS",
    "AllowedKey",
    "Listing",
    "completed",
    "is_name",
    "parse_listing",
    "with_key",
    "without_keys",
]

MAX_LINES = 50_000
MAX_NAME_LEN = 64  # characters, also of a tenant
_MAX_COMMENT_LEN = 200  # characters that are remembered
MOST_FAULTS = 20  # that are told of one by one
_TENANT = "tenant="
_COMMENT = re.compile(r"(?:^|\s)#")


@dataclass(frozen=True, slots=True)
class AllowedKey:
    """A key that may relay; `tenant` is the one it belongs to, empty: whose list it is. `line` counts from 1."""

    key: bytes
    name: str = ""
    tenant: str = ""
    comment: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says: its keys, and what is wrong with it. One that is not there says nothing."""

    keys: Mapping[bytes, AllowedKey]
    found: tuple[Finding, ...] = ()
    is_there: bool = True


def is_name(text: str) -> bool:
    """Can this stand as a name, or as a tenant's, in a line?"""
    is_tame = text.isprintable() and not any(c.isspace() for c in text) and "#" not in text and "=" not in text
    return 0 < len(text) <= MAX_NAME_LEN and is_tame and not text.startswith(NodePublic.PREFIX)


def completed(
    entry: AllowedKey, keys: Mapping[bytes, AllowedKey], tenants: Collection[str], replaces: Collection[bytes] = ()
) -> AllowedKey:
    """The entry as it is to be put among `keys`: what it leaves open stays as it was.

    Raises `UsageError` for a name that is none, or that of another key than those that it `replaces`, and for a tenant
    that is none of `tenants`.
    """
    if entry.name and not is_name(entry.name):
        raise UsageError(findings.allow_name(entry.name))
    if entry.tenant and entry.tenant not in tenants:
        raise UsageError(findings.allow_tenant(entry.tenant, sorted(tenants)))
    for other in keys.values():
        if entry.name and other.name == entry.name and other.key not in (entry.key, *replaces):
            raise UsageError(findings.allow_name(entry.name, NodePublic.PREFIX + other.key.hex()))
    before = keys.get(entry.key, entry)
    comment = "".join(c if c.isprintable() else " " for c in entry.comment[:_MAX_COMMENT_LEN])
    name, tenant = entry.name or before.name, entry.tenant or before.tenant
    return AllowedKey(entry.key, name, tenant, comment or before.comment)


def parse_listing(text: str, place: str) -> Listing:
    """Read a list that is at `place`. Raises `LocalError` for one that is too long."""
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > MAX_LINES:
        raise LocalError(f"it has more than {MAX_LINES} lines")
    keys: dict[bytes, AllowedKey] = {}
    found: list[Finding] = []
    faults = 0
    for number, line in enumerate(lines, start=1):
        entry = _parse_line(line, number)
        if isinstance(entry, AllowedKey):
            first = keys.setdefault(entry.key, entry)
            if first is entry:
                continue
            entry = ""
            fault = findings.allow_list_twice(place, number, first.line)
        elif entry is None:
            continue
        else:
            fault = findings.allow_list_line(place, number, entry)
        faults += 1
        if faults <= MOST_FAULTS:
            found.append(fault)
    return Listing(keys, tuple(found))


def with_key(text: str, entry: AllowedKey) -> str:
    """The text with this entry: in the line that has its key, else in one more."""
    lines, written = text.splitlines(keepends=True), _written(entry)
    for number, line in enumerate(lines):
        before = _parse_line(line.removeprefix("\ufeff"), number)
        if isinstance(before, AllowedKey) and before.key == entry.key:
            lines[number] = written + ("\n" if line != line.rstrip("\r\n") else "")
            return "".join(lines)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    return "".join([*lines, written + "\n"])


def without_keys(text: str, keys: Collection[bytes]) -> str:
    """The text without the lines of these keys."""
    kept = []
    for line in text.splitlines(keepends=True):
        entry = _parse_line(line.removeprefix("\ufeff"), 0)
        if not isinstance(entry, AllowedKey) or entry.key not in keys:
            kept.append(line)
    return "".join(kept)


def _written(entry: AllowedKey) -> str:
    words = [NodePublic.PREFIX + entry.key.hex(), entry.name, entry.tenant and _TENANT + entry.tenant]
    return " ".join(word for word in [*words, entry.comment and f"# {entry.comment}"] if word)


def _parse_line(line: str, number: int) -> AllowedKey | str | None:
    """The key of a line; None for one that has none and need not; else the word in it that cannot be read."""
    mark = _COMMENT.search(line)
    comment = line[mark.end() :].strip() if mark else ""
    words = (line[: mark.start()] if mark else line).split()
    if not words:
        return None
    try:
        key = NodePublic.parse(words[0]).raw
    except LocalError:
        return words[0]
    name = tenant = ""
    for word in words[1:]:
        if word.startswith(_TENANT) and not tenant and is_name(word.removeprefix(_TENANT)):
            tenant = word.removeprefix(_TENANT)
        elif not name and not tenant and is_name(word):
            name = word
        else:
            return word
    shown = "".join(c if c.isprintable() else " " for c in comment[:_MAX_COMMENT_LEN])
    return AllowedKey(key, name, tenant, shown, number)
