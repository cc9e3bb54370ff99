"""How a link to another relay does, as operators are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from tailhub.findings import Finding
from tailhub.relay.mesh_health import LinkPhase

__all__ = ["Drops", "LinkPhase", "LinkState"]

Drops: TypeAlias = dict[tuple[str, str], tuple[int, int]]


@dataclass(slots=True)
class LinkState:
    """One link of one process. Pickled where it is a worker's. Times are Unix seconds, 0.0 for never."""

    peer: str  # `PeerSpec.name`
    phase: LinkPhase = LinkPhase.CONNECTING
    since: float = 0.0  # when this phase began
    reason: str = ""  # why it is not up, in words
    server_key: bytes = b""  # that relay's raw public key, once it is known
    version: str = ""  # of tailhub there; empty for others
    keys: int = 0  # clients there
    peers: list[bytes] = field(default_factory=list)  # keys of the relays that are that relay's mesh peers
    rtt_s: float | None = None
    connects: int = 0  # how often it has been up
    forwarded_packets: int = 0
    forwarded_bytes: int = 0
    dropped_packets: int = 0
    violations: int = 0  # links that ended because that relay broke the protocol
    code: str = ""  # of the finding that `reason` is
    finding: Finding | None = None  # what `reason` is in English
    drops: Drops = field(default_factory=dict)  # packets and payload bytes lost on it, by reason and kind
    odd: dict[str, int] = field(default_factory=dict)  # what that relay did that none should (`tailhub.relay.odd`)
    says: str = ""  # what that relay tells us, if there is something (Health)
