"""What a client says when a connection to a relay fails, and the finding that it means.

Source: ``derp/derphttp``, ``net/tlsdial`` and ``wgengine/magicsock`` of tailscale.com 1.103, Go's ``crypto/tls``,
``crypto/x509`` and ``net`` with the systems' own words; runs of tailscaled 1.102 and 1.103 against broken relays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Meaning", "while_connected", "while_connecting"]


class Meaning(NamedTuple):
    """A kind of line: its `name`, and the `code` of the finding that it means, "" where nothing is wrong."""

    name: str
    code: str
    values: Mapping[str, str] = {}


_UNKNOWN = Meaning("other_error", "TH449")

# The first that fits counts. Where both could, what is more special stands first.
_CONNECTING: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (name, code, re.compile(pattern, re.IGNORECASE))
    for name, code, pattern in (
        ("name", "TH001", r"\blookup (?P<host>[^ :]+)"),
        ("pin", "TH014", r"cert hash does not match expected cert hash|expected cert not presented"),
        ("pin_chain", "TH015", r"unexpected multiple certs presented"),
        ("pin_expired", "TH016", r"\bcert expired (?P<date>[0-9-]+ [0-9:]+)"),
        ("early", "TH018", r"cert not yet valid until|current time .* is before"),
        ("expired", "TH017", r"certificate has expired|certificate is expired"),
        ("pin_misspelt", "TH440", r"(?:, not|wanted to match|server name) \"?sha256[-:]"),
        (
            "other_name",
            "TH021",
            r"cert does not match server name|certificate is (?:valid for|not valid for any names)|legacy Common Name"
            r"|doesn't contain any IP SANs|certificate name does not match input",
        ),
        ("issuer", "TH435", r"signed by unknown authority|certificate is not (?:trusted|standards compliant)|x509: "),
        ("name_not_served", "TH436", r"remote error: tls: (?:internal error|unrecognized name|handshake failure)"),
        ("old_tls", "TH024", r"protocol version not supported|unsupported protocol version"),
        ("no_tls", "TH012", r"first record does not look like a TLS handshake"),
        ("gateway", "TH028", r"GET failed: .*\b(?:502|503|504)\b|GET failed: .*(?:bad gateway|gateway time-?out)"),
        ("page", "TH027", r"GET failed: "),
        ("proxy", "TH457", r"HTTP proxy|CONNECT dial to|proxyconnect"),
        ("refused", "TH006", r"connection refused|actively refused"),
        ("no_way", "TH437", r"network is unreachable|no route to host|unreachable (?:network|host)|host is down"),
        ("silent", "TH438", r"use of closed network connection|(?:read|write) tcp.*(?:i/o timeout|deadline exceeded)"),
        ("filtered", "TH005", r"deadline exceeded|i/o timeout|did not properly respond|operation timed out"),
        ("reset", "TH011", r"connection reset|forcibly closed|broken pipe|connection was aborted"),
        ("closed_early", "TH439", r"\bEOF\b"),
        ("no_relay", "TH441", r"no non-STUNOnly nodes|no nodes for|region not available|IPv4 and IPv6 are explicitly"),
    )
)

_CONNECTED: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (name, code, re.compile(pattern, re.IGNORECASE))
    for name, code, pattern in (
        ("fell_silent", "TH404", r"i/o timeout|operation timed out|did not properly respond"),
        ("ended", "", r"\bEOF\b|use of closed network connection|connection reset|forcibly closed|broken pipe|aborted"),
    )
)


def while_connecting(text: str) -> Meaning:
    """What it means that a client got no connection, as `text` says."""
    return _first(_CONNECTING, text)


def while_connected(text: str, *, is_in: bool) -> Meaning:
    """What it means that a connection ended, as `text` says; `is_in`: the relay had let the client in before."""
    found = _first(_CONNECTED, text)
    if found.name == "ended" and not is_in:
        return Meaning("not_let_in", "TH458")
    return found


def _first(rules: tuple[tuple[str, str, re.Pattern[str]], ...], text: str) -> Meaning:
    for name, code, pattern in rules:
        found = pattern.search(text)
        if found is not None:
            return Meaning(name, code, {key: value for key, value in found.groupdict().items() if value})
    return _UNKNOWN
