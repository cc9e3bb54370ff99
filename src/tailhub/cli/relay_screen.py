"""The first screen of a running relay: gathers its facts, prints it, and then the first contacts from outside."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_address, ip_network

import tailhub
from tailhub import findings
from tailhub.cli.called import command_for, relay_command
from tailhub.cli.screen import (
    AddressLine,
    CertificateKind,
    Line,
    ListenLine,
    ScreenFacts,
    columns_of,
    finding_lines,
    first_contact,
    first_rejection,
    first_screen,
    show,
)
from tailhub.findings import Finding, Language
from tailhub.net.bind import BoundSockets
from tailhub.net.interfaces import default_route
from tailhub.server.address import Discovery
from tailhub.server.address_words import describe
from tailhub.server.app import RelayServer
from tailhub.server.firewall import detect, open_commands
from tailhub.server.listener_record import origin_of
from tailhub.server.published_map import pin_of
from tailhub.tailcfg.forms import policy_snippet
from tailhub.web.operator_pages import MapView


async def show_first_screen(server: RelayServer, lang: Language) -> None:
    """Find out the address, then print everything."""
    # With certificates from files no pin is lost together with the state.
    is_pinned = any(origin_of(listener) == "pinned" for listener in server.config.listeners)
    state_dir = server.state.path if is_pinned else None
    discovery, (verifiers, doubts) = await asyncio.gather(
        server.advertised.find_address(state_dir), _look_at_verifiers(server)
    )
    # Looking at the firewall may call other programs.
    commands = await asyncio.to_thread(_firewall_commands, server)
    facts = replace(_facts(server, discovery, commands, lang), verifiers=verifiers)
    facts = replace(facts, findings=(*facts.findings, *doubts))
    show(first_screen(facts, lang, columns_of(sys.stdout)), sys.stdout)


async def _look_at_verifiers(server: RelayServer) -> tuple[tuple[str, ...], list[Finding]]:
    """Who is asked about clients, and what is doubtful about that."""
    if server.verification is None:
        return (), []
    from tailhub.server.tenant_verifiers import look_at_verifiers

    return await look_at_verifiers(server.config, server.verification.verifiers)


async def report_moves(server: RelayServer, lang: Language) -> None:
    """Say when the address or the name that others use has moved. Runs until cancelled."""

    def moved(before: Discovery, after: Discovery) -> None:
        found = [after.name_note] if after.name_note is not None else []
        if before.host and after.host and before.host != after.host:
            found.append(findings.address_changed(before.host, after.host))
        for finding in found:
            show(finding_lines(finding, lang, columns_of(sys.stdout)), sys.stdout)

    await server.advertised.watch_address(moved)


def _firewall_commands(server: RelayServer) -> list[str]:
    stun = server.listeners.stun
    proxied = [one.listen.startswith("unix:") or not one.tls or one.trusted_proxies for one in server.config.listeners]
    listeners = zip(server.listeners.shares[0], proxied, strict=True)
    tcp = [listener.port for listener, is_proxied in listeners if listener.port and not is_proxied]
    return open_commands(detect(), tcp, [stun.port] if stun is not None else [])


def report_firsts(server: RelayServer, lang: Language) -> Callable[[], None]:
    """Have the first contact from outside noted, and the first client that refuses our certificate.

    Nothing is printed before the function that is returned has been called: the screen comes first.
    """
    is_pinned = pin_of(server.certificate) is not None
    held: list[Line] | None = []

    def say(lines: list[Line]) -> None:
        if held is not None:
            held.extend(lines)
        else:
            show(lines, sys.stdout)

    def release() -> None:
        nonlocal held
        lines, held = held or [], None
        show(lines, sys.stdout)

    def rejected(source: str, alert: str) -> None:
        columns = columns_of(sys.stdout)
        say(first_rejection(source, alert, datetime.now(), is_pinned=is_pinned, lang=lang, columns=columns))

    def first_stun(source: str) -> None:
        say(first_contact("STUN", source, datetime.now(), lang))
        discovery = server.advertised.discovery
        if discovery is not None and discovery.container and discovery.is_public and _is_beside_us(source):
            # What clients are told about themselves is then the engine's address: no direct path will ever work.
            say(finding_lines(findings.stun_private_sources(source), lang, columns_of(sys.stdout)))

    server.context.events.on_first_outside = lambda ip: say(first_contact("TCP", ip, datetime.now(), lang))
    server.context.events.on_pin_rejected = rejected
    server.on_first_stun = first_stun
    return release


def _is_beside_us(source: str) -> bool:
    """Is this address in our own small network, as the gateway of a container's bridge is?"""
    route = default_route(socket.AF_INET)
    if route is None or route.source is None:
        return False
    return ip_address(source) in ip_network(f"{route.source}/24", strict=False)


def _facts(server: RelayServer, discovery: Discovery, commands: list[str], lang: Language) -> ScreenFacts:
    listeners = server.listeners
    derp_map = server.advertised.derp_map(MapView.PUBLIC)
    indent = 2
    snippet = policy_snippet(derp_map, columns_of(sys.stdout) - indent) if derp_map is not None else ""
    found = [address for address in (discovery.ipv4, discovery.ipv6) if address is not None]
    return ScreenFacts(
        version=tailhub.__version__,
        addresses=tuple(AddressLine(str(address.address), describe(address, lang)) for address in found),
        relay=_listen_line(listeners.public) if listeners.public.sockets else None,
        stun=_listen_line(listeners.stun) if listeners.stun is not None else None,
        derp_port=discovery.derp_port,
        stun_port=discovery.stun_port if listeners.stun is not None else None,
        certificate=_certificate_kind(server),
        valid_to=server.certificate.not_after.date() if server.certificate is not None else None,
        state_dir=_short_home(str(server.state.path)),
        policy_snippet=snippet,
        hostname=server.config.hostname,
        is_behind_proxy=listeners.public.is_unix or not server.config.tls or bool(server.config.trusted_proxies),
        is_name_in_map=server.config.hostname in snippet,
        relay_command=relay_command(),
        derpmap_command=command_for("derpmap", server.state.path, os.environ, os.geteuid()),
        dashboard_command=command_for("dashboard", server.state.path, os.environ, os.geteuid()),
        http=_listen_line(listeners.http) if listeners.http is not None else None,
        admin=_listen_line(listeners.admin) if listeners.admin is not None else None,
        mesh_with=tuple(peer.partition("?")[0] for peer in server.config.mesh_with),
        findings=_once([*server.notes, *discovery.notes, *_others(discovery)]),
        firewall_commands=tuple(commands),
    )


def _certificate_kind(server: RelayServer) -> CertificateKind:
    if server.certificate is None:
        return "front"
    if server.certificate.never_pinned:
        return "acme"
    if pin_of(server.certificate) is None:
        return "files"
    return "own" if server.config.cert is None else "pinned"


def _listen_line(bound: BoundSockets) -> ListenLine:
    if bound.is_unix:
        return ListenLine(0, path=bound.sockets[0].getsockname())
    host = bound.sockets[0].getsockname()[0]
    families = tuple(4 if family == socket.AF_INET else 6 for family in sorted(bound.families))
    return ListenLine(bound.port, "" if host in ("0.0.0.0", "::") else host, families)


def _others(discovery: Discovery) -> list[Finding]:
    others = [str(address) for address in discovery.other_addresses]
    return [findings.other_addresses(others)] if others else []


def _once(found: list[Finding]) -> tuple[Finding, ...]:
    return tuple({(finding.code, str(finding)): finding for finding in found}.values())


def _short_home(path: str) -> str:
    home = os.environ.get("HOME") or "-"
    return "~" + path[len(home) :] if path.startswith(home + "/") else path
