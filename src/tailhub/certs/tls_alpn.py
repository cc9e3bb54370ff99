"""The certificate that answers ``tls-alpn-01``: self-signed, for one name, with the digest of the key authorization.

Source: RFC 8737. It is served to whoever offers ``acme-tls/1`` and nothing else, on the port of the real one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from ipaddress import ip_address

__all__ = ["ACME_TLS", "make_answer"]

ACME_TLS = b"acme-tls/1"
_ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31"
_MARGIN = timedelta(days=1)


def make_answer(identifier: str, key_authorization: str, now: datetime) -> bytes:
    """Certificate and key in PEM, one behind the other, for a DNS name or an IP address."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    digest = hashlib.sha256(key_authorization.encode()).digest()
    try:
        san: x509.GeneralName = x509.IPAddress(ip_address(identifier))
    except ValueError:
        san = x509.DNSName(identifier)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme challenge")])
    octets = bytes((4, len(digest))) + digest  # an OCTET STRING
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - _MARGIN, now + 7 * _MARGIN
        )
        .add_extension(x509.SubjectAlternativeName([san]), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(_ACME_IDENTIFIER), octets), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
