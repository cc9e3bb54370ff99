"""Where the relay is: a container's network, a cloud with addresses of its own, and whether its map leads to it."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, Literal

from tailhub import findings
from tailhub.exceptions import LocalError
from tailhub.findings import CATALOGUE, Finding
from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.net.container import SYSTEM_CONTAINERS, detect_engine, is_paired
from tailhub.net.interfaces import InterfaceAddress, Kind, Role, default_route, kind_of, list_addresses, role_of
from tailhub.server.address_facts import Facts, Wanted
from tailhub.server.discover import resolve
from tailhub.server.firewall_rules import tailnet_rule
from tailhub.tailcfg.derpmap import from_plain
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.firewall import read_rules
from tailhub.tools.doctor.local.one_step import say_together
from tailhub.tools.doctor.local.ports import listen_specs, served_port
from tailhub.tools.doctor.local.unit import read
from tailhub.tools.report import Judgement
from tailhub.tools.target import map_targets
from tailhub.web.operator_api import finding_of

__all__ = ["NetworkSeen", "Reached", "check", "judge", "name_servers"]

CONNECT_S = 1.0
_CARRIER = IPv4Network("100.64.0.0/10")
_MAGIC_DNS = "100.100.100.100"  # Tailscale's own name server, which is no cloud's
_ALIBABA_METADATA = "100.100.100.200"
# Codes of what a relay finds out about its own address.
_ABOUT_ADDRESSES = frozenset(code for code in CATALOGUE if "TH070" <= code <= "TH079")
Outcome = Literal["open", "refused", "silent"]


@dataclass(frozen=True, slots=True)
class Reached:
    """What a connection from here to an `address` and `port` of the relay's own map came to."""

    address: str
    port: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class NetworkSeen:
    """What there is.

    `engine` is what runs us as a container that is replaced as a whole, "" elsewhere; `bridged` our address behind its
    bridge; `neighbours` the network that we share with the engine. `notes` are what the relay knows of its own address.
    `cloud_servers` are servers of the cloud in tailscaled's range, and `drop_rule` is the rule by which that drops
    them; None: this user may not see rules.
    """

    engine: str = ""
    bridged: str = ""
    has_ipv6: bool = True
    interface: str = ""
    neighbours: str = ""
    first_stun: str = ""
    is_running: bool = False
    port: int = 0
    stun_port: int | None = None
    notes: tuple[Finding, ...] = ()
    cloud_servers: tuple[str, ...] = ()
    drop_rule: str | None = ""


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    reached, seen = await asyncio.gather(_reach(context), asyncio.to_thread(_look, context))
    return judge(seen, reached)


def _look(context: LocalContext) -> NetworkSeen:
    engine = detect_engine(context.root, context.environ)
    addresses = list_addresses()
    route = default_route(socket.AF_INET)
    interface = (route.interface if route is not None else None) or ""
    checkup = context.relay.checkup if context.relay is not None else {}
    port, stun_port = _port(context, "listen"), _port(context, "stun") or None
    facts = Facts(
        Wanted(port, stun_port),
        interfaces=tuple(addresses),
        route_v4=route,
        engine=engine,
        is_paired=is_paired(interface, context.root) if engine and interface else None,
    )
    bridged = facts.on_default_route(socket.AF_INET) if facts.is_bridged else []
    servers = tuple(_cloud_servers(context.root))
    rules = read_rules() if servers else None
    can_see = rules is None or rules.iptables is not None or rules.nft is not None
    return NetworkSeen(
        engine=engine if engine is not None and engine not in SYSTEM_CONTAINERS else "",
        bridged=str(bridged[0].address) if bridged else "",
        has_ipv6=any(map(_is_for_clients, addresses)),
        interface=interface,
        neighbours=str(ip_network(f"{route.source}/24", strict=False)) if route is not None and route.source else "",
        first_stun=str(checkup.get("first_stun", "")),
        is_running=bool(checkup),
        port=port,
        stun_port=stun_port,
        notes=tuple(_notes(checkup)),
        cloud_servers=servers,
        drop_rule=tailnet_rule(rules.iptables or "", rules.nft or "") if rules is not None and can_see else None,
    )


def _port(context: LocalContext, wanted: str) -> int:
    """The port of the first listener of this kind, 0 for none."""
    ports = (served_port(context, step, spec) for step, _, spec in listen_specs(context.config) if step == wanted)
    return next(ports, 0)


def _is_for_clients(found: InterfaceAddress) -> bool:
    return (
        isinstance(found.address, IPv6Address)
        and kind_of(found.address) in (Kind.GLOBAL, Kind.PRIVATE, Kind.RESERVED)
        and role_of(found.interface) not in (Role.LOOPBACK, Role.TAILNET)
    )


def _notes(checkup: Mapping[str, Any]) -> Iterator[Finding]:
    for one in checkup.get("notes", ()):
        if one.get("code") in _ABOUT_ADDRESSES:
            yield finding_of(one)


def _cloud_servers(root: Path) -> Iterator[str]:
    """Servers of the cloud that have addresses from Tailscale's range: name servers that are used, and metadata."""
    texts = [read(root / "etc/resolv.conf"), read(root / "run/systemd/resolve/resolv.conf")]
    yield from dict.fromkeys(server for text in texts for server in name_servers(text) if _is_carriers(server))
    if "alibaba" in read(root / "sys/class/dmi/id/sys_vendor").lower():
        yield _ALIBABA_METADATA


def name_servers(resolv_conf: str) -> list[str]:
    """The name servers in the text of a resolv.conf (resolv.conf(5))."""
    return re.findall(r"(?m)^\s*nameserver\s+(\S+)", resolv_conf)


def _is_carriers(server: str) -> bool:
    try:
        return server != _MAGIC_DNS and IPv4Address(server) in _CARRIER
    except ValueError:
        return False


async def _reach(context: LocalContext) -> list[Reached]:
    """Connect to all places that the relay's map names, at the same time, and let go."""
    derp_map = context.relay.derp_map if context.relay is not None else b""
    try:
        targets = map_targets(from_plain(json.loads(derp_map)), "") if derp_map else []
    except (ValueError, LocalError):
        return []
    places = [(target.fixed_address(version), target.derp_port) for target in targets for version in (4, 6)]
    named = [(str(one), target.derp_port) for target in targets for one in await _resolved(target.host)]
    wanted = dict.fromkeys((address, port) for address, port in [*places, *named] if address)
    return list(await asyncio.gather(*(_connect(address, port) for address, port in wanted)))


async def _resolved(host: str) -> list[str]:
    """The addresses of the map's host, which may be one itself."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    try:
        return [str(one) for one in await resolve(host, CONNECT_S)]
    except OSError:
        return []


async def _connect(address: str, port: int) -> Reached:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(address, port)
    except OSError as exc:  # TimeoutError among them
        return Reached(address, port, "refused" if exc.errno == errno.ECONNREFUSED else "silent")
    writer.transport.abort()
    return Reached(address, port, "open")


def judge(seen: NetworkSeen, reached: list[Reached] | None = None) -> Judgement:
    """What it means for clients, and for what the relay itself asks others."""
    judgement = Judgement()
    _judge_place(judgement, seen)
    _judge_map(judgement, seen, reached or [])
    _judge_cloud(judgement, seen)
    return judgement


def _judge_place(judgement: Judgement, seen: NetworkSeen) -> None:
    found = list(seen.notes)
    if seen.bridged and not seen.is_running:  # a relay that runs has told of it, or knows by what others reach it
        found.append(findings.container_bridge(seen.bridged, seen.port, seen.stun_port))
    if seen.bridged and seen.first_stun and seen.neighbours:
        try:
            if ip_address(seen.first_stun) in ip_network(seen.neighbours):
                found.append(findings.stun_private_sources(seen.first_stun))
        except ValueError:  # hidden, as the operator wants it
            pass
    if seen.engine and not seen.has_ipv6:
        found.append(local_findings.container_without_ipv6(seen.interface))
    if not say_together(judgement, "place", found):
        judgement.ok("place", Remark("place_container" if seen.engine else "place_machine", {"engine": seen.engine}))


def _judge_map(judgement: Judgement, seen: NetworkSeen, reached: list[Reached]) -> None:
    """Clients go by the map. From here it may lead nowhere although it is right: some NATs do not turn back."""
    refused = [one for one in reached if one.outcome == "refused"]
    is_open = any(one.outcome == "open" for one in reached)
    values = {"places": ", ".join(f"{one.address} {one.port}" for one in reached)}
    if seen.engine and refused and not is_open:
        first = refused[0]
        judgement.found("map", local_findings.mapped_port_differs(first.address, first.port, seen.port))
    elif is_open:
        judgement.ok("map", Remark("map_leads_here", values))
    elif reached:
        judgement.untested("map", Remark("map_not_from_here", values))
    else:
        judgement.untested("map", Remark("map_unknown"))


def _judge_cloud(judgement: Judgement, seen: NetworkSeen) -> None:
    if not seen.cloud_servers:
        return
    values = {"servers": ", ".join(seen.cloud_servers)}
    if seen.drop_rule is None:
        judgement.untested("cloud", Remark("cloud_hidden", values))
    elif seen.drop_rule:
        judgement.found("cloud", local_findings.tailscaled_drops_cloud(seen.drop_rule, seen.cloud_servers))
    else:
        judgement.ok("cloud", Remark("cloud_open", values))
