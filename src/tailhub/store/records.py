"""What a store keeps, as plain values. Keys are 32 raw bytes, times seconds since 1970 (UTC), sizes payload bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from tailhub.keys import KEY_LEN

__all__ = [
    "GROUPINGS",
    "HOUR_S",
    "OTHER_KEY",
    "Admission",
    "Allowed",
    "Batch",
    "End",
    "Forgotten",
    "Grouping",
    "Name",
    "Refusal",
    "Totals",
    "Traffic",
    "UsageDelta",
    "UsageRow",
    "hour_of",
]

HOUR_S = 3600
OTHER_KEY = bytes(KEY_LEN)
"""Stands for all keys that are not counted one by one; no node has it."""

Grouping = Literal["key", "pair", "tenant", "day", "relay"]
GROUPINGS: tuple[Grouping, ...] = get_args(Grouping)


def hour_of(at: float) -> int:
    """The bucket that a moment is counted in: the beginning of its hour, of UTC."""
    return int(at) // HOUR_S * HOUR_S


class UsageDelta(NamedTuple):
    """What has gone from one key to another within an hour, since it was last told.

    `in_bytes` is what the relay has received from `src` for `dst`, `out_bytes` what it has handed on to `dst`; the
    difference was dropped. `packets` are those received. Each relay of a mesh counts what goes through it.
    """

    hour: int  # see `hour_of`
    tenant: str
    src: bytes
    dst: bytes
    packets: int
    in_bytes: int
    out_bytes: int


class Traffic(NamedTuple):
    """Bytes that came in from somebody and went out to them."""

    in_bytes: int = 0
    out_bytes: int = 0

    def plus(self, other: Traffic) -> Traffic:
        """Both together."""
        return Traffic(self.in_bytes + other.in_bytes, self.out_bytes + other.out_bytes)


@dataclass(frozen=True, slots=True)
class Totals:
    """Traffic of a time, of each tenant and of each of its keys: what a key sent came in, what it received went out."""

    tenants: Mapping[str, Traffic]
    keys: Mapping[tuple[str, bytes], Traffic]


@dataclass(frozen=True, slots=True)
class Admission:
    """A verifier said yes to a key at `confirmed_at`. `node` and `owner` are what it calls them, "" if it does not."""

    key: bytes
    tenant: str
    verifier: str
    node: str
    owner: str
    confirmed_at: float


class End(NamedTuple):
    """A verifier said no to a key that it may have admitted before."""

    key: bytes
    verifier: str
    at: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that nobody knew: how often it came, from where it came last, and what it was told."""

    key: bytes
    address: str
    reason: str
    count: int
    first_at: float
    last_at: float


class Forgotten(NamedTuple):
    """A refused key need not be on record any more: it is let in now, or others came later."""

    key: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Name:
    """What somebody who knows calls a key: its device and that device's owner."""

    key: bytes
    node: str
    owner: str
    learnt_at: float


@dataclass(frozen=True, slots=True)
class Allowed:
    """A key that the owner of the relays allows."""

    key: bytes
    tenant: str
    name: str
    comment: str
    added_at: float


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written at once, all or nothing.

    `writer` is a name that one life of one process has for itself, and its `number` goes up: a batch whose number is
    not above the last one saved of that writer has been saved already.
    """

    writer: str
    number: int
    usage: tuple[UsageDelta, ...] = ()
    confirmed: tuple[Admission, ...] = ()
    ended: tuple[End, ...] = ()
    refused: tuple[Refusal, ...] = ()
    names: tuple[Name, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A line of the bill. What it is not grouped by is None.

    By "key", `packets` and `in_bytes` are what `key` sent and `out_bytes` what it was sent; else they are what went
    from `key` to `peer`, within a `tenant`, on a `day` (YYYY-MM-DD) or through a `relay`.
    """

    packets: int
    in_bytes: int
    out_bytes: int
    tenant: str | None = None
    key: bytes | None = None
    peer: bytes | None = None
    day: str | None = None
    relay: str | None = None
