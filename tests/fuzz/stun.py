"""Fuzz target: a datagram is a request with a well-formed, bounded answer, a response with an address, or StunError."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.exceptions import StunError
from tailhub.stun.message import (
    MAX_ANSWER_BYTES,
    answer,
    answer_request,
    binding_request,
    binding_response,
    parse_request,
    parse_response,
    response_transaction_id,
)

_TID = bytes(range(12))
_HEADER = b"\x21\x12\xa4\x42" + _TID
_SOURCES = (("192.0.2.1", 3478), ("2001:db8::1", 65535), ("::ffff:192.0.2.1", 0))
_MAX_RATIO = 2.2  # of a plain request's answer to the request
_MAX_TAILNODE_RATIO = 1.1

SEEDS: list[bytes] = [
    binding_request(_TID),
    b"\x00\x01\x00\x00" + _HEADER,
    b"\x00\x01\x00\x08" + _HEADER + b"\x00\x03\x00\x04\x00\x00\x00\x06",
    b"\x00\x01\x00\x18" + _HEADER + b"\x00\x08\x00\x14" + bytes(20),
    b"\x00\x01\x00\x14" + _HEADER + b"\x80\x22\x00\x03abc\x00\x80\x22\x00\x08tailnode",
    binding_response(_TID, "192.0.2.1", 3478),
    binding_response(_TID, "2001:db8::1", 3478),
    b"\x01\x01\x00\x0c" + _HEADER + b"\x00\x01\x00\x08\x00\x01\x0d\x96\xc0\x00\x02\x01",
    b"\x01\x11\x00\x14" + _HEADER + b"\x00\x09\x00\x0c\x00\x00\x04\x14Unknown \x00\x0a\x00\x00",
    b"",
]


def one_input(data: bytes) -> None:
    """Take `data` as a request and as a response; raises for a fault."""
    _as_request(data)
    _as_response(data)


def _as_request(data: bytes) -> None:
    try:
        request = parse_request(data)
    except StunError:
        request = None
    for ip, port in _SOURCES:
        packed = ip_address(ip).packed
        quick = answer(data, packed, port)
        if request is None:
            if quick is not None:
                raise AssertionError("the quick path answered what is no request")
            continue
        reply = answer_request(request, packed, port)
        if quick not in (None, reply):
            raise AssertionError("the quick path gave another answer than the slow one")
        ratio = _MAX_TAILNODE_RATIO if request.is_tailnode else _MAX_RATIO
        if len(reply) > min(ratio * len(data), MAX_ANSWER_BYTES):
            raise AssertionError(f"{len(reply)} bytes answer {len(data)}")
        _check_reply(reply, data, ip, port)


def _check_reply(reply: bytes, data: bytes, ip: str, port: int) -> None:
    if response_transaction_id(reply) != data[8:20]:
        raise AssertionError("the answer is for another request")
    try:
        _, seen_ip, seen_port = parse_response(reply)
    except StunError as error:
        if error.reason != "error_response" or "420" not in str(error):
            raise
        return
    if (seen_ip, seen_port) != (ip.removeprefix("::ffff:"), port):
        raise AssertionError("the answer names another address")


def _as_response(data: bytes) -> None:
    try:
        transaction_id, ip, port = parse_response(data)
    except StunError:
        return
    reply = binding_response(transaction_id, ip, port)
    if parse_response(reply) != (transaction_id, ip, port):
        raise AssertionError("an address that was read cannot be written")


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
