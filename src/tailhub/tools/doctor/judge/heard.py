"""What speaks on a TCP port, by the first bytes that it says. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Heard", "Speech", "classify"]

Speech = Literal["tls", "http", "other", "closed", "silent"]
"""``other``: neither TLS nor HTTP. ``closed``: ended or reset without a byte."""

MAX_TEXT = 100  # characters of a greeting that are told

_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # alert and handshake, major version 3 (RFC 8446, 5.1)
_SERVER = re.compile(rb"^server:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_HTML = re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE)
_GREETINGS = (
    (re.compile(rb"SSH-\d"), "SSH"),
    (re.compile(rb"220[ -].*(?:SMTP|ESMTP|mail)", re.IGNORECASE), "SMTP"),
    (re.compile(rb"220[ -]"), "FTP"),
    (re.compile(rb"\+OK"), "POP3"),
    (re.compile(rb"\* OK"), "IMAP"),
    (re.compile(rb"RFB \d"), "VNC"),
    (re.compile(rb"\x03\x00\x00\x13\x0e\xd0"), "RDP"),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard after a ClientHello, or failing that after an HTTP request."""

    kind: Speech
    text: str = ""
    """The first line, what cannot be printed left out."""
    server: str = ""
    """Which web server it says it is."""
    protocol: str = ""
    """A name for the protocol, if it is one that we know."""
    is_name_cut: bool = False
    """Is it so for the relay's name only, while another name, or none, gets TLS?"""


def classify(data: bytes) -> Heard:
    """What `data`, the first that a server said, is; nothing: it closed."""
    if not data:
        return Heard("closed")
    if data.startswith(_TLS_RECORDS):
        return Heard("tls")
    text = _first_line(data)
    if data.startswith(b"HTTP/") or _HTML.match(data):
        found = _SERVER.search(data.partition(b"\r\n\r\n")[0])
        return Heard("http", text, _first_line(found[1]) if found else "")
    protocol = next((name for pattern, name in _GREETINGS if pattern.match(data)), "")
    return Heard("other", text, protocol=protocol)


def _first_line(data: bytes) -> str:
    """Printable ASCII of the first line."""
    line = data.strip().partition(b"\n")[0][: 4 * MAX_TEXT]
    text = "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in line.rstrip(b"\r"))
    return text[:MAX_TEXT]
