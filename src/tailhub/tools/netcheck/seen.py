"""What a look at the relays of a map saw, before anything is made of it. Plain values; all times in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion

__all__ = ["NO_STUN", "NodeSeen", "Seen", "StunSeen", "Trouble", "TroubleKind"]


class TroubleKind(StrEnum):
    """What kept us from relaying."""

    NO_ADDRESS = "no_address"  # the name has none, or the map's are none
    REFUSED = "refused"
    TIMEOUT = "timeout"
    CERTIFICATE = "certificate"
    NOT_TLS = "not_tls"
    NOT_A_RELAY = "not_a_relay"
    NOT_LET_IN = "not_let_in"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Where it ended (``tcp``, ``tls`` or ``login``), how, and what was said of it, in English, for whoever digs."""

    step: str
    kind: TroubleKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StunSeen:
    """STUN with one node over one family.

    `address`: where it was asked, "" if it has none. `latency_ns`: the least of the answers, None without one.
    `mapped`: the address and port from which it sees us.
    """

    address: str = ""
    was_sent: bool = False
    latency_ns: int | None = None
    mapped: tuple[str, int] | None = None


NO_STUN = StunSeen()


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One relay.

    `tcp_ns`, `tls_ns` and `login_ns` each count from the first packet of a connection of their own: until it was open,
    until TLS was, until the relay had let us in. `https_ns`: a request over an open connection
    (``/derp/latency-check``), by which clients measure where UDP is blocked; `icmp_ns`: an ICMP echo, which they
    try then too, of the first node of a region. `relay_ns`: a ping to the relay's DERP server and back. `tcp_address`:
    over which address all this went.
    """

    region: DERPRegion
    node: DERPNode
    v4: StunSeen = NO_STUN
    v6: StunSeen = NO_STUN
    tcp_address: str = ""
    tcp_ns: int | None = None
    tls_ns: int | None = None
    https_ns: int | None = None
    icmp_ns: int | None = None
    login_ns: int | None = None
    relay_ns: int | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The whole look.

    `ended_s`: when it ended, seconds since 1970. `local_v4_port`: of the socket that asked.
    `local_v4_addresses`: all of this machine.
    """

    derp_map: DERPMap
    nodes: tuple[NodeSeen, ...]
    ended_s: float = 0.0
    os_has_ipv6: bool = False
    local_v4_port: int = 0
    local_v4_addresses: frozenset[str] = frozenset()
