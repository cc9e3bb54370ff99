"""Which region would a client choose as its home, and does that work from here?

`look` measures all relays of a map from this machine, as clients do and further: STUN, TCP, TLS, the DERP login, the
way to the relay and back. `judge` makes of it what a client would report and choose (`choose`, after the reference),
what kind of NAT is in between, and what is wrong. ::

    result = judge(await look(derp_map))
    result.choice.region

Everything but `look`, `stun_socket` and `relaying` is pure.
"""

from __future__ import annotations

from tailhub.tools.netcheck.choose import Choice, Chooser, Reason
from tailhub.tools.netcheck.judge import Netcheck, judge
from tailhub.tools.netcheck.look import Options, look
from tailhub.tools.netcheck.nat import NAT, NATKind
from tailhub.tools.netcheck.report import ClientReport
from tailhub.tools.netcheck.seen import NodeSeen, Seen

__all__ = [
    "NAT",
    "Choice",
    "Chooser",
    "ClientReport",
    "NATKind",
    "Netcheck",
    "NodeSeen",
    "Options",
    "Reason",
    "Seen",
    "judge",
    "look",
]
