"""The meta certificate, as it is made."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tailhub.certs.meta import make_meta
from tailhub.derp.meta_cert import server_key_from_meta
from tailhub.keys import NodePublic

NOW = datetime(2027, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
PUBLIC = NodePublic(bytes(range(32)))
DER = ssl.PEM_cert_to_DER_cert(make_meta(PUBLIC, NOW).pem.decode())


@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_is_what_the_reference_makes() -> None:
    """Subject and issuer are ``derpkey`` and the key, the serial number is 2, it is signed by its own Ed25519 key."""
    certificate = x509.load_der_x509_certificate(DER)
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=derpkey" + PUBLIC.raw.hex()
    assert certificate.serial_number == 2
    assert isinstance(certificate.public_key(), Ed25519PublicKey)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).critical


def test_dates() -> None:
    """It is valid from 30 days before to 30 days after its making, and to be renewed after 20 days."""
    certificate = x509.load_der_x509_certificate(DER)
    second = timedelta(seconds=1)
    assert abs(certificate.not_valid_before_utc - (NOW - timedelta(days=30))) < second
    assert abs(certificate.not_valid_after_utc - (NOW + timedelta(days=30))) < second
    assert make_meta(PUBLIC, NOW).renew_at == NOW + timedelta(days=20)


def test_making_warns_nobody() -> None:
    """The over-long CN shows no warning of cryptography's to the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_meta(PUBLIC, NOW)


def test_clients_read_the_key() -> None:
    """The key that was put in is the key that a client finds."""
    assert server_key_from_meta(DER) == PUBLIC.raw
