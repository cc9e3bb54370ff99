"""Judges whether packets of all sizes come through between two clients, with which loss and delay.

DERP runs over TCP, so a healthy relay loses nothing of what is sent at a walking pace: nothing here is noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from tailhub.findings import Finding, relaying, tls
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.judge.flight import FlightSeen, percentile
from tailhub.tools.doctor.judge.http import judge as judge_http
from tailhub.tools.doctor.judge.login import LoginEnd, cause_before_login
from tailhub.tools.doctor.judge.login import judge as judge_login
from tailhub.tools.report import Judgement

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

MOST_SMALL = 2000
"""Bytes of a packet that is sent for itself; a larger one is many segments of TCP at once."""

__all__ = ["MOST_SMALL", "IdleSeen", "PacketsSeen", "SegmentsSeen", "Way", "judge"]

_LOST_SHARE = 0.01  # of the packets, and two at least: from here on it is a finding
_LEAST_LOST = 2
_RESENT_SHARE = 0.02  # of TCP's segments, and four at least
_LEAST_RESENT = 4
_SLOW_S = 0.05  # beyond what the way explains, and more than once as long as that
_LEAST_SLOW = 10  # packets; of fewer, this machine itself may have been busy just then


class Way(Enum):
    """A direction, as seen from this machine."""

    UNKNOWN = auto()
    TOWARDS = auto()
    FROM = auto()


@dataclass(frozen=True, slots=True)
class SegmentsSeen:
    """What TCP tells of all connections together while small flights were under way, in segments with data.

    `towards` the relay, and of those `resent`; from the relay came so many `out_of_order`, because some before them had
    been lost (None: this system does not say). Of the largest packets nothing: they make TCP try how much it may lose.
    """

    towards: int = 0
    resent: int = 0
    out_of_order: int | None = None


@dataclass(frozen=True, slots=True)
class IdleSeen:
    """A connection that was held without traffic for `watched_s`, or until somebody cut it after `cut_after_s`.

    `is_dead`: nobody closed it, but nothing comes back any more.
    """

    watched_s: float
    cut_after_s: float | None = None
    is_dead: bool = False


@dataclass(frozen=True, slots=True)
class PacketsSeen:
    """What was seen."""

    flights: tuple[FlightSeen, ...] = ()
    """The smallest size first; the last is the one that went wrong, if one did."""
    skipped: tuple[int, ...] = ()
    """The sizes that were not tried, because the relay's limit would not let them through in time."""
    is_pair: bool = True
    """Did two clients exchange them? Else one sent them to itself: no second key is let in."""
    server_keys: tuple[bytes, ...] = ()
    """The raw keys of the relays to which the connections came. In a mesh packets come through all the same."""
    pings_s: tuple[float, ...] = ()
    """Round trips from a client to the relay and back, with nothing else under way, in order of size."""
    tcp_rtt_s: float = 0.0
    """The round trip of TCP, which the relay's system answers, or a proxy's; 0: not known."""
    segments: SegmentsSeen | None = None
    stalled: Way = Way.UNKNOWN
    """On which way the last flight stopped, if it did."""
    error: str = ""
    """Why the connections for it could not be had."""
    idle: IdleSeen | None = None

    @property
    def sent(self) -> int:
        """Packets of all sizes."""
        return sum(flight.sent for flight in self.flights)

    @property
    def received(self) -> int:
        """Of those that were sent."""
        return sum(flight.came for flight in self.flights)


def judge(seen: Seen) -> Judgement:
    """What it means."""
    packets, said = seen.packets, Judgement()
    if not seen.login.is_admitted:
        _untested(seen, said)
        return said
    if packets.error:
        said.found("packets", relaying.relaying_fails(0, 0, packets.error))
        said.untested("idle", None, said.findings[0].code)
        return said
    if not packets.flights:
        said.untested("packets", Remark("packets-limit-too-low"))
        _judge_idle(seen, said)
        return said
    if len(set(packets.server_keys)) > 1 and packets.flights[0].is_broken_off:
        _say_strangers(seen, said)
        return said
    finding, remark = _finding(seen), _remark(packets)
    if finding is None:
        said.ok("packets", remark, beyond=bool(cause_before_login(seen)))
    else:
        said.found("packets", finding, remark)
    if packets.flights[-1].is_broken_off and finding is not None:
        said.untested("idle", None, finding.code)
    else:
        _judge_idle(seen, said)
    return said


def _untested(seen: Seen, said: Judgement) -> None:
    """The steps that need an admission, without one."""
    found = judge_login(seen).findings
    code = found[0].code if found else cause_before_login(seen)
    is_refused = seen.login.end in (LoginEnd.TOLD, LoginEnd.CLOSED)
    remark = Remark("packets-key-not-allowed") if is_refused else None if code else Remark("login-not-reached")
    said.untested("packets", remark, code)
    said.untested("idle", remark, code)


def _say_strangers(seen: Seen, said: Judgement) -> None:
    """The clients came to different relays; that those are several may have been found already."""
    keys = sorted({key.hex() for key in seen.packets.server_keys})
    several = tls.several_relays(str(seen.target), keys, len(seen.packets.server_keys), is_untried=False)
    remark = Remark("packets-several-relays")
    if several.code in (finding.code for finding in judge_http(seen).findings):
        said.untested("packets", remark, several.code)
    else:
        said.found("packets", several, remark)
    said.untested("idle", remark, several.code)


def _judge_idle(seen: Seen, said: Judgement) -> None:
    idle = seen.packets.idle
    if idle is None:
        said.untested("idle", Remark("idle-not-watched"))
    elif idle.cut_after_s is None and not idle.is_dead:
        said.ok("idle", Remark("idle-held", {"s": round(idle.watched_s)}), beyond=bool(cause_before_login(seen)))
    else:
        after_s = idle.watched_s if idle.cut_after_s is None else idle.cut_after_s
        said.found("idle", relaying.idle_cut(f"{after_s:.3g}", dead=idle.is_dead))


def _finding(seen: Seen) -> Finding | None:
    """The one finding about the flights that explains the most."""
    packets = seen.packets
    first, last = packets.flights[0], packets.flights[-1]
    if first.is_broken_off:
        return relaying.relaying_fails(first.came, first.sent, first.ended)
    if last.is_broken_off:
        return relaying.large_packets_vanish(
            seen.target.host,
            _came(packets.flights[-2]),
            _came(last),
            last.ended,
            towards=packets.stalled is Way.TOWARDS,
            back=packets.stalled is Way.FROM,
        )
    altered = sum(flight.altered for flight in packets.flights)
    duplicates = sum(flight.duplicates for flight in packets.flights)
    overtaken = sum(flight.overtaken for flight in packets.flights)
    if altered or duplicates or overtaken:
        return relaying.packets_altered(altered, duplicates, overtaken, packets.sent)
    return _lost(seen) or _buffered(packets) or _slow(packets)


def _lost(seen: Seen) -> Finding | None:
    """Packets that did not come, or segments of TCP that had to be sent again."""
    packets, segments = seen.packets, seen.packets.segments or SegmentsSeen()
    lost = sum(flight.lost for flight in packets.flights)
    is_lossy = lost >= _LEAST_LOST and lost >= _LOST_SHARE * packets.sent
    small = [flight for flight in packets.flights if flight.size < MOST_SMALL]
    # Behind a segment that was lost the next ones wait, and come together.
    stalls = sum(len(flight.lumps) for flight in small) - segments.resent if segments.out_of_order else 0
    is_resent = _is_many(segments.resent, segments.towards)
    is_stalling = _is_many(stalls, sum(flight.sent for flight in small))
    if not (is_lossy or is_resent or is_stalling):
        return None
    return relaying.packets_lost(
        str(seen.target),
        lost if is_lossy else 0,
        packets.sent,
        ", ".join(f"{flight.size} B {flight.lost}/{flight.sent}" for flight in packets.flights),
        _text(percentile(packets.flights[0].delays_s, 0.99) * 1000),
        f"{segments.resent}/{segments.towards}" if is_resent else "",
        stalls if is_stalling else 0,
        inside=segments.out_of_order == 0 and segments.resent == 0,
    )


def _came(flight: FlightSeen) -> str:
    return f"{flight.size} B {flight.came}/{flight.sent}"


def _is_many(count: int, of: int) -> bool:
    return count >= _LEAST_RESENT and count >= _RESENT_SHARE * of


def _buffered(packets: PacketsSeen) -> Finding | None:
    flight = packets.flights[0]
    if not flight.lump_every_s or percentile(flight.delays_s, 0.5) - packets.tcp_rtt_s < flight.lump_every_s / 4:
        return None
    delays = flight.delays_s
    return relaying.answers_buffered(
        round(flight.lump_every_s * 1000), _text(delays[0] * 1000), _text(delays[-1] * 1000)
    )


def _slow(packets: PacketsSeen) -> Finding | None:
    """A delay that the way does not explain: in the relay, or in something before it that answers TCP itself."""
    delay_s, ping_s = percentile(packets.flights[0].delays_s, 0.5), percentile(packets.pings_s, 0.5)
    way_s = packets.tcp_rtt_s or min(packets.pings_s, default=delay_s)
    if delay_s - way_s <= max(_SLOW_S, way_s) or len(packets.flights[0].arrivals) < _LEAST_SLOW:
        return None
    delays = packets.flights[0].delays_s
    return relaying.slow_relay(
        _text(delay_s * 1000),
        _text(percentile(delays, 0.99) * 1000),
        _text(ping_s * 1000),
        _text(way_s * 1000),
        queue=delay_s - ping_s > (delay_s - way_s) / 2,
    )


def _remark(packets: PacketsSeen) -> Remark:
    delays = packets.flights[0].delays_s
    values = {
        "sizes": ", ".join(str(flight.size) for flight in packets.flights),
        "lost": sum(flight.lost for flight in packets.flights),
        "sent": packets.sent,
        "p50": _text(percentile(delays, 0.5) * 1000),
        "p99": _text(percentile(delays, 0.99) * 1000),
        "skipped": ", ".join(map(str, packets.skipped)),
    }
    return Remark("packets-between-two" if packets.is_pair else "packets-to-itself", values)


def _text(ms: float) -> str:
    """Milliseconds for people."""
    return f"{ms:.0f}" if ms >= 10 else f"{ms:.1f}"
