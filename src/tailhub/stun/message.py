"""STUN Binding messages: Tailscale's request, plain requests, and the answers to both. Bytes only, no sockets.

Tailscale's request is a Binding request with SOFTWARE ``tailnode`` and a FINGERPRINT at the end; the reference answers
nothing else. Always the same 40 bytes but for two fields, it has a path of its own: `answer`. Everything else goes
through `parse_request` and `answer_request`, which are slow, complete, and for the caller to limit.

Source: RFC 8489; must agree with the reference's ``net/stun``. Two things are stricter here: a request's length field
must be right, and a FINGERPRINT that is wrong or not last makes a request void, whoever sent it. RFC 3489 (no magic
cookie) is not spoken.

::

    message        2B type + 2B length of what follows the header + 4B magic cookie + 12B transaction id + attributes
    attribute      2B type + 2B length of the value + value + 0 to 3B padding
    mapped address 1B zero + 1B family (1, 2) + 2B port + 4B or 16B address
    error code     2B zero + 1B hundreds + 1B rest + reason
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from zlib import crc32

from tailhub.exceptions import LocalError, StunError

HEADER_BYTES = 20
TRANSACTION_ID_BYTES = 12
MAX_REQUEST_BYTES = 1500  # a request fills one Ethernet packet at most; longer ones are not looked at
MAX_UNKNOWN_LISTED = 16  # of the attribute types that made us refuse, so that every answer fits...
MAX_ANSWER_BYTES = 96  # ...in this: header 20 + ERROR-CODE 20 + UNKNOWN-ATTRIBUTES 36 + FINGERPRINT 8 = 84

_REQUEST = 0x0001
_SUCCESS = 0x0101
_ERROR = 0x0111

_MAPPED_ADDRESS = 0x0001
_ERROR_CODE = 0x0009
_UNKNOWN_ATTRIBUTES = 0x000A
_XOR_MAPPED_ADDRESS = 0x0020
_XOR_MAPPED_ADDRESS_ALT = 0x8020  # from before RFC 5389; some servers still send it
_SOFTWARE = 0x8022
_FINGERPRINT = 0x8028
_MESSAGE_INTEGRITY = (0x0008, 0x001C)  # HMAC-SHA1, HMAC-SHA256
_OPTIONAL_FROM = 0x8000  # who does not know an attribute type below this must refuse the message
# RFC 8489's own types below that, which mean nothing in a request to a server without authentication.
_KNOWN = frozenset({0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0020})

_COOKIE = b"\x21\x12\xa4\x42"
_COOKIE_INT = 0x2112A442
_PORT_MASK = 0x2112  # the cookie's first half
_FINGERPRINT_MASK = 0x5354554E
_V4_IN_V6 = bytes(10) + b"\xff\xff"

_TAILNODE = b"tailnode"
_REQUEST_HEAD = b"\x00\x01\x00\x14" + _COOKIE
_REQUEST_TAIL = b"\x80\x22\x00\x08" + _TAILNODE + b"\x80\x28\x00\x04"
_REQUEST_BYTES = 40
_unpack_request = struct.Struct(">8s12s16sI").unpack  # head, transaction id, tail, fingerprint

_HEAD_V4 = b"\x01\x01\x00\x0c" + _COOKIE
_pack_mapped_v4 = struct.Struct(">6sHI").pack
_MAPPED_V4 = b"\x00\x20\x00\x08\x00\x01"
_HEAD_V6 = b"\x01\x01\x00\x18" + _COOKIE
_pack_mapped_v6 = struct.Struct(">6sH16s").pack
_MAPPED_V6 = b"\x00\x20\x00\x14\x00\x02"
_pack_header = struct.Struct(">HH4s12s").pack
# Shorter than the RFC's "Unknown Attribute": with that, this answer would be the longest compared to its request.
_REFUSAL_REASON = b"Unknown attr"
_ADDRESS_BYTES = {1: 4, 2: 16}

_int = int.from_bytes


@dataclass(frozen=True, slots=True)
class BindingRequest:
    """A well-formed Binding request."""

    transaction_id: bytes
    is_tailnode: bool
    """Tailscale's: it says SOFTWARE ``tailnode`` and ends in a FINGERPRINT."""
    has_fingerprint: bool
    unknown_required: tuple[int, ...]
    """The attribute types, each once, that a receiver must understand and we do not; the first `MAX_UNKNOWN_LISTED`."""


def is_stun(data: bytes) -> bool:
    """Whether `data` may be a STUN message: two zero bits, a header's length, the magic cookie."""
    return len(data) >= HEADER_BYTES and data[0] < 0x40 and data[4:8] == _COOKIE


def binding_request(transaction_id: bytes) -> bytes:
    """A Binding request in Tailscale's form; `transaction_id` is 12 random bytes."""
    _check_transaction_id(transaction_id)
    body = _REQUEST_HEAD + transaction_id + _REQUEST_TAIL
    return body + _fingerprint(body[:-4]).to_bytes(4, "big")


def answer(data: bytes, ip_packed: bytes, port: int) -> bytes | None:
    """The answer to `data` if it is Tailscale's request as Tailscale sends it; None for anything else.

    `ip_packed` and `port` are where it came from: 4 or 16 bytes in network order. The quick path: nothing is allocated
    but the answer and its pieces.
    """
    if len(data) != _REQUEST_BYTES:
        return None
    transaction_id: bytes
    head, transaction_id, tail, fingerprint = _unpack_request(data)
    if head != _REQUEST_HEAD or tail != _REQUEST_TAIL or crc32(data[:32]) ^ _FINGERPRINT_MASK != fingerprint:
        return None
    if len(ip_packed) == 4:
        mapped = _pack_mapped_v4(_MAPPED_V4, port ^ _PORT_MASK, _int(ip_packed, "big") ^ _COOKIE_INT)
        return _HEAD_V4 + transaction_id + mapped
    return _success(transaction_id, ip_packed, port)


def parse_request(data: bytes) -> BindingRequest:
    """Read any Binding request. Raises `StunError` for everything else."""
    transaction_id, attributes = _parse_header(data, _REQUEST)
    if len(data) != HEADER_BYTES + len(attributes):
        raise StunError(f"{len(data) - HEADER_BYTES} bytes after the header of a request that says {len(attributes)}")
    software_ok = has_fingerprint = has_integrity = False
    unknown: dict[int, None] = {}
    for kind, value, end in _attributes(attributes):
        if kind == _FINGERPRINT:
            _check_fingerprint(data, value, is_last=end == len(attributes))
            has_fingerprint = True
        elif has_integrity:
            continue  # what follows the integrity is not covered by it and must be ignored (RFC 8489, 14.5)
        elif kind in _MESSAGE_INTEGRITY:
            has_integrity = True
        elif kind == _SOFTWARE:
            software_ok = software_ok or value == _TAILNODE
        elif kind < _OPTIONAL_FROM and kind not in _KNOWN and len(unknown) < MAX_UNKNOWN_LISTED:
            unknown[kind] = None
    return BindingRequest(transaction_id, software_ok and has_fingerprint, has_fingerprint, tuple(unknown))


def answer_request(request: BindingRequest, ip_packed: bytes, port: int) -> bytes:
    """The answer to a request from `ip_packed`, `port`: the address, or error 420 if it demands what we do not know.

    At most `MAX_ANSWER_BYTES` long and 2.2 times the request. Tailscale's request gets what the reference sends: never
    an error, and no FINGERPRINT.
    """
    if request.is_tailnode:
        return _success(request.transaction_id, ip_packed, port)
    if request.unknown_required:
        message = _refusal(request.transaction_id, request.unknown_required)
    else:
        message = _success(request.transaction_id, ip_packed, port)
    return _with_fingerprint(message) if request.has_fingerprint else message


def binding_response(transaction_id: bytes, ip: str, port: int) -> bytes:
    """The answer with one XOR-MAPPED-ADDRESS; an IPv4-mapped IPv6 address is written as IPv4."""
    _check_transaction_id(transaction_id)
    if not 0 <= port <= 0xFFFF:
        raise LocalError(f"a port is 0 to 65535, not {port}")
    try:
        packed = ip_address(ip).packed
    except ValueError as error:
        raise LocalError(f"expected an IP address, found {ip!r}") from error
    return _success(transaction_id, packed, port)


def parse_response(data: bytes) -> tuple[bytes, str, int]:
    """Read a success response: its transaction id and the address and port it names.

    XOR-MAPPED-ADDRESS counts before MAPPED-ADDRESS. Bytes after the message are ignored. Raises `StunError`; its
    `reason` is ``"error_response"`` when the server refused, and the message then has the code.
    """
    transaction_id, attributes = _parse_header(data, _SUCCESS)
    mapped: tuple[str, int] | None = None
    plain: tuple[str, int] | None = None
    for kind, value, _ in _attributes(attributes):
        if kind in (_XOR_MAPPED_ADDRESS, _XOR_MAPPED_ADDRESS_ALT):
            mapped = _parse_address(value, _COOKIE + transaction_id)
        elif kind == _MAPPED_ADDRESS:
            plain = _parse_address(value, bytes(16))
    found = mapped or plain
    if found is None:
        raise StunError("expected an answer with a mapped address, found none in it")
    return transaction_id, *found


def response_transaction_id(data: bytes) -> bytes | None:
    """The transaction id if `data` may be a response, well-formed or not, success or error."""
    if not is_stun(data) or _int(data[:2], "big") not in (_SUCCESS, _ERROR):
        return None
    return data[8:HEADER_BYTES]


def _parse_header(data: bytes, wanted: int) -> tuple[bytes, bytes]:
    """The transaction id and the attributes of a message of the type `wanted`."""
    if not is_stun(data):
        raise StunError("expected a STUN message, found something else", "not_stun")
    kind, length = _int(data[:2], "big"), _int(data[2:4], "big")
    attributes = data[HEADER_BYTES : HEADER_BYTES + length]
    if kind == _ERROR and wanted == _SUCCESS:
        raise StunError(f"the server refused: {_error_text(attributes)}", "error_response")
    if kind != wanted:
        raise StunError(f"expected a STUN message of type {wanted:#06x}, found {kind:#06x}", "type")
    if len(attributes) != length:
        raise StunError(f"expected {length} bytes after a STUN header, found {len(attributes)}")
    return data[8:HEADER_BYTES], attributes


def _attributes(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Each attribute's type, its value, and where its padding ends."""
    at = 0
    while at < len(data):
        start = at + 4
        length = _int(data[at + 2 : start], "big")
        end = start + (length + 3 & ~3)
        if end > len(data):
            raise StunError(f"a STUN attribute ends {end - len(data)} bytes after its message")
        yield _int(data[at : at + 2], "big"), data[start : start + length], end
        at = end


def _parse_address(value: bytes, mask: bytes) -> tuple[str, int]:
    family = value[1] if len(value) >= 4 else None
    length = _ADDRESS_BYTES.get(family) if family is not None else None
    if length is None or len(value) < 4 + length:
        raise StunError(f"expected an address of family 1 or 2, found {value[:20].hex() or 'nothing'}")
    packed = bytes(a ^ b for a, b in zip(value[4 : 4 + length], mask, strict=False))
    port = _int(value[2:4], "big") ^ _int(mask[:2], "big")
    ip = ip_address(packed)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip), port


def _error_text(attributes: bytes) -> str:
    try:
        for kind, value, _ in _attributes(attributes):
            if kind == _ERROR_CODE and len(value) >= 4:
                reason = "".join(c for c in value[4:].decode("utf-8", "replace") if c.isprintable())
                return f"{(value[2] & 7) * 100 + value[3]} {reason[:128]}".rstrip()
    except StunError:
        pass
    return "without a code"


def _success(transaction_id: bytes, ip_packed: bytes, port: int) -> bytes:
    if ip_packed.startswith(_V4_IN_V6):
        ip_packed = ip_packed[12:]
    if len(ip_packed) == 4:
        address = _int(ip_packed, "big") ^ _COOKIE_INT
        return _HEAD_V4 + transaction_id + _pack_mapped_v4(_MAPPED_V4, port ^ _PORT_MASK, address)
    masked = _int(ip_packed, "big") ^ _int(_COOKIE + transaction_id, "big")
    return _HEAD_V6 + transaction_id + _pack_mapped_v6(_MAPPED_V6, port ^ _PORT_MASK, masked.to_bytes(16, "big"))


def _refusal(transaction_id: bytes, unknown: tuple[int, ...]) -> bytes:
    code = _attribute(_ERROR_CODE, b"\x00\x00\x04\x14" + _REFUSAL_REASON)  # 420
    listed = _attribute(_UNKNOWN_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in unknown))
    return _pack_header(_ERROR, len(code) + len(listed), _COOKIE, transaction_id) + code + listed


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _fingerprint(covered: bytes) -> int:
    return crc32(covered) ^ _FINGERPRINT_MASK


def _with_fingerprint(message: bytes) -> bytes:
    """`message` with a FINGERPRINT at its end; the length in the header counts it, and is covered by it."""
    length = len(message) - HEADER_BYTES + 8
    covered = message[:2] + length.to_bytes(2, "big") + message[4:]
    return covered + _attribute(_FINGERPRINT, _fingerprint(covered).to_bytes(4, "big"))


def _check_fingerprint(data: bytes, value: bytes, *, is_last: bool) -> None:
    if not is_last or len(value) != 4:
        raise StunError("a STUN fingerprint has 4 bytes and ends its message", "fingerprint")
    if _int(value, "big") != _fingerprint(data[:-8]):
        raise StunError("the STUN fingerprint does not fit its message", "fingerprint")


def _check_transaction_id(transaction_id: bytes) -> None:
    if len(transaction_id) != TRANSACTION_ID_BYTES:
        raise LocalError(f"a STUN transaction id has {TRANSACTION_ID_BYTES} bytes, not {len(transaction_id)}")
