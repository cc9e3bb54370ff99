"""The self-signed certificate: what stands in it."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from tailhub.certs.dates import self_signed_validity
from tailhub.certs.self_signed import make_self_signed
from tailhub.exceptions import LocalError

NOW = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


def made(names: list[str], ips: list[str]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(make_self_signed(names, ips, NOW)[0])


def test_is_one_self_signed_leaf_on_p256() -> None:
    """The PEM holds one certificate, signed by its own P-256 key."""
    chain_pem, key_pem = make_self_signed(["relay.example"], [], NOW)
    (certificate,) = x509.load_pem_x509_certificates(chain_pem)
    certificate.verify_directly_issued_by(certificate)
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def test_names_and_addresses() -> None:
    """The first name is the CN, and all names and addresses are SANs in the order given."""
    certificate = made(["relay.example", "b.example"], ["203.0.113.7", "2001:db8::7"])
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=relay.example"
    sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sans.get_values_for_type(x509.DNSName) == ["relay.example", "b.example"]
    assert sans.get_values_for_type(x509.IPAddress) == [ip_address("203.0.113.7"), ip_address("2001:db8::7")]


def test_a_name_too_long_for_a_cn() -> None:
    """A name of more than 64 characters is a SAN only, and the next one is the CN."""
    long = f"{'a' * 60}.{'b' * 20}.example"
    certificate = made([long, "short.example"], [])
    assert certificate.subject.rfc4514_string() == "CN=short.example"
    sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sans.get_values_for_type(x509.DNSName)[0] == long
    assert made([long], []).subject.rfc4514_string() == "CN=relay"


def test_dates_and_purpose() -> None:
    """It is valid as `dates` says, no CA, and for a TLS server's signatures only."""
    certificate = made(["relay.example"], [])
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == self_signed_validity(NOW)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_no_two_are_alike() -> None:
    """Each one made has another key and another serial number."""
    assert made(["a"], []).serial_number != made(["a"], []).serial_number


@pytest.mark.parametrize(
    ("names", "ips"), [([], ["203.0.113.7"]), (["中继.example"], []), (["a.example"], ["203.0.113"])]
)
def test_refuses(names: list[str], ips: list[str]) -> None:
    """No name at all, a name that is not ASCII, and an address that is none are local errors."""
    with pytest.raises(LocalError, match=r"name|address"):
        make_self_signed(names, ips, NOW)
