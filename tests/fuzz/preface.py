"""Fuzz target: the first bytes of a connection are accepted, want more, or raise PrefaceError; nothing else happens."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.client_hellos import alpn, in_records, made_hello, server_name, versions
from tailhub.exceptions import PrefaceError
from tailhub.preface.clienthello import MAX_CLIENT_HELLO_BYTES, parse_client_hello
from tailhub.preface.preface import Kind, is_alpn_acceptable, sniff

_FULL = made_hello(server_name(b"derp.example.com"), alpn(b"h2", b"http/1.1"), versions(0x0304, 0x0303))

SEEDS: list[bytes] = [
    _FULL,
    made_hello(),
    made_hello(alpn(b"acme-tls/1"), session_id=bytes(32)),
    in_records(_FULL, 1, 40, 90),
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"",
]


def one_input(data: bytes) -> None:
    """Look at `data` as a connection's first bytes; raises for a fault in the parser."""
    kind = sniff(data)
    if kind is Kind.NEED_MORE and len(data) > 8:
        raise AssertionError("no verdict after 8 bytes")
    try:
        hello = parse_client_hello(data)
    except PrefaceError:
        return
    if hello is None:
        if len(data) >= MAX_CLIENT_HELLO_BYTES:
            raise AssertionError("more bytes wanted than the limit")
        return
    if kind is not Kind.TLS:
        raise AssertionError("a ClientHello that was not seen as TLS")
    is_alpn_acceptable(hello)
    for end in range(0, len(data), max(1, len(data) // 16)):
        if parse_client_hello(data[:end]) not in (None, hello):
            raise AssertionError("a part of the bytes gave another ClientHello")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
