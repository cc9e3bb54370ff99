"""Which address and which ports stand in the DERP map: decided from facts, without looking at anything itself.

For each family the first of these that says something wins: the flag ``--address``; a global address in ``--listen``; a
global address on the default route's interface; the cloud's metadata; STUN; and if nothing is known from outside, the
private address, for the local network only. Every source that says otherwise is reported.

Three rules stand above that order. When the cloud's metadata and STUN disagree, this machine's own traffic leaves
through a VPN, an exit node or a proxy, and which way others come in is not ours to guess: nothing is chosen, the owner
is asked. Behind a NAT that rewrites ports what STUN saw is of no use to others. And an IPv6 address is taken from flags
and interfaces alone: one that only STUN knows belongs to a NAT66, which lets nobody in.

With ``--hostname`` clients go by the name; addresses are then left out of the map, for they may change, unless
``--address`` asks for them. The facts are gathered by `tailhub.server.discover`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.net.interfaces import IPAddress, Kind, kind_of, pick_stable, usable_by_others, usable_on_the_lan
from tailhub.server.address_facts import Facts, family_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tailhub.findings import Finding

NO_STUN = -1  # STUNPort in a map: this node has none


class Source(StrEnum):
    """Who said it, in the order of trust."""

    FLAG = "flag"
    LISTEN = "listen"
    INTERFACE = "interface"
    METADATA = "metadata"
    STUN = "stun"
    LAN = "lan"


@dataclass(frozen=True, slots=True)
class Claim:
    """`source` says that our address is `address`. `detail`: the flag, interface, cloud or STUN server it is from."""

    source: Source
    address: IPAddress
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The address of one family: the claim that won, who says the same, and the interface it is on ("" if none)."""

    address: IPAddress
    source: Source
    detail: str = ""
    agreeing: tuple[Source, ...] = ()
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What to put into the map, and what to say about it.

    `undecided` are the claims between which the owner has to choose; `disagreements` those that say otherwise than what
    was chosen. `behind_nat`: our IPv4 address is on no interface. `cgnat`: nobody outside can open a connection to us
    over IPv4. `other_addresses`: further ones that ``--address`` could name. `name_note`: ``--hostname`` leads
    elsewhere; it is among the `notes` too.
    """

    ipv4: Found | None
    ipv6: Found | None
    hostname: str
    derp_port: int
    stun_port: int
    disagreements: tuple[Claim, ...] = ()
    undecided: tuple[Claim, ...] = ()
    notes: tuple[Finding, ...] = ()
    name_note: Finding | None = None
    behind_nat: bool = False
    cgnat: bool = False
    container: bool = False
    other_addresses: tuple[IPAddress, ...] = ()

    @property
    def host(self) -> str:
        """`HostName` in the map: the name if there is one, else an address, "" when nothing is known."""
        found = self.ipv4 or self.ipv6
        return self.hostname or (str(found.address) if found else "")

    @property
    def map_ipv4(self) -> str:
        """`IPv4` in the map; "" leaves it out, "none" keeps clients from looking for one."""
        if self.ipv4 is None:
            return "none" if self.ipv6 and not self.hostname else ""
        return "" if self.hostname and self.ipv4.source is not Source.FLAG else str(self.ipv4.address)

    @property
    def map_ipv6(self) -> str:
        """`IPv6` in the map; "" leaves it out."""
        if self.ipv6 is None or (self.hostname and self.ipv6.source is not Source.FLAG):
            return ""
        return str(self.ipv6.address)

    @property
    def is_public(self) -> bool:
        """Is there an address that the whole Internet can try?"""
        return any(found is not None and found.source is not Source.LAN for found in (self.ipv4, self.ipv6))

    def has_moved_from(self, before: Discovery) -> bool:
        """Is an address another than `before`, or does the name lead elsewhere? One not found this time is no news."""
        pairs = ((before.ipv4, self.ipv4), (before.ipv6, self.ipv6))
        moved = any(new is not None and (old is None or old.address != new.address) for old, new in pairs)
        return moved or self.name_note != before.name_note or bool(self.undecided and not before.undecided)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What came out for one family."""

    found: Found | None = None
    disagreements: tuple[Claim, ...] = ()
    undecided: tuple[Claim, ...] = ()
    cgnat: bool = False


def decide(facts: Facts) -> Discovery:
    """Choose the addresses and ports to advertise, and say what a person should know about the choice."""
    wanted = facts.wanted
    v4, v6 = _decide_v4(facts), _decide_v6(facts)
    ipv4, ipv6 = v4.found, v6.found
    if ipv4 and ipv4.source is Source.LAN and ipv6:
        ipv4 = None  # beside a global address a private one would only be tried in vain from outside
    taken = {found.address for found in (ipv4, ipv6) if found is not None}
    discovery = Discovery(
        ipv4=ipv4,
        ipv6=ipv6,
        hostname=wanted.hostname,
        derp_port=wanted.public_port or wanted.port,
        stun_port=NO_STUN if wanted.stun_port is None else wanted.stun_public_port or wanted.stun_port,
        disagreements=v4.disagreements + v6.disagreements,
        undecided=v4.undecided,
        behind_nat=v4.cgnat or (ipv4 is not None and not ipv4.interface),
        cgnat=v4.cgnat,
        container=facts.engine is not None,
        other_addresses=tuple(f.address for f in facts.interfaces if usable_by_others(f) and f.address not in taken),
    )
    discovery = replace(discovery, name_note=_compare_name(facts, discovery))
    return replace(discovery, notes=tuple(_notes(facts, discovery)))


def _decide_v4(facts: Facts) -> _Verdict:
    claims = _claims(facts, AF_INET)
    winner = claims[0] if claims else None
    if winner is not None and winner.source in (Source.FLAG, Source.LISTEN):
        return _settle(facts, winner, claims)
    if undecided := _conflict(facts, claims):
        return _Verdict(undecided=undecided)
    if winner is not None and winner.source is not Source.STUN:
        return _settle(facts, winner, claims)
    behind_carrier = any(kind_of(own.address) is Kind.CARRIER for own in facts.on_default_route(AF_INET))
    # A container engine's bridge rewrites ports as well; that says nothing about the network outside.
    rewritten = not facts.is_bridged and any(answer.is_rewritten for answer in facts.stun_of(AF_INET))
    if winner is None or behind_carrier or rewritten:
        return _Verdict(_lan(facts), cgnat=behind_carrier or rewritten)
    return _settle(facts, winner, claims)


def _decide_v6(facts: Facts) -> _Verdict:
    claims = _claims(facts, AF_INET6)
    if not claims or claims[0].source is Source.STUN:
        return _Verdict()
    own = {found.address for found in facts.interfaces}
    # The kernel prefers a temporary address for what it sends: STUN then sees that one, and nothing is wrong.
    sound = [c for c in claims if c.source is not Source.STUN or c.address not in own or c.address == claims[0].address]
    return _settle(facts, claims[0], sound)


def _settle(facts: Facts, winner: Claim, claims: Sequence[Claim]) -> _Verdict:
    same = dict.fromkeys(c.source for c in claims if c.address == winner.address and c.source is not winner.source)
    interface = next((found.interface for found in facts.interfaces if found.address == winner.address), "")
    found = Found(winner.address, winner.source, winner.detail, tuple(same), interface)
    return _Verdict(found, tuple(claim for claim in claims if claim.address != winner.address))


def _claims(facts: Facts, family: int) -> list[Claim]:
    """What every source says of `family`, in the order of trust, each address once for each source."""
    wanted = facts.wanted
    claims = [Claim(Source.FLAG, a, "--address") for a in wanted.addresses if family_of(a) == family]
    if family in wanted.families:
        heard = [a for a in wanted.listen_hosts if family_of(a) == family and kind_of(a) is Kind.GLOBAL]
        claims += [Claim(Source.LISTEN, a, "--listen") for a in heard]
        own = [found for found in facts.on_default_route(family) if usable_by_others(found)]
        if best := pick_stable(own, facts.source(family)):
            claims.append(Claim(Source.INTERFACE, best.address, best.interface))
        if family == AF_INET:
            claims += [Claim(Source.METADATA, c.ipv4, c.cloud) for c in facts.clouds if c.ipv4 is not None]
        claims += [Claim(Source.STUN, answer.address, answer.server) for answer in facts.stun_of(family)]
    return list({(claim.source, claim.address): claim for claim in reversed(claims)}.values())[::-1]


def _conflict(facts: Facts, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims between which only the owner can choose; empty when there is no doubt."""
    by_cloud = {claim.address for claim in claims if claim.source is Source.METADATA}
    by_stun = {claim.address for claim in claims if claim.source is Source.STUN}
    apart = bool(by_cloud and by_stun) and not by_cloud & by_stun
    # With nothing but STUN: two answers (a proxy that sends some countries' traffic elsewhere), or the VPN's exit.
    doubtful = bool(claims) and claims[0].source is Source.STUN and (len(by_stun) > 1 or facts.is_tunnelled)
    return tuple(claims) if apart or doubtful else ()


def _lan(facts: Facts) -> Found | None:
    """The private IPv4 address for neighbours: on the default route's interface, or failing that on any other."""
    if facts.is_bridged or AF_INET not in facts.wanted.families:
        return None
    for candidates in (facts.on_default_route(AF_INET), facts.interfaces):
        own = [f for f in candidates if isinstance(f.address, IPv4Address) and usable_on_the_lan(f)]
        if best := pick_stable(own, facts.source(AF_INET)):
            return Found(best.address, Source.LAN, best.interface, interface=best.interface)
    return None


def _notes(facts: Facts, discovery: Discovery) -> Iterator[Finding]:
    """What to tell, the worst first."""
    wanted, ipv4, ipv6 = facts.wanted, discovery.ipv4, discovery.ipv6
    if facts.lost_state_dir and facts.is_in_application_container:
        yield findings.state_not_a_mount(facts.lost_state_dir)
    if discovery.undecided and not wanted.hostname:
        yield findings.sources_disagree(_answers(discovery.undecided))
    if facts.is_bridged and not _is_told_all(facts, discovery):
        inside = facts.on_default_route(AF_INET)[0].address
        yield findings.container_bridge(str(inside), wanted.port, wanted.stun_port)
    elif discovery.cgnat or (ipv4 and ipv4.source is Source.LAN and wanted.discover):
        own = [found.address for found in facts.on_default_route(AF_INET)] + ([ipv4.address] if ipv4 else [])
        seen = [answer.address for answer in facts.stun_of(AF_INET)]
        yield findings.not_reachable(str(own[0]) if own else "", str(seen[0]) if seen else "")
    elif not (discovery.is_public or discovery.undecided or wanted.hostname or wanted.is_for_this_machine):
        yield findings.address_unknown()
    for found in (ipv4, ipv6):
        others = [c for c in discovery.disagreements if found and c.address.version == found.address.version]
        if found and others:
            own_claim = Claim(found.source, found.address, found.detail)
            yield findings.sources_disagree(_answers([own_claim, *others]), str(found.address))
    if ipv6 and ipv4 is None and not discovery.undecided:
        yield findings.ipv6_only(str(ipv6.address))
    if discovery.name_note:
        yield discovery.name_note
    if facts.names_fail:
        yield findings.no_dns()


def _is_told_all(facts: Facts, discovery: Discovery) -> bool:
    """Did the flags say by which address and ports a container is reached?"""
    wanted = facts.wanted
    address = bool(wanted.hostname) or any(f and f.source is Source.FLAG for f in (discovery.ipv4, discovery.ipv6))
    return address and wanted.public_port is not None and (wanted.stun_port is None or bool(wanted.stun_public_port))


def _answers(claims: Sequence[Claim]) -> dict[str, str]:
    names = {Source.METADATA: "metadata ({})", Source.STUN: "STUN ({})"}
    return {names.get(claim.source, "{}").format(claim.detail): str(claim.address) for claim in claims}


def _compare_name(facts: Facts, discovery: Discovery) -> Finding | None:
    """Does ``--hostname`` lead to an address that is not ours? None if it is fine, or if nobody can tell."""
    resolved = facts.hostname_addresses
    if resolved is None or facts.names_fail:
        return None
    claims = discovery.disagreements + discovery.undecided
    found = [f for f in (discovery.ipv4, discovery.ipv6) if f is not None and f.source is not Source.LAN]
    ours = {f.address for f in found} | {c.address for c in claims} | set(discovery.other_addresses)
    if not ours:
        return None
    known = {address.version for address in ours} | {6}  # IPv6 needs no discovery: what is not on an interface is dead
    wrong = [address for address in resolved if address not in ours and address.version in known]
    if resolved and not wrong:
        return None
    real = ", ".join(str(f.address) for f in found) or ", ".join(sorted(map(str, ours)))
    return findings.host_name_elsewhere(facts.wanted.hostname, [str(address) for address in wrong], real)
