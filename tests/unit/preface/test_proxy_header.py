from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailhub.exceptions import PrefaceError
from tailhub.preface.proxy_header import (
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    ProxyHeader,
    begins_proxy_header,
    parse_proxy_header,
    serialize_proxy_header,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = (IPv4Address("203.0.113.7"), 4711)
V6 = (IPv6Address("2001:db8::7"), 4711)


def binary(command: int, family: int, body: bytes, size: int | None = None) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(body) if size is None else size) + body


BODY_V4 = bytes((203, 0, 113, 7, 192, 0, 2, 1)) + struct.pack(">HH", 4711, 443)
BODY_V6 = V6[0].packed + IPv6Address("2001:db8::1").packed + struct.pack(">HH", 4711, 443)
BODY_MAPPED = IPv6Address("::ffff:203.0.113.7").packed * 2 + struct.pack(">HH", 4711, 443)
TLV = b"\x03\x00\x04abcd"

WHOLE = [
    (b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n", V4),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", V6),
    (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 4711 443\r\n", V4),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (binary(0x21, 0x11, BODY_V4), V4),
    (binary(0x21, 0x11, BODY_V4 + TLV * 40), V4),
    (binary(0x21, 0x21, BODY_V6), V6),
    (binary(0x21, 0x21, BODY_MAPPED), V4),
    (binary(0x20, 0x00, b""), None),
    (binary(0x20, 0x11, BODY_V4 + TLV), None),
    (binary(0x21, 0x00, TLV), None),
    (binary(0x21, 0x31, bytes(216)), None),
    (binary(0x21, 0x12, BODY_V4), None),
]
MALFORMED = [
    b"PROXY TCP5 203.0.113.7 192.0.2.1 4711 443\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n",
    b"PROXY TCP4 203.0.113.7  192.0.2.1 4711 443\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 443\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 4711 443\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
    b"PROXY TCP4 203.0.113.7 192.0.2.1 04711 443\r\n",
    b"PROXY TCP4 relay.example 192.0.2.1 4711 443\r\n",
    b"PROXY \r\n",
    b"PROXY TCP4 " + b"1" * 100,
    binary(0x11, 0x11, BODY_V4),
    binary(0x22, 0x11, BODY_V4),
    binary(0x21, 0x41, BODY_V4),
    binary(0x21, 0x11, BODY_V4[:-1]),
    binary(0x21, 0x21, BODY_V4),
    binary(0x21, 0x11, b"", MAX_BODY_BYTES + 1),
    b"GET / HTTP/1.1\r\n",
]


@pytest.mark.parametrize(("data", "source"), WHOLE)
def test_whole_headers(data: bytes, source: object) -> None:
    """Both versions are read, whatever follows, and nothing is decided before the last byte of the header."""
    for rest in (b"", b"\x16\x03\x01"):
        assert parse_proxy_header(data + rest) == ProxyHeader(len(data), source)
    for end in range(len(data)):
        assert parse_proxy_header(data[:end]) is None


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_headers(data: bytes) -> None:
    """What can never become a header raises PrefaceError, also when more follows."""
    for rest in (b"", bytes(200)):
        with pytest.raises(PrefaceError, match="PROXY header: found"):
            parse_proxy_header(data + rest)


def test_how_it_begins() -> None:
    """The first bytes tell a header from anything else; a part of its beginning leaves it open."""
    assert begins_proxy_header(b"") is None
    assert begins_proxy_header(b"PRO") is None
    assert begins_proxy_header(SIGNATURE[:11]) is None
    assert begins_proxy_header(SIGNATURE) is True
    assert begins_proxy_header(b"PROXY TCP4") is True
    for other in (b"PROPFIND", b"\x16", b"GET ", b"\r\n\r\nGET"):
        assert begins_proxy_header(other) is False


_ENDS = st.tuples(st.ip_addresses(), st.integers(0, 0xFFFF))


@given(_ENDS, _ENDS)
def test_what_is_written_is_read(
    source: tuple[IPv4Address | IPv6Address, int], destination: tuple[IPv4Address | IPv6Address, int]
) -> None:
    """A header that we write gives the source back; IPv4 in IPv6 as IPv4."""
    address = source[0]
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    written = serialize_proxy_header(source, destination)
    assert parse_proxy_header(written) == ProxyHeader(len(written), (address, source[1]))


def test_a_header_without_a_client() -> None:
    """When one end is not known the header says that the proxy speaks for itself."""
    written = serialize_proxy_header(None, (ip_address("192.0.2.1"), 443))
    assert parse_proxy_header(written) == ProxyHeader(16, None)


@given(st.binary(max_size=300))
def test_nothing_else_happens(data: bytes) -> None:
    """Any bytes behind a beginning are a header, wait for more within the limit, or raise PrefaceError."""
    for start in (b"PROXY ", SIGNATURE):
        try:
            header = parse_proxy_header(start + data)
        except PrefaceError:
            continue
        assert header is None or header.length <= min(len(start + data), MAX_HEADER_BYTES)
