"""Judges whether the relay's TCP port answers, over IPv4 and IPv6, and what speaks there first."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

from tailhub.findings import Finding, reach
from tailhub.findings.remark import Remark
from tailhub.net.interfaces import kind_of
from tailhub.tools.doctor.judge.heard import Heard
from tailhub.tools.doctor.judge.here import what_catches
from tailhub.tools.doctor.judge.name import INSIDE, why_no_address
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["Dial", "DialEnd", "TCPSeen", "judge", "why_no_tls"]

DialEnd = Literal["open", "refused", "silent", "unreachable", "no_route"]
"""How it ended. ``unreachable``: somebody on the way says so. ``no_route``: this machine has no such network."""


@dataclass(frozen=True, slots=True)
class Dial:
    """One address that was dialled."""

    address: str
    end: DialEnd
    source: str = ""
    """The address of this machine from which it goes there."""
    rtt_s: float = 0.0
    error: str = ""
    """The system's words where it is ``unreachable``."""
    heard: Heard | None = None
    """What speaks there; None where it was not listened to."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class TCPSeen:
    """What was seen."""

    open_address: str = ""
    """The address by which later steps reach the port, "" if none does."""
    rtt_s: float = 0.0
    """How long that connection took."""
    dials: tuple[Dial, ...] = ()
    """Each address that clients dial, in their order."""
    moved_to: tuple[str, ...] = ()
    """Where the map's addresses do not answer: those that the name leads to, and that do."""
    limit_s: float = 0.0
    """How long each had."""
    port80: str = ""
    """What port 80 says to ``GET /generate_204``: a status, or "" where nothing answers."""


def why_no_tls(seen: Seen) -> str:
    """The code of what keeps clients from TLS on this port; "" if they get so far. The root cause, as in `judge`."""
    steps = judge(seen).steps
    if any(step.name == "speaks" and not step.code for step in steps):
        return ""
    return next((step.code for step in reversed(steps) if step.code and step.name != "port80"), "")


def judge(seen: Seen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    if seen.target.node.stun_only:
        for step in ("tcp4", "tcp6", "speaks"):
            judgement.untested(step, Remark("stun-only"))
        return judgement
    if code := why_no_address(seen):
        for step in ("tcp4", "tcp6", "speaks"):
            judgement.untested(step, code=code)
        return judgement
    for version in (4, 6):
        _judge_version(seen, version, judgement)
    _judge_speech(seen, judgement)
    _judge_port80(seen, judgement)
    return judgement


def _judge_version(seen: Seen, version: int, judgement: Judgement) -> None:
    step, port = f"tcp{version}", seen.target.derp_port
    dials = [dial for dial in seen.tcp.dials if dial.version == version]
    alive = [dial for dial in dials if dial.end == "open"]
    dead = [dial for dial in dials if dial.end not in ("open", "no_route")]
    if not dials:
        is_off = seen.target.fixed_address(version) == ""
        judgement.untested(step, Remark(f"ipv{version}-off" if is_off else f"no-ipv{version}-address"))
    elif not alive and not dead:
        finding = _no_route(seen, judgement)
        if finding is not None:
            judgement.found(step, finding)
        else:
            judgement.untested(step, Remark(f"no-ipv{version}-here"))
    elif alive and dead:
        finding = reach.some_addresses_dead(_listed(dead), _listed(alive), port)
        judgement.found(step, finding, _opened(alive[0], port))
    elif alive:
        judgement.ok(step, _opened(alive[0], port))
    else:
        _judge_dead(seen, version, dead, judgement)


def _judge_dead(seen: Seen, version: int, dead: list[Dial], judgement: Judgement) -> None:
    """None of this family answers: because of what was found before, or because of itself."""
    step, port = f"tcp{version}", seen.target.derp_port
    is_refused = any(dial.end == "refused" for dial in dead)
    remark = Remark("tcp-refused" if is_refused else "tcp-no-answer", {"port": port})
    cause = "TH385" if seen.tcp.moved_to else what_catches(seen)
    if cause:
        judgement.consequence(step, cause, remark)
    elif version == 6 and any(dial.end == "open" and dial.version == 4 for dial in seen.tcp.dials):
        judgement.found(step, reach.ipv6_dead(_listed(dead), port, is_refused), remark)
    else:
        finding = _dead(seen, version, dead)
        if any(earlier.code == finding.code for earlier in judgement.findings):  # IPv4 has the same
            judgement.consequence(step, finding.code, remark)
        else:
            judgement.found(step, finding, remark)


def _dead(seen: Seen, version: int, dead: list[Dial]) -> Finding:
    """What is wrong with a family none of whose addresses answers."""
    port, addresses, stun_answers = seen.target.derp_port, _listed(dead), version in seen.stun.answered
    if any(dial.end == "refused" for dial in dead):
        return reach.tcp_refused(addresses, port, stun_answers)
    error = next((dial.error for dial in dead if dial.error), "")
    is_private = all(kind_of(ip_address(address)) in INSIDE for address in addresses)
    return reach.tcp_filtered(addresses, port, f"{seen.tcp.limit_s:g}", error, is_private, stun_answers)


def _no_route(seen: Seen, judgement: Judgement) -> Finding | None:
    """Has this machine no way to any of the addresses? Said once."""
    if any(dial.end != "no_route" for dial in seen.tcp.dials) or judgement.findings:
        return None
    return reach.no_route_here(_listed(list(seen.tcp.dials)))


def _judge_speech(seen: Seen, judgement: Judgement) -> None:
    """What speaks on the port; the first that speaks no TLS is told, IPv4 before IPv6."""
    listened = [dial for dial in seen.tcp.dials if dial.heard is not None]
    if not listened:
        judgement.untested("speaks", code=next((step.code for step in judgement.steps if step.code), ""))
        return
    for dial in listened:
        if (finding := _wrong_speech(seen, dial)) is not None:
            remark = Remark("speaks-no-tls", {"address": dial.address})
            if cause := what_catches(seen):
                judgement.consequence("speaks", cause, remark)
            else:
                judgement.found("speaks", finding, remark)
            return
    judgement.ok("speaks", Remark("speaks-tls"))


def _wrong_speech(seen: Seen, dial: Dial) -> Finding | None:
    """What is wrong with what was heard."""
    heard, port = dial.heard, seen.target.derp_port
    if heard is None or heard.kind == "tls":
        return None
    if heard.is_name_cut:
        return reach.reset_on_name(seen.target.host, dial.address, heard.kind == "silent")
    if heard.kind == "http":
        return reach.plain_http(dial.address, port, heard.server)
    if heard.kind == "silent":
        return reach.port_silent(dial.address, port)
    if heard.kind == "closed":
        return reach.port_hangs_up(dial.address, port)
    return reach.not_tls(dial.address, port, heard.text, heard.protocol)


def _judge_port80(seen: Seen, judgement: Judgement) -> None:
    """Only captive portals are detected by it: never a fault."""
    status = seen.tcp.port80
    if not seen.tcp.open_address:
        return
    if status == "204":
        judgement.ok("port80", Remark("port80-answers"))
    else:
        judgement.untested("port80", Remark("port80-other", {"status": status}))


def _opened(dial: Dial, port: int) -> Remark:
    return Remark("tcp-open", {"port": port, "ms": _ms(dial.rtt_s)})


def _ms(seconds: float) -> str:
    """Milliseconds as people read them: two figures that count."""
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


def _listed(dials: list[Dial]) -> list[str]:
    return [dial.address for dial in dials]
