"""Make the meta certificate: the relay's DERP key inside TLS, so that a client need not wait (fast start).

Source: the reference's ``derpserver.Server.initMetacert``. It is the last certificate of the chain:
self-signed with a throw-away Ed25519 key, CN ``derpkey<64 hex>``, serial number = version of the protocol. It proves
nothing by itself: TLS with the real certificate covers it. Reading one is `tailhub.derp.meta_cert`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta

from tailhub.keys import NodePublic

__all__ = ["MetaCertificate", "make_meta"]

_PROTOCOL_VERSION = 2
_VALID_EACH_WAY = timedelta(days=30)
_RENEW_AFTER = timedelta(days=20)  # leaves ten days for a relay that is asleep or whose clock jumps


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
