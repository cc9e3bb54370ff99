"""Fuzz target: a PROXY header is read alike however it is cut, wants more within its limit, or raises PrefaceError."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from ipaddress import ip_address

from tailhub.exceptions import PrefaceError
from tailhub.preface.forwarded import TrustedProxies, forwarded_for
from tailhub.preface.proxy_header import (
    MAX_HEADER_BYTES,
    begins_proxy_header,
    parse_proxy_header,
    serialize_proxy_header,
)

_V4 = (ip_address("203.0.113.7"), 4711)
_V6 = (ip_address("2001:db8::7"), 443)

SEEDS: list[bytes] = [
    b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n\x16\x03\x01",
    b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
    b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n",
    serialize_proxy_header(_V4, _V4) + b"\x16\x03\x01",
    serialize_proxy_header(_V6, _V6),
    serialize_proxy_header(None, None),
    b"203.0.113.7, [2001:db8::7]:80, unknown",
    b"",
]


def one_input(data: bytes) -> None:
    """Look at `data` as a connection's first bytes; raises for a fault in the parser."""
    forwarded_for([data], TrustedProxies())
    try:
        header = parse_proxy_header(data)
    except PrefaceError:
        return
    if header is None:
        if len(data) >= MAX_HEADER_BYTES:
            raise AssertionError("more bytes wanted than the limit")
        return
    if not begins_proxy_header(data) or header.length > len(data):
        raise AssertionError("a header that is not there")
    for end in range(header.length):
        if parse_proxy_header(data[:end]) is not None:
            raise AssertionError("a part of a header was taken for a whole one")
    if header.source is not None:
        again = parse_proxy_header(serialize_proxy_header(header.source, header.source))
        if again is None or again.source != header.source:
            raise AssertionError("the source does not survive being written")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
