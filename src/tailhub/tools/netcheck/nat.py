"""What kind of NAT is between this machine and the relays, by the addresses from which they see our socket. Pure.

IPv4 only, as in the reference. Words of RFC 4787: the *mapping* is endpoint-independent when everybody sees the same
address and port. What the NAT lets in (its filtering) cannot be learnt from STUN servers like these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tailhub.tools.netcheck.seen import Seen

__all__ = ["NAT", "NATKind", "nat_kind"]


class NATKind(StrEnum):
    """How a NAT maps a socket of ours."""

    UNKNOWN = "unknown"  # nobody, or one only, saw us
    NONE = "none"  # we are seen as we are
    ENDPOINT_INDEPENDENT = "endpoint_independent"  # the same for everybody: direct paths are likely
    ENDPOINT_DEPENDENT = "endpoint_dependent"  # another for each destination: direct paths are unlikely


@dataclass(frozen=True, slots=True)
class NAT:
    """What was learnt of it.

    `preserves_port`: all see the port that we have; None where nobody sees us. `addresses`: from how many we are seen;
    more than one is a pool, or two ways out.
    """

    kind: NATKind
    preserves_port: bool | None = None
    addresses: int = 0


def nat_kind(seen: Seen) -> NAT:
    """By all STUN answers over IPv4 of a look."""
    answers = {(node.v4.address, node.node.stun_port): node.v4.mapped for node in seen.nodes if node.v4.mapped}
    mapped = {one for one in answers.values() if one is not None}
    if not mapped:
        return NAT(NATKind.UNKNOWN)
    preserves_port = all(port == seen.local_v4_port for _, port in mapped)
    addresses = {address for address, _ in mapped}
    if preserves_port and addresses <= seen.local_v4_addresses:
        kind = NATKind.NONE
    elif len(answers) < 2:
        kind = NATKind.UNKNOWN
    else:
        kind = NATKind.ENDPOINT_INDEPENDENT if len(mapped) == 1 else NATKind.ENDPOINT_DEPENDENT
    return NAT(kind, preserves_port, len(addresses))
