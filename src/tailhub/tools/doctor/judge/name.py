"""Judges which addresses the relay's name leads to, and whether they are those of the map."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from tailhub.findings import reach
from tailhub.findings.remark import Remark
from tailhub.net.interfaces import Kind, kind_of
from tailhub.tools.doctor.judge.here import made_up, what_catches
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["INSIDE", "LookUp", "NameSeen", "addresses_elsewhere", "judge", "why_no_address"]

LookUp = Literal["not_asked", "found", "not_found", "no_answer"]
"""How a look-up ended. ``not_asked``: the host is an address."""

# An address from these ranges is good inside one network only: what a name leads to there says nothing about outside.
INSIDE = frozenset({Kind.PRIVATE, Kind.CARRIER, Kind.TAILNET, Kind.LINK_LOCAL, Kind.LOOPBACK})


@dataclass(frozen=True, slots=True)
class NameSeen:
    """What was seen."""

    addresses: tuple[str, ...] = ()
    """The IP addresses that clients will dial, IPv4 first: from the map, or DNS."""
    resolved: tuple[str, ...] = ()
    """What the name leads to on this machine, hosts file included; nothing for a host that is an address."""
    look_up: LookUp = "not_asked"


def why_no_address(seen: Seen) -> str:
    """The code of why there is no address to dial; "" if there is one."""
    if seen.name.addresses or seen.name.look_up in ("not_asked", "found"):
        return ""
    return "TH001" if seen.name.look_up == "not_found" and seen.here.is_dns_answering else "TH384"


def judge(seen: Seen) -> Judgement:
    """What it means."""
    name, target, judgement = seen.name, seen.target, Judgement()
    host, listed = target.host, ", ".join(name.addresses)
    why_none = why_no_address(seen)
    if name.look_up == "not_asked":
        judgement.ok("name", Remark("name-is-address", {"host": host}))
    elif why_none:
        judgement.found(
            "name",
            reach.name_unresolved(host) if why_none == "TH001" else reach.dns_silent(host, seen.here.is_dns_answering),
        )
    elif made_up(seen):
        judgement.consequence("name", what_catches(seen), Remark("name-made-up", {"host": host, "addresses": listed}))
    elif not name.resolved or seen.here.invented:
        judgement.ok("name", Remark("name-not-needed", {"host": host, "addresses": listed}))
    elif seen.tcp.moved_to:
        judgement.found("name", reach.relay_moved(host, name.addresses, seen.tcp.moved_to, target.derp_port))
    elif differing := _differing(seen):
        judgement.found("name", reach.name_elsewhere(host, *differing))
    else:
        key = "name-as-in-map" if set(name.addresses) <= set(name.resolved) and _fixed(seen) else "name-leads-to"
        judgement.ok("name", Remark(key, {"host": host, "addresses": listed}))
    return judgement


def _fixed(seen: Seen) -> dict[int, str]:
    """The addresses of the map by IP version."""
    return {version: address for version in (4, 6) if (address := seen.target.fixed_address(version))}


def addresses_elsewhere(seen: Seen) -> tuple[str, ...]:
    """Where the name leads to and the map does not: where a relay may be that the map has the old address of."""
    differing = _differing(seen)
    return tuple(differing[1]) if differing else ()


def _differing(seen: Seen) -> tuple[list[str], list[str]] | None:
    """The map's addresses that DNS does not have, and what DNS has of their IP versions, if that can be believed."""
    if seen.here.invented:
        return None
    in_map: list[str] = []
    resolved: list[str] = []
    for version, address in _fixed(seen).items():
        others = [other for other in map(ip_address, seen.name.resolved) if other.version == version]
        is_inside = kind_of(ip_address(address)) in INSIDE
        if any(kind_of(other) is Kind.FAKE for other in others):
            continue  # a proxy's
        if all(kind_of(other) in INSIDE for other in others) and not is_inside:
            continue  # DNS has none, or this network's own view of the relay
        if ip_address(address) not in others:
            in_map.append(address)
            resolved += map(str, others)
    return (in_map, resolved) if in_map else None
