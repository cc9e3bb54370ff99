from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509

from tailhub.certs.tls_alpn import make_answer


@pytest.mark.parametrize("identifier", ["relay.example", "192.0.2.7", "2001:db8::1"])
def test_answer(identifier: str) -> None:
    """The answer is for the one name or address, and has the digest in a critical extension (RFC 8737 section 3)."""
    certificate = x509.load_pem_x509_certificate(make_answer(identifier, "token.thumbprint", datetime.now(UTC)))
    (san,) = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert str(san.value) == identifier
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
    assert extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert extension.value.value == b"\x04\x20" + hashlib.sha256(b"token.thumbprint").digest()
