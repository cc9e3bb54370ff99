"""Can the relay listen where it is to listen? Each port is bound as a start would bind it, and let go at once."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import FindingError
from tailhub.findings import Finding
from tailhub.findings.remark import Remark
from tailhub.net.bind import bind_tcp, bind_udp, free_port, unprivileged_start
from tailhub.net.listen_spec import ListenSpec, UnixSpec, parse_listen, parse_public
from tailhub.server.config import RelayConfig
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["PortSeen", "check", "judge", "listen_specs", "served_port"]

_STEPS = {"listen": "listen", "http_listen": "http", "stun_listen": "stun", "admin_listen": "admin"}
_BIND_CAPABILITY = "CAP_NET_BIND_SERVICE"


@dataclass(frozen=True, slots=True)
class PortSeen:
    """One listener: `step` is its name in the table, `text` what it asks for.

    `is_ours`: the relay that runs has it. `fault` is what a start would say.
    """

    step: str
    protocol: str
    text: str
    is_ours: bool = False
    fault: Finding | None = None


def listen_specs(config: RelayConfig) -> list[tuple[str, str, ListenSpec | UnixSpec]]:
    """All that is listened on: the name of its step, "TCP" or "UDP", and where. What cannot be read is left out."""
    others = [(config, name, parse_listen) for name in ("http_listen", "stun_listen", "admin_listen")]
    found: list[tuple[str, str, ListenSpec | UnixSpec]] = []
    for listener, name, parse in (*((one, "listen", parse_public) for one in config.listeners), *others):
        try:
            spec = parse(getattr(listener, name), listener.place(name))
        except FindingError:
            continue
        if spec is not None:
            found.append((_STEPS[name], "UDP" if name == "stun_listen" else "TCP", spec))
    return found


def served_port(context: LocalContext, step: str, spec: ListenSpec | UnixSpec) -> int:
    """The port of a listener: where 0 was asked for the one that it was given, if it runs; else 0."""
    port = spec.port if isinstance(spec, ListenSpec) else 0
    listeners = context.relay.checkup.get("listeners", ()) if context.relay is not None else ()
    return port or next((int(one["port"]) for one in listeners if one.get("name") == _name_of(step)), 0)


def _name_of(step: str) -> str:
    """What the relay calls a listener."""
    return "public" if step == "listen" else step


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(await asyncio.to_thread(lambda: [_look(context, *one) for one in listen_specs(context.config)]))


def _look(context: LocalContext, step: str, protocol: str, spec: ListenSpec | UnixSpec) -> PortSeen:
    if isinstance(spec, UnixSpec):
        return PortSeen(step, protocol, spec.text, is_ours=context.is_running)
    kind = socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM
    if _is_ours(context, step, spec):
        return PortSeen(step, protocol, spec.text, is_ours=True)
    if _lacks_privilege(context, spec.port):
        lacking = findings.port_needs_privilege(spec.flag, protocol, spec.port, free_port(spec, kind), host=spec.host)
        return PortSeen(step, protocol, spec.text, fault=lacking)
    try:
        bound = bind_udp(spec) if protocol == "UDP" else bind_tcp(spec, 1)
    except FindingError as exc:
        found = exc.finding if isinstance(exc.finding, Finding) else None
        if found is not None and found.name == "port-needs-privilege" and not context.is_me:
            found = None  # it is whoever looks that may not
        if found is not None and found.values.get("pid") == 1 and context.unit is not None:
            return PortSeen(step, protocol, spec.text, is_ours=True)  # systemd keeps it for the next start
        return PortSeen(step, protocol, spec.text, fault=found)
    bound.close()
    return PortSeen(step, protocol, spec.text)


def _is_ours(context: LocalContext, step: str, spec: ListenSpec) -> bool:
    """Does the relay that runs listen there? One that may not be asked is taken to."""
    if context.relay is None:
        return context.is_hidden
    listeners = context.relay.checkup.get("listeners")
    if not isinstance(listeners, list):
        return True
    ports = [one.get("port") for one in listeners if one.get("name") == _name_of(step)]
    return spec.port in ports or (spec.port == 0 and bool(ports))


def _lacks_privilege(context: LocalContext, port: int) -> bool:
    """May the relay's user surely not have this port?"""
    if not 0 < port < unprivileged_start(str(context.root / "proc/sys/net/ipv4/ip_unprivileged_port_start")):
        return False
    account, unit = context.account, context.unit
    if account is None or account.uid == 0 or sys.platform != "linux":
        return False
    if unit is not None and not context.is_running:
        capabilities = " ".join(unit.values.get("AmbientCapabilities", ()))
        return _BIND_CAPABILITY not in capabilities.upper() and not unit.last("User").startswith("root")
    if context.is_me:
        return False  # binding tells
    return not _has_file_capability(Path(os.path.realpath(sys.executable)))


def _has_file_capability(program: Path) -> bool:
    try:
        return bool(os.getxattr(program, "security.capability"))
    except (OSError, AttributeError):
        return False


def judge(seen: Iterable[PortSeen]) -> Judgement:
    """What it means: a port that our own relay has is as it should be."""
    judgement = Judgement()
    for port in seen:
        values = {"protocol": port.protocol, "listen": port.text}
        if port.fault is not None:
            judgement.found(port.step, port.fault, Remark("port_wanted", values))
            continue
        judgement.ok(port.step, Remark("port_ours" if port.is_ours else "port_free", values))
    return judgement
