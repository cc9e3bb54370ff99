"""Recognising the meta certificate, in which a relay carries its DERP key inside TLS (fast start). Bytes only.

A look at two fields of the DER, serial number and subject, that needs no certificate library and never raises; making
one is the business of `tailhub.certs`. It proves nothing by itself: TLS with the real certificate covers it. Source:
the reference's ``derphttp.parseMetaCert``; the DER is RFC 5280 section 4.1.
"""

from __future__ import annotations

import re

NAME_PREFIX = b"derpkey"

_COMMON_NAME_OID = b"\x55\x04\x03"  # 2.5.4.3
_KEY = re.compile(rb"derpkey([0-9a-fA-F]{64})")
_SEQUENCE, _SET, _OID, _INTEGER, _VERSION = 0x30, 0x31, 0x06, 0x02, 0xA0


def is_meta_cert(der: bytes) -> bool:
    """Whether this is a meta certificate, good or bad: the check of a pin leaves those out, as the real client does."""
    return _serial_and_common_name(der)[1].startswith(NAME_PREFIX)


def server_key_from_meta(der: bytes) -> bytes | None:
    """The relay's raw 32-byte public key if this certificate is a meta certificate to build on, else None."""
    serial, common_name = _serial_and_common_name(der)
    match = _KEY.fullmatch(common_name)
    # The serial number is the protocol's version, one byte; the reference takes 0 for "no meta certificate".
    if match is None or not 1 <= serial <= 255:
        return None
    return bytes.fromhex(match[1].decode())


def _serial_and_common_name(der: bytes) -> tuple[int, bytes]:
    """Serial number and the subject's last CN; ``(0, b"")`` for junk."""
    try:
        at, _ = _enter(der, 0, _SEQUENCE)  # Certificate
        at, _ = _enter(der, at, _SEQUENCE)  # TBSCertificate
        if der[at] == _VERSION:
            _, at = _enter(der, at, _VERSION)
        start, at = _enter(der, at, _INTEGER)
        serial = int.from_bytes(der[start:at], "big", signed=True)
        for _ in ("signature algorithm", "issuer", "validity"):
            _, at = _enter(der, at, _SEQUENCE)
        at, end = _enter(der, at, _SEQUENCE)
        return serial, _common_name(der, at, end)
    except (IndexError, ValueError):
        return 0, b""


def _common_name(der: bytes, at: int, end: int) -> bytes:
    """The last CN in the Name that fills ``der[at:end]``: for each attribute one SET with a SEQUENCE(OID, string)."""
    found = b""
    while at < end:
        inner, at = _enter(der, at, _SET)
        inner, _ = _enter(der, inner, _SEQUENCE)
        oid, value = _enter(der, inner, _OID)
        if der[oid:value] == _COMMON_NAME_OID:
            start, stop = _enter(der, value, der[value])
            found = der[start:stop]
    return found


def _enter(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """``(start, end)`` of the content of the value at `at`. ValueError or IndexError when it is no such value."""
    if der[at] != tag:
        raise ValueError("not the expected tag")
    length = der[at + 1]
    start = at + 2
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(der[at + 2 : start], "big")
    end = start + length
    if end > len(der):
        raise ValueError("a value longer than the certificate")
    return start, end
