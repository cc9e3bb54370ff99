"""Which ports of a map's nodes are wrong, judged by where relays and STUN servers did answer. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailhub.tools.target import DERP_PORT, STUN_PORT, Target

__all__ = ["DERP_CANDIDATES", "STUN_CANDIDATES", "PortFault", "PortsSeen", "judge_ports", "ports_to_ask"]

DERP_CANDIDATES = (443, 8443, 8444, 4443, 9443, 10443, 1443, 2443, 3443, 33443, 30443, 40443, 444, 8080, 12345, 3340)
"""Where relays are found: the ports of guides and containers, the usual one first."""
STUN_CANDIDATES = (3478, 3479, 13478, 33478, 30478, 8443, 443, 3340)


@dataclass(frozen=True, slots=True)
class PortsSeen:
    """At which ports of a node a relay spoke, and at which STUN was answered, the likeliest first."""

    relays: tuple[int, ...]
    stun: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PortFault:
    """A port in the map, or its absence, that no relay knows. `port`: where it does answer, None if nobody knows."""

    kind: Literal["derp_port_absent", "port_mapped", "stun_port_absent"]
    field: Literal["DERPPort", "STUNPort"]
    found: int
    port: int | None


def ports_to_ask(target: Target) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """TCP and UDP ports besides those of the map where the relay may be."""
    derp = [port for port in DERP_CANDIDATES if port != target.derp_port]
    # Many give STUN the number of the relay's port.
    stun = [port for port in dict.fromkeys((target.derp_port, *STUN_CANDIDATES)) if port != target.stun_port]
    return tuple(derp), tuple(stun)


def judge_ports(target: Target, seen: PortsSeen) -> list[PortFault]:
    """What the map says otherwise than the relay does. A relay that is heard nowhere is another matter (`doctor`)."""
    found: list[PortFault] = []
    is_at_its_port = target.derp_port in seen.relays
    if not target.node.stun_only and seen.relays and not is_at_its_port:
        kind: Literal["derp_port_absent", "port_mapped"] = (
            "port_mapped" if target.node.derp_port else "derp_port_absent"
        )
        found.append(PortFault(kind, "DERPPort", target.derp_port or DERP_PORT, seen.relays[0]))
    if target.node.stun_port == 0 and STUN_PORT not in seen.stun and (seen.stun or seen.relays):
        found.append(PortFault("stun_port_absent", "STUNPort", STUN_PORT, seen.stun[0] if seen.stun else None))
    return found
