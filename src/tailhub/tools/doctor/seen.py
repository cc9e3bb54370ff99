"""What was seen of one relay so far, part by part; each look fills its own part and may use those before it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tailhub.keys import NodePrivate
from tailhub.tools.doctor.judge.here import HereSeen
from tailhub.tools.doctor.judge.http import HTTPSeen
from tailhub.tools.doctor.judge.login import LoginSeen
from tailhub.tools.doctor.judge.name import NameSeen
from tailhub.tools.doctor.judge.packets import PacketsSeen
from tailhub.tools.doctor.judge.stun import STUNSeen
from tailhub.tools.doctor.judge.tcp import TCPSeen
from tailhub.tools.doctor.judge.tls import TLSSeen
from tailhub.tools.target import Target

__all__ = ["Options", "Seen"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to look. `private_key`: who we are at login; None makes a key that is thrown away."""

    private_key: NodePrivate | None = None
    timeout_s: float = 5.0
    """For each connection, and for each answer on one."""
    packets: int = 200
    """Of each size, between two clients."""
    watch_s: float = 0.0
    """How long to hold a connection without traffic, to see whether somebody cuts it; 0: do not look."""
    must_be_admitted: bool = False
    """Has somebody said that `private_key` should be let in? That it is not is a fault only then."""


@dataclass(slots=True)
class Seen:
    """All parts; one that was not looked at yet, or could not be, is as it is made."""

    target: Target
    here: HereSeen = field(default_factory=HereSeen)
    name: NameSeen = field(default_factory=NameSeen)
    tcp: TCPSeen = field(default_factory=TCPSeen)
    tls: TLSSeen = field(default_factory=TLSSeen)
    http: HTTPSeen = field(default_factory=HTTPSeen)
    login: LoginSeen = field(default_factory=LoginSeen)
    packets: PacketsSeen = field(default_factory=PacketsSeen)
    stun: STUNSeen = field(default_factory=STUNSeen)
