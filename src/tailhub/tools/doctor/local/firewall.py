"""Does a firewall of this machine let the relay's ports in?"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.net.interfaces import default_route
from tailhub.net.listen_spec import ListenSpec
from tailhub.server.firewall import Firewall, FirewallKind, detect, open_commands, run_tool
from tailhub.server.firewall_rules import Packet, Passage, Verdict, iptables_passage, nft_passage
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.ports import listen_specs, served_port
from tailhub.tools.report import Judgement

__all__ = ["FirewallSeen", "Rules", "check", "judge", "read_rules"]

_STEP = "firewall"
_FROM_OUTSIDE = ("listen", "http", "stun")  # the operator's pages are for this machine
# What iptables keeps in nftables' tables, where nft cannot show all of it.
_OF_IPTABLES = {4: "ip filter", 6: "ip6 filter"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the machine's tools print; None for one that is not here or refuses. Root may read them only."""

    nft: str | None = None
    iptables: str | None = None
    ip6tables: str | None = None


@dataclass(frozen=True, slots=True)
class FirewallSeen:
    """The ports that others are to reach, as packets; what the rules are, and the program that keeps them."""

    packets: tuple[Packet, ...]
    rules: Rules = Rules()
    firewall: Firewall | None = None


def read_rules() -> Rules:
    """Ask the tools. Blocks for some 20 ms; at most `tailhub.server.firewall.TOOL_LIMIT_S` for each."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return Rules()
    return Rules(
        nft=run_tool(["nft", "-j", "list", "ruleset"]),
        iptables=run_tool(["iptables", "-S"]),
        ip6tables=run_tool(["ip6tables", "-S"]),
    )


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(await asyncio.to_thread(_look, context))


def _look(context: LocalContext) -> FirewallSeen:
    return FirewallSeen(tuple(_packets(context)), read_rules(), detect(context.root))


def _packets(context: LocalContext) -> Iterator[Packet]:
    """The first packet that a client would send to each port, over each family."""
    for step, protocol, spec in listen_specs(context.config):
        if step not in _FROM_OUTSIDE or not isinstance(spec, ListenSpec):
            continue
        port = served_port(context, step, spec)
        for endpoint in spec.endpoints:
            if port and not ip_address(endpoint.host.partition("%")[0]).is_loopback:
                version: Literal[4, 6] = 6 if endpoint.family == socket.AF_INET6 else 4
                route = default_route(endpoint.family)
                if version == 4 or route is not None:
                    kind: Literal["tcp", "udp"] = "udp" if protocol == "UDP" else "tcp"
                    yield Packet(kind, port, version, (route.interface if route is not None else None) or "")


def judge(seen: FirewallSeen) -> Judgement:
    """What it means for those ports."""
    judgement = Judgement()
    if not seen.packets:
        judgement.untested(_STEP, Remark("firewall_loopback"))
        return judgement
    if seen.rules == Rules():
        kind = seen.firewall.kind.value if seen.firewall is not None else ""
        judgement.untested(_STEP, Remark("firewall_hidden", {"kind": kind}))
        return judgement
    passages = {packet: _passage(packet, seen.rules) for packet in seen.packets}
    closed = [packet for packet, passage in passages.items() if passage.verdict is Verdict.DROP]
    if closed:
        firewall = seen.firewall or _of_chain(passages[closed[0]].chain)
        ports = {kind: _ports(closed, kind) for kind in ("tcp", "udp")}
        names = [f"{kind.upper()} {port}" for kind, found in ports.items() for port in found]
        commands = open_commands(firewall, ports["tcp"], ports["udp"])
        judgement.found(_STEP, local_findings.firewall_drops(firewall.kind.value, names, commands))
    elif any(passage.verdict is Verdict.UNKNOWN for passage in passages.values()):
        judgement.untested(_STEP, Remark("firewall_unclear"))
    else:
        judgement.ok(_STEP, Remark("firewall_open"))
    return judgement


def _passage(packet: Packet, rules: Rules) -> Passage:
    """Through iptables' chains and nftables' own: the worst of both."""
    own = rules.iptables if packet.version == 4 else rules.ip6tables
    found = []
    if own is not None:
        found.append(iptables_passage(own, packet))
    if rules.nft is not None:
        found.append(nft_passage(rules.nft, packet, [_OF_IPTABLES[packet.version]] if own is not None else []))
    order = (Verdict.DROP, Verdict.UNKNOWN, Verdict.ACCEPT)
    return min(found, key=lambda passage: order.index(passage.verdict), default=Passage(Verdict.UNKNOWN))


def _ports(packets: Sequence[Packet], protocol: str) -> list[int]:
    return list(dict.fromkeys(packet.port for packet in packets if packet.protocol == protocol))


def _of_chain(chain: str) -> Firewall:
    """The firewall that has this chain, where no program that keeps its rules is known."""
    return Firewall(FirewallKind.IPTABLES) if chain == "INPUT" else Firewall(FirewallKind.NFTABLES, chain)
