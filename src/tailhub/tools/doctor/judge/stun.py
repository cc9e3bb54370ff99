"""Judges whether UDP 3478 tells clients their address, over IPv4 and IPv6."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Literal

from tailhub.findings import Finding, reach
from tailhub.findings.remark import Remark
from tailhub.net.interfaces import Kind, kind_of
from tailhub.tools.doctor.judge.here import what_catches
from tailhub.tools.doctor.judge.name import why_no_address
from tailhub.tools.doctor.judge.tcp import judge as judge_tcp
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["Asked", "STUNSeen", "judge"]

_INSIDE = frozenset({Kind.PRIVATE, Kind.LINK_LOCAL, Kind.LOOPBACK})
_TCP_CAUSES = frozenset({"TH004", "TH005", "TH006", "TH385"})  # what makes TCP fail makes UDP fail too
_NEAR_BITS = {4: 8, 6: 64}  # of an address: those who share the rest are on one network


@dataclass(frozen=True, slots=True)
class Asked:
    """One address that was asked, several times. Addresses are text, without port."""

    address: str
    port: int
    sent: int = 0
    answered: int = 0
    rtt_s: float = 0.0
    """The least of the answers."""
    mapped: str = ""
    """From which address the relay sees us."""
    local: str = ""
    """From which address this machine sends there."""
    answered_from: str = ""
    """Where the last answer came from if it is not what was asked, with its port."""
    foreign: str = ""
    """The beginning of what came back and is no STUN answer."""
    trouble: Literal["", "refused", "unreachable", "no_route"] = ""
    """What the system said: ICMP port unreachable, another error, or that it has no such network."""
    error: str = ""
    """Its words."""

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class STUNSeen:
    """What was seen."""

    answered: tuple[int, ...] = ()
    """The IP versions over which an answer came."""
    asked: tuple[Asked, ...] = ()
    """One for each IP version that the relay has an address of."""


def judge(seen: Seen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    for version in (4, 6):
        step = f"stun{version}"
        asked = next((one for one in seen.stun.asked if one.version == version), None)
        if seen.target.stun_port is None:
            judgement.untested(step, Remark("stun-off"))
        elif code := why_no_address(seen):
            judgement.untested(step, code=code)
        elif asked is None:
            is_off = seen.target.fixed_address(version) == ""
            judgement.untested(step, Remark(f"ipv{version}-off" if is_off else f"no-ipv{version}-address"))
        elif asked.trouble == "no_route":
            judgement.untested(step, Remark(f"no-ipv{version}-here"))
        elif asked.answered:
            _judge_answer(asked, step, judgement)
        else:
            _judge_failure(seen, asked, step, judgement)
    return judgement


def _judge_answer(asked: Asked, step: str, judgement: Judgement) -> None:
    values = {"mapped": asked.mapped, "ms": f"{asked.rtt_s * 1000:.1f}", "got": asked.answered, "sent": asked.sent}
    remark = Remark("stun-answers" if asked.answered == asked.sent else "stun-answers-some", values)
    if asked.answered_from:
        finding = reach.stun_from_elsewhere(_with_port(asked), asked.answered_from)
        judgement.found(step, finding, remark)
    elif not is_plausible(asked):
        judgement.found(step, reach.stun_private_address(asked.address, asked.mapped), remark)
    else:
        judgement.ok(step, remark)


def _judge_failure(seen: Seen, asked: Asked, step: str, judgement: Judgement) -> None:
    tcp_steps = {one.name: one for one in judge_tcp(seen).steps}
    tcp_end = tcp_steps.get(f"tcp{asked.version}")
    tcp_answers = any(dial.end == "open" and dial.version == asked.version for dial in seen.tcp.dials)
    remark = Remark("stun-no-answer", {"sent": asked.sent})
    cause = what_catches(seen)
    if not cause and not asked.foreign and tcp_end is not None and not tcp_answers:
        # A machine that answers by ICMP is there, whatever happens to TCP.
        same_cause = _TCP_CAUSES - {"TH005"} if asked.trouble == "refused" else _TCP_CAUSES
        cause = tcp_end.code if tcp_end.code in same_cause else ""
    if cause:
        judgement.consequence(step, cause, remark)
        return
    finding = _failure(asked, tcp_answers)
    if any(earlier.code == finding.code for earlier in judgement.findings):  # IPv4 has the same
        judgement.consequence(step, finding.code, remark)
    else:
        judgement.found(step, finding, remark)


def _failure(asked: Asked, tcp_answers: bool) -> Finding:
    if asked.foreign:
        return reach.not_stun(asked.address, asked.port, asked.foreign)
    if asked.trouble == "refused":
        return reach.stun_refused(asked.address, asked.port)
    return reach.stun_silent(asked.address, asked.port, asked.sent, tcp_answers, asked.error)


def is_plausible(asked: Asked) -> bool:
    """Can `mapped` be what the relay should see? A private address can, if we and it are in one private network."""
    mapped, relay, local = ip_address(asked.mapped), ip_address(asked.address), ip_address(asked.local)
    if kind_of(mapped) not in _INSIDE or mapped == local:
        return True
    if kind_of(relay) not in _INSIDE:
        return _are_neighbours(mapped, local)  # our own router, which leads back in what goes to its public address
    # A NAT of the private network may be in between, but not where we are neighbours.
    return not _are_neighbours(local, relay)


def _are_neighbours(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    bits = _NEAR_BITS[one.version]
    return one.version == other.version and int(one) >> bits == int(other) >> bits


def _with_port(asked: Asked) -> str:
    return f"[{asked.address}]:{asked.port}" if asked.version == 6 else f"{asked.address}:{asked.port}"
