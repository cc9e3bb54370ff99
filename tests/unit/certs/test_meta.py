"""The meta certificate, made and read."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tailhub.certs.meta import make_meta, parse_meta
from tailhub.keys import NodePublic

NOW = datetime(2027, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
CN = x509.NameOID.COMMON_NAME
PUBLIC = NodePublic(bytes(range(32)))
DER = ssl.PEM_cert_to_DER_cert(make_meta(PUBLIC, NOW).pem.decode())


def name_of(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """A distinguished name, too long or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in attributes])


def other(common_name: str, serial: int, *more: tuple[x509.ObjectIdentifier, str], issuer: str = "someone") -> bytes:
    """A certificate on P-256 with this subject and serial number, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name_of((CN, common_name), *more)
    dates = (NOW, NOW + timedelta(days=1))
    builder = x509.CertificateBuilder(name_of((CN, issuer)), subject, key.public_key(), serial, *dates)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


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


def test_round_trip() -> None:
    """The key that was put in is read out again."""
    assert parse_meta(DER) == PUBLIC.raw


def test_reads_other_forms() -> None:
    """As in the reference, upper-case digits, further attributes, any version of one byte and any key are read."""
    assert parse_meta(other("derpkey" + "AB" * 32, 255)) == b"\xab" * 32
    organisation = (x509.NameOID.ORGANIZATION_NAME, "someone")
    assert parse_meta(other("derpkey" + "00" * 32, 2, organisation)) == bytes(32)


@pytest.mark.parametrize(
    ("common_name", "serial"),
    [
        ("derpkey" + "00" * 31, 2),
        ("derpkey" + "00" * 33, 2),
        ("derpkey" + "0g" * 32, 2),
        ("xderpkey" + "00" * 32, 2),
        ("derpkey" + "00" * 32, 256),
        ("relay.example", 2),
    ],
)
def test_is_no_meta_certificate(common_name: str, serial: int) -> None:
    """Another name, not exactly 64 hexadecimal digits, or a version of more than a byte: no meta certificate."""
    assert parse_meta(other(common_name, serial)) is None


def test_an_issuer_is_not_enough() -> None:
    """A certificate whose issuer only is named like a meta certificate is none."""
    assert parse_meta(other("relay.example", 2, issuer="derpkey" + "00" * 32)) is None


def test_cut_short() -> None:
    """A certificate cut anywhere is no meta certificate."""
    assert all(parse_meta(DER[:cut]) is None for cut in range(len(DER)))


@given(st.binary(max_size=200), st.integers(0, len(DER)), st.binary(max_size=6))
def test_junk_raises_nothing(junk: bytes, at: int, patch: bytes) -> None:
    """No bytes make the reader raise."""
    parse_meta(junk)
    parse_meta(DER[:at] + patch + DER[at + len(patch) :])
