"""What the first bytes of a connection are, and the raw answers that are given before any protocol runs.

The relay feeds TLS itself, so it can look before TLS begins: a ClientHello (`clienthello`), a plain HTTP request on
the TLS port, or something else. What is answered here is whole bytes: a TLS alert record, or one HTTP answer.

Sources: RFC 8446 §5.1 and §6 (records, alerts), RFC 7301 §3.2 (no_application_protocol).
"""

from __future__ import annotations

from enum import Enum

from tailhub.preface.clienthello import ClientHello

FATAL = 2

INTERNAL_ERROR = 80
UNRECOGNIZED_NAME = 112
NO_APPLICATION_PROTOCOL = 120

HTTP_1_1 = b"http/1.1"
_TLS_1_2 = 0x0303  # also what TLS 1.3 writes into its records

_ALERT_RECORD = 21
_HANDSHAKE_RECORD = 22
_TLS_MAJOR = 3
_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE", b"PRI")
_METHOD_STARTS = frozenset(method[:length] for method in _METHODS for length in range(len(method) + 1))
_LONGEST_METHOD = max(map(len, _METHODS))

_WRONG_PORT_TEXT = b"This port speaks TLS, and this was plain HTTP. Use https:// instead.\n"
WRONG_PORT_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_WRONG_PORT_TEXT)
) + _WRONG_PORT_TEXT
"""The whole answer to a plain HTTP request on the TLS port. Real clients show the body in their logs."""


class Kind(Enum):
    """What a connection begins with."""

    TLS = "tls"  # a TLS record; `parse_client_hello` judges the rest
    HTTP = "http"  # the method of a plain HTTP request
    NEED_MORE = "need_more"  # undecided
    UNKNOWN = "unknown"  # anything else: a scanner's junk, another protocol


def sniff(data: bytes | bytearray | memoryview) -> Kind:
    """Say what `data`, everything received so far, begins with. At most 8 bytes are needed for a verdict."""
    if not data:
        return Kind.NEED_MORE
    if data[0] == _HANDSHAKE_RECORD:
        if len(data) == 1:
            return Kind.NEED_MORE
        return Kind.TLS if data[1] == _TLS_MAJOR else Kind.UNKNOWN
    word, space, _ = bytes(data[: _LONGEST_METHOD + 1]).partition(b" ")
    if space:
        return Kind.HTTP if word in _METHODS else Kind.UNKNOWN
    return Kind.NEED_MORE if word in _METHOD_STARTS else Kind.UNKNOWN


def tls_alert(level: int, description: int, version: int = _TLS_1_2) -> bytes:
    """Make the 7-byte record of an unencrypted alert: ``21, 2B version, 2B length 2, level, description``."""
    return bytes((_ALERT_RECORD, version >> 8, version & 0xFF, 0, 2, level, description))


def is_alpn_acceptable(hello: ClientHello, accepted: tuple[bytes, ...] = (HTTP_1_1,)) -> bool:
    """Whether the client offers one of the names in `accepted`, or no ALPN at all.

    A client that is not acceptable gets the alert `NO_APPLICATION_PROTOCOL`.
    """
    return not hello.alpn or any(name in hello.alpn for name in accepted)
