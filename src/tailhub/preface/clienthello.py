"""Reading a TLS ClientHello before TLS begins: the name asked for (SNI), ALPN, and whether TLS 1.3 is offered.

The relay looks at it because the TLS library cannot refuse a name or an ALPN list with the right alert. This is not a
TLS implementation: what does not matter for those three answers is only stepped over, and the library judges it
later. A ClientHello may be cut into several records, and records into any reads.

Sources: RFC 8446 §4.1.2 and §5.1, RFC 5246 §7.4.1.2, RFC 6066 §3 (server_name), RFC 7301 §3.1 (ALPN).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from tailhub.exceptions import PrefaceError

MAX_MESSAGE_BYTES = 16 * 1024  # of the ClientHello itself; real ones have 200 to 2,000
MAX_RECORDS = 128  # that it may be cut into: it is read from the start each time, so a thousand crumbs would cost us
MAX_CLIENT_HELLO_BYTES = MAX_MESSAGE_BYTES + MAX_RECORDS * 5 + 4  # on the wire: with the headers of records and message

_RECORD_HEADER = struct.Struct(">BBBH")  # 1B content type, 1B major version, 1B minor version, 2B length
_RECORD_HEADER_LEN = _RECORD_HEADER.size
_MAX_RECORD_LEN = 16 * 1024  # bytes of plaintext in a record
_MESSAGE_HEADER_LEN = 4  # 1B type, 3B length
_WHOLE_HEADERS = struct.Struct(">BBBHBBH")  # both, the message's length as 1B and 2B
_WHOLE_HEADERS_LEN = _WHOLE_HEADERS.size
_U16 = struct.Struct(">H")
_EXTENSION_HEADER = struct.Struct(">HH")  # 2B type, 2B length

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_FIXED_LEN = 2 + 32  # legacy version and random
_SERVER_NAME = 0
_ALPN = 16
_SUPPORTED_VERSIONS = 43
_WANTED = frozenset((_SERVER_NAME, _ALPN, _SUPPORTED_VERSIONS))
_HOST_NAME = 0
_TLS13 = b"\x03\x04"


class ClientHello(NamedTuple):
    """What a relay wants to know of a ClientHello.

    `server_name` is in lower case and without a trailing dot, printable ASCII; None if the client asked for no name
    (clients that dial an IP address do not). `alpn` is empty if the client offered none.
    """

    server_name: str | None
    alpn: tuple[bytes, ...]
    supports_tls13: bool


def parse_client_hello(data: bytes | bytearray | memoryview) -> ClientHello | None:
    """Read the ClientHello at the start of `data`, everything received so far; None if more bytes are needed.

    What follows the ClientHello is not looked at. Raises `PrefaceError` for what can never become a ClientHello, and
    for one that is too long or cut too small, so a caller never has to keep `MAX_CLIENT_HELLO_BYTES` of them.
    """
    message = _gather(data)
    if message is None:
        return None
    try:
        return _parse_message(message)
    except (IndexError, struct.error):
        raise _malformed("it ends inside a field") from None


def _gather(data: bytes | bytearray | memoryview) -> bytes | None:
    """Put the message together from its records; its header stays on. None: more is needed."""
    available = len(data)
    if available > _WHOLE_HEADERS_LEN:
        kind, major, _, length, message_kind, high, low = _WHOLE_HEADERS.unpack_from(data)
        size = high << 16 | low
        if (
            (kind, major, message_kind) == (_HANDSHAKE, 3, _CLIENT_HELLO)
            and length == _MESSAGE_HEADER_LEN + size <= MAX_MESSAGE_BYTES
            and _RECORD_HEADER_LEN + length <= available
        ):  # one record, and it is here: nearly always
            return bytes(data[_RECORD_HEADER_LEN : _RECORD_HEADER_LEN + length])
    message = b""
    position = 0
    records = 0
    while position < available:
        records += 1
        if records > MAX_RECORDS:
            raise PrefaceError(f"ClientHello: expected at most {MAX_RECORDS} records", "client_hello_too_long")
        if data[position] != _HANDSHAKE:
            raise PrefaceError(f"TLS: expected a handshake record, found type {data[position]}", "not_tls")
        if available - position < _RECORD_HEADER_LEN:
            break
        _, major, _, length = _RECORD_HEADER.unpack_from(data, position)
        if major != 3 or not 0 < length <= _MAX_RECORD_LEN:
            raise PrefaceError(f"TLS: a record of version {major} and {length} bytes", "not_tls")
        position += _RECORD_HEADER_LEN
        # The last record may still be arriving: what is there of it is judged too.
        message += bytes(data[position : position + length])
        position += length
        if message and message[0] != _CLIENT_HELLO:
            raise PrefaceError(f"TLS: expected a ClientHello, found handshake message {message[0]}", "not_tls")
        if len(message) >= _MESSAGE_HEADER_LEN:
            size = int.from_bytes(message[1:_MESSAGE_HEADER_LEN], "big")
            if size > MAX_MESSAGE_BYTES:
                raise PrefaceError(
                    f"ClientHello: expected at most {MAX_MESSAGE_BYTES} bytes, found {size}", "client_hello_too_long"
                )
            if len(message) >= _MESSAGE_HEADER_LEN + size:
                return message[: _MESSAGE_HEADER_LEN + size]
    return None


def _parse_message(message: bytes) -> ClientHello:
    end = len(message)
    position = _MESSAGE_HEADER_LEN + _FIXED_LEN
    session_id_len = message[position]
    position += 1 + session_id_len
    (suites_len,) = _U16.unpack_from(message, position)
    position += 2 + suites_len
    compressions_len = message[position]
    position += 1 + compressions_len
    if session_id_len > 32 or suites_len < 2 or suites_len % 2 or not compressions_len or position > end:
        raise _malformed("a session id, cipher suite or compression list of impossible length")
    if position == end:  # TLS 1.2 may go without extensions
        return ClientHello(None, (), False)
    (extensions_len,) = _U16.unpack_from(message, position)
    position += 2
    if position + extensions_len != end:
        raise _malformed("extensions that do not fill it")
    wanted: dict[int, bytes] = {}
    header_at = _EXTENSION_HEADER.unpack_from
    while position < end:
        kind, length = header_at(message, position)
        position += 4 + length
        if position > end:
            raise _malformed("an extension that reaches beyond its end")
        if kind in _WANTED:
            if kind in wanted:
                raise _malformed(f"extension {kind} twice")
            wanted[kind] = message[position - length : position]
    return ClientHello(
        _parse_server_name(wanted[_SERVER_NAME]) if _SERVER_NAME in wanted else None,
        _parse_alpn(wanted[_ALPN]) if _ALPN in wanted else (),
        _offers_tls13(wanted[_SUPPORTED_VERSIONS]) if _SUPPORTED_VERSIONS in wanted else False,
    )


def _parse_server_name(body: bytes) -> str | None:
    (list_len,) = _U16.unpack_from(body)
    if 2 + list_len != len(body) or not list_len:
        raise _malformed("a server name list of the wrong length")
    found: bytes | None = None
    position = 2
    while position < len(body):
        kind = body[position]
        (length,) = _U16.unpack_from(body, position + 1)
        position += 3 + length
        if position > len(body):
            raise _malformed("a server name that reaches beyond its list")
        if kind == _HOST_NAME:
            if found is not None:
                raise _malformed("two server names")
            found = body[position - length : position]
    if found is None:
        return None
    # It ends up in log lines: nothing but visible ASCII.
    if len(found) > 255 or not found.strip(b".") or min(found) <= 0x20 or max(found) >= 0x7F:
        raise _malformed("a server name that cannot be one")
    return found.decode("ascii").lower().removesuffix(".")


def _parse_alpn(body: bytes) -> tuple[bytes, ...]:
    (list_len,) = _U16.unpack_from(body)
    if 2 + list_len != len(body) or not list_len:
        raise _malformed("an ALPN list of the wrong length")
    names = []
    position = 2
    while position < len(body):
        length = body[position]
        position += 1 + length
        if not length or position > len(body):
            raise _malformed("an ALPN name of the wrong length")
        names.append(body[position - length : position])
    return tuple(names)


def _offers_tls13(body: bytes) -> bool:
    if body[0] != len(body) - 1 or not body[0] or body[0] % 2:
        raise _malformed("a version list of the wrong length")
    found = body.find(_TLS13, 1)
    while found > 0 and not found % 2:  # across two versions
        found = body.find(_TLS13, found + 1)
    return found > 0


def _malformed(found: str) -> PrefaceError:
    return PrefaceError(f"ClientHello: found {found}", "client_hello_malformed")
