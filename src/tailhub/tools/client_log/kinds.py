"""Each line of a client's log that says something about relays, and the finding that it means.

Source: as in `errors`, and ``net/netcheck``, ``health`` and ``types/logger`` there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

__all__ = ["Known", "classify"]


class Known(NamedTuple):
    """A line that is known.

    `name` is its kind, `code` the finding that it means ("": nothing is wrong), `said` what the client says. `cured` is
    what a later line must `cure` so that it is over; "" for what just happened. `is_connect`: the error is one of
    getting a connection to `region`, `is_loss`: of having one.
    """

    name: str
    region: int | None = None
    said: str = ""
    code: str = ""
    cured: str = ""
    cure: str = ""
    values: Mapping[str, str] = {}
    is_connect: bool = False
    is_loss: bool = False


_CLIENT = r"derphttp\.Client\.\w+ connect to region (\d{1,9})(?: \(([^)]*)\))?: (.*)"
_Rule = Callable[[re.Match[str]], Known | None]


def _failed(found: re.Match[str]) -> Known:
    """No connection, in the words of the HTTP client, which all errors pass."""
    return Known("", int(found[1]), found[3], values={"name": found[2] or ""}, is_connect=True)


def _lost(found: re.Match[str]) -> Known:
    if "DERP region not available" in found[2]:
        return Known("", int(found[1]), found[2], is_connect=True)
    return Known("", int(found[1]), found[2], is_loss=True)


_HEALTH: Mapping[str, tuple[str, str]] = {
    "derp-region-error": ("relay_says", "TH443"),
    "derp-timed-out": ("fell_silent", "TH404"),
    "no-derp-home": ("no_home", "TH448"),
    "no-derp-connection": ("no_connection", "TH449"),  # mostly an error has gone before, which says why
    "network-status": ("offline", "TH448"),
    "not-in-map-poll": ("control", "TH445"),
    "mapresponse-timeout": ("control", "TH445"),
    "blockblame-mitm-detected": ("intercepted", "TH444"),
}
_RELAY_NUMBER = re.compile(r"relay server #(\d{1,9})|with ID '(\d{1,9})'")


def _health(found: re.Match[str]) -> Known | None:
    warnable, text = found[1], found[2]
    cure = f"health {warnable}"
    if text is None:
        return Known("", cure=cure)
    if warnable == "tls-connection-failed":
        code = "TH023" if "self-signed" in text else "TH435"
        return Known("self_signed" if code == "TH023" else "issuer", None, text, code, cure)
    if warnable not in _HEALTH:
        return None
    name, code = _HEALTH[warnable]
    number = _RELAY_NUMBER.search(text)
    region = int(number[1] or number[2]) if number is not None else None
    cured = f"region {region}" if name == "fell_silent" and region is not None else cure
    return Known(name, region, text, code, cured)


def _closing(found: re.Match[str]) -> Known:
    if found[2] == "derp-region-redefined":
        return Known("redefined", int(found[1]), found[0], "TH442")
    return Known("closing", int(found[1]), found[0])


def _net_info(found: re.Match[str]) -> Known:
    home = re.search(r"derp=#(\d{1,9})", found[0])
    return Known("net_info", int(home[1]) if home else None, cure="udp" if "udp=true" in found[0] else "")


def _udp(found: re.Match[str]) -> Known:
    return Known("udp", None, found[0], "TH003", "udp")


def _connected(found: re.Match[str]) -> Known:
    return Known("connected", int(found[1]), found[0], cure=f"region {found[1]}")


_RULES: tuple[tuple[str, re.Pattern[str], _Rule], ...] = tuple(
    (word, re.compile(pattern), rule)
    for word, pattern, rule in (
        (" connected", r"\bderp-(\d{1,9}) connected\b", _connected),
        (" connect to region ", _CLIENT, _failed),
        ("derp.Recv(", r"derp\.Recv\(derp-(\d{1,9})\): (.*)", _lost),
        ("UDP is blocked", r"UDP is blocked, trying \w+", _udp),
        ("health(", r"health\(warnable=([\w-]+)\): (?:ok|error: (.*))", _health),
        ("closing connection to derp", r"closing connection to derp-(\d{1,9}) \(([^)]*)\).*", _closing),
        ("home is now", r"home is now derp-(\d{1,9})(?: \(([^)]*)\))?", lambda f: Known("home", int(f[1]), f[0])),
        ("NetInfo{", r"NetInfo\{.*?\}", _net_info),
        (
            "looks like",
            r"server cert seen while dialing .* looks like .* equipment.*",
            lambda f: Known("intercepted", None, f[0], "TH444", "health blockblame-mitm-detected"),
        ),
        (
            "DNS lookup error",
            r'DNS lookup error for "(?P<host>[^"]+)" \(node "[^"]*" region (\d{1,9})\): (.*)',
            lambda f: Known("unresolved", int(f[2]), f[0], values={"host": f[1]}),  # perhaps for IPv6 alone
        ),
        (
            "DetectCaptivePortal",
            r"DetectCaptivePortal\(found=(true|false)\)",
            lambda f: Known("portal", None, f[0], "TH447", "portal") if f[1] == "true" else Known("", cure="portal"),
        ),
        ("CONNECT dial", r"CONNECT dial to \S+: (?!200).*", lambda f: Known("proxy", None, f[0], "TH457")),
        ("[RATELIMIT]", r"\((\d{1,9}) dropped\)", lambda f: Known("hidden", None, values={"count": f[1]})),
        ("Program starting", r"Program starting: v?([^ ,]+)", lambda f: Known("started", values={"version": f[1]})),
        (
            "does not know about peer",
            r"derp-(\d{1,9}) does not know about peer .*",
            lambda f: Known("absent", int(f[1]), f[0]),
        ),
        ("has no v4 address", r"named node .* has no v4 address", lambda f: Known("unmeasured", None, f[0])),
    )
)


def classify(text: str) -> Known | None:
    """What a line is, None for one that says nothing about relays."""
    for word, pattern, rule in _RULES:
        if word in text:
            found = pattern.search(text)
            if found is not None:
                return rule(found)
    return None
