"""Tailscale's DERP map: which relays there are and how to reach them. Types and JSON only.

Not here: judging a map, its comments (HuJSON), fetching it. Fields this page does not know are dropped when reading.
Source: ``tailcfg/derpmap.go`` of the reference. Classes and JSON keep its names; attributes are spelled as in Python.
Reading is as lenient as Go's: names in any case, a missing or null field is zero. Writing is what the reference emits.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import field

from tailhub.exceptions import LocalError

# A factory instead of a plain default keeps a field in the output when it is zero, as the reference does for these;
# `omit_defaults` leaves out the others.


class DERPNode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One relay of a region."""

    name: str = field(name="Name", default_factory=str)
    region_id: int = field(name="RegionID", default_factory=int)
    host_name: str = field(name="HostName", default_factory=str)
    cert_name: str = field(name="CertName", default="")
    ipv4: str = field(name="IPv4", default="")
    ipv6: str = field(name="IPv6", default="")
    stun_port: int = field(name="STUNPort", default=0)  # 0 is 3478, -1 is no STUN
    stun_only: bool = field(name="STUNOnly", default=False)
    derp_port: int = field(name="DERPPort", default=0)  # 0 is 443
    insecure_for_tests: bool = field(name="InsecureForTests", default=False)
    stun_test_ip: str = field(name="STUNTestIP", default="")
    can_port_80: bool = field(name="CanPort80", default=False)


class DERPRegion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Relays that reach each other's clients; a client takes the first node that it can connect to."""

    region_id: int = field(name="RegionID", default_factory=int)
    region_code: str = field(name="RegionCode", default_factory=str)
    region_name: str = field(name="RegionName", default_factory=str)
    latitude: float = field(name="Latitude", default=0.0)  # degrees
    longitude: float = field(name="Longitude", default=0.0)  # degrees
    avoid: bool = field(name="Avoid", default=False)
    no_measure_no_home: bool = field(name="NoMeasureNoHome", default=False)
    nodes: tuple[DERPNode, ...] = field(name="Nodes", default_factory=lambda: ())


class DERPHomeParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What weighs in a client's choice of its home region."""

    region_score: dict[int, float] = field(name="RegionScore", default_factory=dict)


def _no_regions() -> dict[int, DERPRegion | None]:
    return {}


class DERPMap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All regions by id. A region that is None takes a default region of that id away."""

    home_params: DERPHomeParams | None = field(name="HomeParams", default=None)
    regions: dict[int, DERPRegion | None] = field(name="Regions", default_factory=_no_regions)
    omit_default_regions: bool = field(name="omitDefaultRegions", default=False)


_BY_ID = frozenset({"Regions", "RegionScore"})
_SURROGATE = re.compile("[\ud800-\udfff]")  # alone: bytes that are not UTF-8, or half a pair
_SPELLING = {
    item.encode_name.lower(): item.encode_name
    for kind in (DERPNode, DERPRegion, DERPHomeParams, DERPMap)
    for item in msgspec.structs.fields(kind)
}


def parse_json(data: bytes | str) -> DERPMap:
    """Read a map from JSON. Raises `LocalError`, which says where it is wrong."""
    try:
        return from_plain(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as err:
        raise LocalError(f"expected a DERP map in JSON: {err}") from err


def serialize_json(derp_map: DERPMap) -> bytes:
    """Write a map as compact JSON, as ``/derpmap.json`` serves it."""
    return msgspec.json.encode(derp_map)


def from_plain(value: object) -> DERPMap:
    """Make a map of dicts, lists and scalars, whatever format they came from. Raises `LocalError`."""
    try:
        return msgspec.convert(_respell(value), DERPMap)
    except (msgspec.ValidationError, RecursionError) as err:
        raise LocalError(f"expected a DERP map: {err}") from err


def _respell(value: object, *, is_by_id: bool = False) -> object:
    """Field names as the types have them, region ids as ints, null fields left out; what is no text as Go has it.

    `is_by_id`: the names in it are ids of regions.
    """
    if isinstance(value, list):
        return [_respell(item) for item in value]
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if not isinstance(value, dict):
        return value
    found: dict[object, object] = {}
    for key, item in value.items():
        name = str(key)
        if is_by_id:
            is_number = name.isascii() and name.isdecimal() and len(name) < 20
            found[int(name) if is_number else _respell(name)] = _respell(item)  # null stays: it takes a region away
        elif item is not None:
            name = _SPELLING.get(name.lower(), name)
            found[_respell(name)] = _respell(item, is_by_id=name in _BY_ID)
    return found
