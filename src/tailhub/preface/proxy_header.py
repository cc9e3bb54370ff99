"""The PROXY header, by which a proxy that passes TCP on tells whose connection it is: versions 1 and 2, both ways.

Whether the peer may be believed is not decided here. What is not needed is stepped over: the destination, and what
version 2 carries besides (TLVs). Source: "The PROXY protocol, versions 1 & 2" (HAProxy, doc/proxy-protocol.txt).
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from tailhub.exceptions import PrefaceError

MAX_LINE_BYTES = 107  # of version 1, with its line end: the longest that there can be
MAX_BODY_BYTES = 4096  # of version 2, behind its first 16 bytes; real ones have 12 to 300
MAX_HEADER_BYTES = 16 + MAX_BODY_BYTES  # so much is kept of one that is not whole, at most

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = struct.Struct(">12sBBH")  # 12B signature, 4 bits version + 4 bits command, 1B family, 2B length
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_LENGTHS = {_TCP4: 12, _TCP6: 36}  # bytes of both addresses and ports
_OTHERS = frozenset((0x00, 0x12, 0x22, 0x31, 0x32))  # families that exist and are no TCP: nothing to learn

Address = IPv4Address | IPv6Address


class ProxyHeader(NamedTuple):
    """A whole header of `length` bytes. `source` is None when the proxy speaks for itself or does not know."""

    length: int
    source: tuple[Address, int] | None


def begins_proxy_header(data: bytes) -> bool | None:
    """Whether `data`, everything received so far, begins a PROXY header; None while that is open."""
    for start in (_V1, _V2):
        if data.startswith(start):
            return True
        if start.startswith(data):
            return None
    return False


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the start of `data`, everything received so far; None if more bytes are needed.

    Raises `PrefaceError` for what can never become one, so a caller never has to keep `MAX_HEADER_BYTES` of it.
    """
    begins = begins_proxy_header(data)
    if begins is None:
        return None
    if not begins:
        raise _malformed("neither of its two beginnings")
    return _parse_line(data) if data.startswith(_V1) else _parse_binary(data)


def serialize_proxy_header(source: tuple[Address, int] | None, destination: tuple[Address, int] | None) -> bytes:
    """Write a header of version 2; without either end it says that the proxy speaks for itself."""
    if source is None or destination is None:
        return _V2_HEAD.pack(_V2, _LOCAL, 0, 0)
    ends = [source, destination]
    family = _TCP4
    if source[0].version != 4 or destination[0].version != 4:
        family, ends = _TCP6, [(_as_ipv6(address), port) for address, port in ends]
    body = b"".join(address.packed for address, _ in ends) + struct.pack(">HH", ends[0][1], ends[1][1])
    return _V2_HEAD.pack(_V2, _PROXY, family, len(body)) + body


def _as_ipv6(address: Address) -> IPv6Address:
    return address if isinstance(address, IPv6Address) else IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


def _parse_line(data: bytes) -> ProxyHeader | None:
    """``PROXY TCP4 source destination source-port destination-port``, CR LF."""
    line, end, _ = data[:MAX_LINE_BYTES].partition(b"\r\n")
    if not end:
        if len(data) >= MAX_LINE_BYTES:
            raise _malformed(f"no line end within {MAX_LINE_BYTES} bytes")
        return None
    length = len(line) + 2
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(length, None)
    if words[1] not in (b"TCP4", b"TCP6") or len(words) != 6:
        raise _malformed("a line that is not PROXY TCP4|TCP6 and two addresses and ports")
    version = 4 if words[1] == b"TCP4" else 6
    source = _text_address(words[2], version), _port(words[4])
    _text_address(words[3], version)
    _port(words[5])
    return ProxyHeader(length, source)


def _text_address(word: bytes, version: int) -> Address:
    try:
        address = ip_address(word.decode("ascii"))
    except ValueError:
        address = None
    if address is None or address.version != version or b"%" in word:
        raise _malformed(f"an address that is no IPv{version} address")
    return _plain(address)


def _port(word: bytes) -> int:
    if not _PORT.fullmatch(word) or int(word) > 0xFFFF:
        raise _malformed("a port that is none")
    return int(word)


def _parse_binary(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD.size:
        return None
    _, command, family, size = _V2_HEAD.unpack_from(data)
    if command not in (_LOCAL, _PROXY):
        raise _malformed(f"version and command 0x{command:02x}")
    if size > MAX_BODY_BYTES:
        raise _malformed(f"{size} bytes behind its head, at most {MAX_BODY_BYTES} expected")
    needed = _LENGTHS.get(family, 0) if command == _PROXY else 0
    if size < needed or (command == _PROXY and family not in _LENGTHS and family not in _OTHERS):
        raise _malformed(f"family 0x{family:02x} with {size} bytes")
    length = _V2_HEAD.size + size
    if len(data) < length:
        return None
    if not needed:
        return ProxyHeader(length, None)
    at = _V2_HEAD.size
    width = 4 if family == _TCP4 else 16
    address = ip_address(data[at : at + width])
    (port,) = struct.unpack_from(">H", data, at + 2 * width)
    return ProxyHeader(length, (_plain(address), port))


def _plain(address: Address) -> Address:
    """IPv4 inside IPv6 is IPv4, as everywhere."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _malformed(found: str) -> PrefaceError:
    return PrefaceError(f"PROXY header: found {found}", "proxy_header_malformed")
