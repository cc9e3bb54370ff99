"""Judges what on *this* machine is in the way of looking.

A proxy in the environment, a TUN that accepts every connection, fake-ip DNS, a wrong clock: all other steps would lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tailhub.findings import reach
from tailhub.findings.remark import Remark
from tailhub.net.interfaces import Kind, kind_of
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["HereSeen", "judge", "made_up", "what_catches"]

_DERP_PORT = 443  # the one port that real clients ask an HTTP proxy for, whatever the map has


@dataclass(frozen=True, slots=True)
class HereSeen:
    """What was seen."""

    proxies: tuple[str, ...] = ()
    """Names of the variables that send HTTPS to this host through a proxy."""
    accepted: str = ""
    """Address and port where nobody is and that accepted a connection all the same; "" as it should be."""
    accepted_from: str = ""
    """From which address of this machine that connection went out."""
    invented: tuple[str, ...] = ()
    """The addresses that DNS gave for a name that cannot exist."""
    is_dns_answering: bool = True
    """Did a name server say anything, if only that there is no such name?"""
    tunnels: tuple[str, ...] = ()
    """Interfaces that look like the TUN of a proxy or a VPN; only looked for where something is odd."""


def made_up(seen: Seen) -> tuple[str, ...]:
    """Those of the addresses to dial that this machine's DNS has made up."""
    here, name = seen.here, seen.name
    return tuple(
        address
        for address in name.addresses
        if address in name.resolved and (here.invented or kind_of(ip_address(address)) is Kind.FAKE)
    )


def what_catches(seen: Seen) -> str:
    """The code of what catches our connections: what fails behind it may be its consequence. "" if there is nothing."""
    if seen.here.accepted and _goes_the_same_way(seen):
        return "TH381"
    return "TH380" if made_up(seen) else ""


def _goes_the_same_way(seen: Seen) -> bool:
    """Do connections to the relay leave this machine as the one did that was caught? Neighbours are often let alone."""
    sources = {dial.source for dial in seen.tcp.dials if dial.version == 4}
    return not sources or seen.here.accepted_from in sources


def judge(seen: Seen) -> Judgement:
    """What it means."""
    here, target, judgement = seen.here, seen.target, Judgement()
    catches = what_catches(seen)
    if catches and seen.login.is_admitted:
        judgement.found("here", reach.seen_through_proxy(), Remark("here-proxy-lets-through"))
    elif catches == "TH381":
        judgement.found("here", reach.everything_accepted(here.accepted, here.tunnels), Remark("here-accepts"))
    elif catches:
        judgement.found("here", reach.fake_ip(target.host, made_up(seen)), Remark("here-fake-ip"))
    elif not here.proxies:
        judgement.ok("here", Remark("here-fake-ip-unused" if here.invented else "here-clear"))
    if here.proxies:
        finding = reach.proxy_in_environment(
            here.proxies, target.host, target.derp_port, target.derp_port != _DERP_PORT
        )
        judgement.found("here", finding, Remark("here-proxy-variable", {"variables": ", ".join(here.proxies)}))
    return judgement
