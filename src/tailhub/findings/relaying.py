"""Findings about logging in and relaying packets, as a check from outside sees them.

Rates and times are text, with as many digits as are known. `relay` is the host and port that was looked at.
"""

from __future__ import annotations

from tailhub.findings.finding import Finding


def login_closed(relay: str, key: str = "") -> Finding:
    """It closed the connection after our ClientInfo. `key`: by which we logged in, if it is kept."""
    return Finding("TH400", {"relay": relay, "key": key})


def key_not_allowed(told: str, key: str = "") -> Finding:
    """It told why it does not let us in. `key`: by which we logged in, if it is kept."""
    return Finding("TH401", {"told": told, "key": key})


def large_packets_vanish(
    host: str, small: str, large: str, ended: str = "", *, towards: bool = False, back: bool = False
) -> Finding:
    """`small` and `large`: the size and how many came of how many. `towards` or `back`: where, if it can be told."""
    values = {"host": host, "small": small, "large": large, "ended": ended, "towards": towards, "back": back}
    return Finding("TH402", values)


def answers_buffered(every_ms: int, least_ms: str, most_ms: str) -> Finding:
    """Packets that were sent apart come in lumps; they took from `least_ms` to `most_ms`."""
    return Finding("TH403", {"every_ms": every_ms, "least_ms": least_ms, "most_ms": most_ms})


def idle_cut(after_s: str, *, dead: bool) -> Finding:
    """A connection without traffic was closed; or it is `dead`: nobody said so, and nothing comes back."""
    return Finding("TH404", {"after_s": after_s, "dead": dead})


def packets_lost(
    relay: str,
    lost: int,
    sent: int,
    each: str,
    p99_ms: str,
    resent: str = "",
    stalls: int = 0,
    *,
    inside: bool,
) -> Finding:
    """Packets did not come, or (`lost` 0) TCP had to send segments again.

    `each`: how many of each size. `resent`: segments of how many, towards the relay; `stalls`: how often packets from
    it had to wait for one that was lost. `inside`: TCP lost nothing, so whoever ends its connections has.
    """
    values = {"relay": relay, "lost": lost, "sent": sent, "each": each, "p99_ms": p99_ms}
    return Finding("TH405", values | {"resent": resent, "stalls": stalls, "inside": inside})


def slow_relay(p50_ms: str, p99_ms: str, ping_ms: str, way_ms: str, *, queue: bool) -> Finding:
    """Between two clients, to the relay and back, and TCP's own round trip. `queue`: pings are answered much sooner."""
    values = {"p50_ms": p50_ms, "p99_ms": p99_ms, "ping_ms": ping_ms, "way_ms": way_ms, "queue": queue}
    return Finding("TH406", values)


def limited(rate: str, burst: str) -> Finding:
    """It announced what a client may send a second, and at once."""
    return Finding("TH407", {"rate": rate, "burst": burst})


def own_key_unusable(path: str, reason: str) -> Finding:
    """The file with the tools' own node key, or one that was named instead. `reason` must not carry the key."""
    return Finding("TH408", {"path": path, "reason": reason})


def given_key_refused(key: str, told: str = "") -> Finding:
    """A key of which somebody said that it is allowed; `told` is the relay's reason, if it gave one."""
    return Finding("TH409", {"key": key, "told": told})


def login_silent(relay: str, waited_s: int) -> Finding:
    """It neither answered our ClientInfo nor closed."""
    return Finding("TH410", {"relay": relay, "waited_s": waited_s})


def login_broken(relay: str, detail: str) -> Finding:
    """The login ended before it was a matter of who may; `detail` is what our client found."""
    return Finding("TH411", {"relay": relay, "detail": detail})


def packets_altered(altered: int, duplicates: int, overtaken: int, sent: int) -> Finding:
    """Packets came with other bytes, twice, or after one that was sent later."""
    return Finding("TH412", {"altered": altered, "duplicates": duplicates, "overtaken": overtaken, "sent": sent})


def relay_notice(text: str) -> Finding:
    """What the relay tells users of its clients."""
    return Finding("TH413", {"text": text})


def relaying_fails(received: int, sent: int, ended: str = "") -> Finding:
    """Not even small packets come through; `ended`: how the connection ended, or could not be had."""
    return Finding("TH414", {"received": received, "sent": sent, "ended": ended})
