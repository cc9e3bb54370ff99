"""ClientHellos for tests: real ones out of the ssl module, and ones put together by hand, the same bytes every time."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from itertools import pairwise

RECORD_HEADER_LEN = 5


def real_hello(
    server_name: str | None = None, alpn: Sequence[str] = (), maximum_version: ssl.TLSVersion | None = None
) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if maximum_version is not None:
        context.maximum_version = maximum_version
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def extension(kind: int, body: bytes) -> bytes:
    """``2B type, 2B length, body``."""
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def server_name(*names: bytes) -> bytes:
    """A server_name extension."""
    entries = b"".join(b"\x00" + len(name).to_bytes(2, "big") + name for name in names)
    return extension(0, len(entries).to_bytes(2, "big") + entries)


def alpn(*names: bytes) -> bytes:
    """An ALPN extension."""
    entries = b"".join(bytes((len(name),)) + name for name in names)
    return extension(16, len(entries).to_bytes(2, "big") + entries)


def versions(*numbers: int) -> bytes:
    """A supported_versions extension."""
    return extension(43, bytes((2 * len(numbers),)) + b"".join(number.to_bytes(2, "big") for number in numbers))


def made_hello(*extensions: bytes, session_id: bytes = b"", suites: bytes = b"\x13\x01", tail: bytes = b"") -> bytes:
    """A ClientHello in one record; without extensions it has no extension list at all."""
    body = b"\x03\x03" + bytes(32) + bytes((len(session_id),)) + session_id
    body += len(suites).to_bytes(2, "big") + suites + b"\x01\x00"
    if extensions:
        joined = b"".join(extensions)
        body += len(joined).to_bytes(2, "big") + joined
    return record(message(body + tail))


def message(body: bytes, kind: int = 1) -> bytes:
    """A handshake message: ``1B type, 3B length, body``."""
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def record(fragment: bytes, kind: int = 22, version: int = 0x0301) -> bytes:
    """A TLS record."""
    return bytes((kind,)) + version.to_bytes(2, "big") + len(fragment).to_bytes(2, "big") + fragment


def in_records(hello: bytes, *cuts: int) -> bytes:
    """The same ClientHello, its message cut at these places into several records."""
    whole = hello[RECORD_HEADER_LEN:]
    edges = [0, *cuts, len(whole)]
    return b"".join(record(whole[start:end]) for start, end in pairwise(edges))
