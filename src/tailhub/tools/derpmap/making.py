"""An entry of a DERP map for a relay, from what a person says and what the relay showed. Pure.

A region's id stays the same for the same relay: it is that of its key, as the relay itself chooses it, else of its
name, unless somebody has it already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from tailhub.exceptions import LocalError
from tailhub.findings.remark import Remark
from tailhub.tailcfg.build import NO_STUN, relay_region
from tailhub.tailcfg.derpmap import DERPHomeParams, DERPMap, DERPRegion
from tailhub.tailcfg.map_words import PIN_PREFIX, SCORE
from tailhub.tailcfg.region_id import FIRST_USER_REGION, LAST_USER_REGION, region_id_for_key
from tailhub.tools.derpmap.fields import FIELDS, REGION_ID

__all__ = ["Entry", "RelaySeen", "field_remarks", "free_region_id", "make_entry", "make_map"]


@dataclass(frozen=True, slots=True)
class RelaySeen:
    """What a relay showed.

    `cert_name`: the pin that its certificate needs, or the name that it is for where `host` is an address; "" where
    clients take it by itself. `stun_port` None: none answered.
    """

    host: str
    derp_port: int
    server_key: bytes
    cert_name: str = ""
    stun_port: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A region, its score (1: none) and what the person who made it should know."""

    region: DERPRegion
    score: float = 1.0
    remarks: tuple[Remark, ...] = ()


def make_entry(fields: Mapping[str, Any], seen: RelaySeen | None = None, taken: Collection[int] = ()) -> Entry:
    """The region of one relay. `fields` (by Tailscale's names) are what a person said, which counts most.

    `taken` are ids of other regions. Raises `LocalError` for what can be no map.
    """
    said = {name: value for name, value in fields.items() if value is not None}
    host = said.get("HostName") or (seen.host if seen else "")
    if not host and not (said.get("IPv4") or said.get("IPv6")):
        raise LocalError("expected the relay's host name or address, found neither")
    key = seen.server_key if seen else sha256(str(host or said.get("IPv4") or said.get("IPv6")).encode()).digest()
    number = said.get(REGION_ID) or free_region_id(key, taken)
    if number in taken:
        raise LocalError(f"expected a region id that nobody has, found {number}, which is there already")
    is_stun_only = bool(said.get("STUNOnly"))
    stun_port = said.get("STUNPort") or (seen.stun_port if seen else None) or 3478
    insecure = bool(said.get("InsecureForTests"))
    region = relay_region(
        region_id=number,
        code=said.get("RegionCode") or f"relay-{number}",
        name=said.get("RegionName") or said.get("RegionCode") or f"Relay {number}",
        host_name=host or None,
        ipv4=said.get("IPv4"),
        ipv6=said.get("IPv6"),
        derp_port=None if is_stun_only else said.get("DERPPort") or (seen.derp_port if seen else 443),
        stun_port=stun_port,
        cert_name=said.get("CertName") or (seen.cert_name if seen and not insecure else None),
        address_certified=insecure or (seen is not None and not seen.cert_name),
    )
    (node,) = region.nodes
    node = _with(node, "node", said, {"HostName", "CertName", "IPv4", "IPv6", "DERPPort", "STUNPort", "STUNOnly"})
    region = _with(region, "region", said, {REGION_ID, "RegionCode", "RegionName"})
    return Entry(
        msgspec.structs.replace(region, nodes=(node,)), said.get(SCORE) or 1.0, _remarks(said, seen, stun_port)
    )


def make_map(entries: Collection[Entry]) -> DERPMap:
    """The map with these regions; those of one id become one region, with a node for each relay."""
    regions: dict[int, DERPRegion | None] = {}
    for entry in entries:
        number = entry.region.region_id
        before = regions.get(number)
        nodes = (*(before.nodes if before else ()), *entry.region.nodes)
        named = tuple(
            msgspec.structs.replace(node, name=f"{number}{_letters(place)}") for place, node in enumerate(nodes)
        )
        regions[number] = msgspec.structs.replace(before or entry.region, nodes=named)
    scores = {entry.region.region_id: entry.score for entry in entries if entry.score != 1.0}
    return DERPMap(regions=regions, home_params=DERPHomeParams(region_score=scores) if scores else None)


def field_remarks(fields: Mapping[str, Any]) -> tuple[Remark, ...]:
    """What whoever sets these fields should know."""
    found = [Remark("map_stun_off")] if fields.get("STUNPort") == NO_STUN else []
    found += [Remark("map_score_headscale")] if fields.get(SCORE) else []
    found += [Remark("map_avoid_stays")] if fields.get("Avoid") or fields.get("NoMeasureNoHome") else []
    return tuple(found)


def free_region_id(key: bytes, taken: Collection[int] = ()) -> int:
    """The id for a relay with this 32-byte key; the next one that is free if somebody has it. Raises `LocalError`."""
    first = region_id_for_key(key)
    count = LAST_USER_REGION - FIRST_USER_REGION + 1
    for step in range(count):
        number = FIRST_USER_REGION + (first - FIRST_USER_REGION + step) % count
        if number not in taken:
            return number
    raise LocalError(f"expected a free region id from {FIRST_USER_REGION} to {LAST_USER_REGION}, found none")


def _with(value: Any, of: str, said: Mapping[str, Any], done: Collection[str]) -> Any:
    """A region or node with the fields that a person said; `done` are in it already."""
    names = {field.encode_name: field.name for field in msgspec.structs.fields(value)}
    more = {
        names[one.name]: said[one.name] for one in FIELDS if one.of == of and one.name in said and one.name not in done
    }
    return msgspec.structs.replace(value, **more)


def _remarks(said: Mapping[str, Any], seen: RelaySeen | None, stun_port: int) -> tuple[Remark, ...]:
    found = []
    is_pinned = seen is not None and seen.cert_name.startswith(PIN_PREFIX)
    if seen is not None and is_pinned and not said.get("CertName") and not said.get("InsecureForTests"):
        found.append(Remark("map_pin_compare", {"host": seen.host, "pin": seen.cert_name}))
    if seen is not None and seen.stun_port is None and not said.get("STUNPort"):
        found.append(Remark("map_no_stun", {"host": seen.host, "port": stun_port}))
    return (*found, *field_remarks(said))


def _letters(number: int) -> str:
    """a, b, … z, aa, ab: how nodes of one region are told apart."""
    head, last = divmod(number, 26)
    return (_letters(head - 1) if head else "") + chr(ord("a") + last)
