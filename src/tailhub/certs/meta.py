"""The meta certificate: the relay's DERP key inside TLS, so that a client need not wait for an answer (fast start).

Source: ``derp.md`` §1, the reference's ``derpserver.Server.initMetacert`` and ``derphttp.parseMetaCert``. It is the
last certificate of the chain: self-signed with a throw-away Ed25519 key, CN ``derpkey<64 hex>``, serial number =
version of the protocol. It proves nothing by itself: TLS with the real certificate covers it.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailhub.keys import NodePublic

__all__ = ["MetaCertificate", "make_meta", "parse_meta"]

_PROTOCOL_VERSION = 2
_VALID_EACH_WAY = timedelta(days=30)
_RENEW_AFTER = timedelta(days=20)  # leaves ten days for a relay that is asleep or whose clock jumps

_COMMON_NAME_OID = b"\x55\x04\x03"  # 2.5.4.3
_META_NAME = re.compile(rb"derpkey([0-9a-fA-F]{64})")
_SEQUENCE, _SET, _OID, _INTEGER, _VERSION = 0x30, 0x31, 0x06, 0x02, 0xA0


@dataclass(frozen=True, slots=True)
class MetaCertificate:
    """A meta certificate in PEM form, and when the relay should make the next one."""

    pem: bytes
    renew_at: datetime


def make_meta(public: NodePublic, now: datetime) -> MetaCertificate:
    """Make the meta certificate of the relay with this public key, valid from 30 days before `now` to 30 after."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding

    key = Ed25519PrivateKey.generate()
    # 71 characters, and X.509 allows 64 in a CN: clients do not mind, cryptography does (without `_validate` it warns).
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        common_name = x509.NameAttribute(x509.NameOID.COMMON_NAME, "derpkey" + public.raw.hex(), _validate=False)
    name = x509.Name([common_name])
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), _PROTOCOL_VERSION, now - _VALID_EACH_WAY, now + _VALID_EACH_WAY
        )
        # macOS wants it when subject and issuer are the same.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, None)
    )
    return MetaCertificate(certificate.public_bytes(Encoding.PEM), now + _RENEW_AFTER)


def parse_meta(der: bytes) -> bytes | None:
    """The relay's raw public key if this certificate (DER) is a meta certificate, else None.

    Looks at serial number and subject only and never raises: junk is no meta certificate. The certificate comes from
    the other side, but TLS has already vouched for it together with the rest of the chain.
    """
    try:
        serial, common_name = _serial_and_common_name(der)
    except (IndexError, ValueError):
        return None
    match = _META_NAME.fullmatch(common_name)
    # As the reference: the serial number is the version, one byte, and 0 is none.
    if match is None or not 1 <= serial <= 255:
        return None
    return bytes.fromhex(match[1].decode())


def _serial_and_common_name(der: bytes) -> tuple[int, bytes]:
    """Walk ``Certificate → TBSCertificate → [version], serial, algorithm, issuer, validity, subject`` (RFC 5280)."""
    at, _ = _enter(der, 0, _SEQUENCE)
    at, _ = _enter(der, at, _SEQUENCE)
    if der[at] == _VERSION:
        _, at = _enter(der, at, _VERSION)
    start, at = _enter(der, at, _INTEGER)
    serial = int.from_bytes(der[start:at], "big", signed=True)
    for _ in ("algorithm", "issuer", "validity"):
        _, at = _enter(der, at, _SEQUENCE)
    at, subject_end = _enter(der, at, _SEQUENCE)
    common_name = b""
    while at < subject_end:  # one SET for each attribute; further attributes in a SET are of no interest
        inner, at = _enter(der, at, _SET)
        inner, _ = _enter(der, inner, _SEQUENCE)
        oid, value = _enter(der, inner, _OID)
        if der[oid:value] == _COMMON_NAME_OID:
            start, end = _enter(der, value, der[value])
            common_name = der[start:end]
    return serial, common_name


def _enter(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """``(start, end)`` of the content of the value at `at`; raises ValueError or IndexError when it is not a `tag`."""
    if der[at] != tag:
        raise ValueError("not the expected ASN.1 tag")
    length = der[at + 1]
    start = at + 2
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(der[at + 2 : start], "big")
    end = start + length
    if end > len(der):
        raise ValueError("an ASN.1 value longer than the certificate")
    return start, end
