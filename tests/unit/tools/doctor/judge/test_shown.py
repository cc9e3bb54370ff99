from __future__ import annotations

from support.certificates import make_certificate, make_meta_certificate
from tailhub.tools.doctor.judge.shown import own_chain, read_certificate

CA = make_certificate(common_name="Test R1", organization="Test Authority", is_ca=True)
LEAF = make_certificate(dns_names=["derp.example.com"], ips=["192.0.2.7"], issuer=CA, issuer_url="http://ca.test/r1")


def test_what_stands_in_a_certificate() -> None:
    """Names, issuer and where that can be fetched, dates, pin, and whether it has signed itself."""
    shown = read_certificate(LEAF.der)
    assert shown is not None
    assert shown.names == ("derp.example.com", "192.0.2.7")
    assert (shown.issuer, shown.issuer_organization, shown.issuer_is_fetchable) == ("Test R1", "Test Authority", True)
    assert shown.pin == LEAF.pin
    assert shown.not_after == LEAF.certificate.not_valid_after_utc
    assert not shown.is_self_signed


def test_a_self_signed_one_without_names() -> None:
    """A certificate may have no names at all, and be its own issuer."""
    shown = read_certificate(make_certificate(common_name="").der)
    assert shown is not None
    assert (shown.names, shown.common_name, shown.issuer, shown.is_self_signed) == ((), "", "", True)


def test_the_same_name_is_not_self_signed() -> None:
    """Who has signed is told by the signature: an issuer of the same name is another one."""
    shown = read_certificate(make_certificate(common_name="Test R1", organization="Test Authority", issuer=CA).der)
    assert shown is not None
    assert not shown.is_self_signed


def test_what_is_no_certificate() -> None:
    """Bytes that are no certificate are read as none."""
    assert read_certificate(b"\x30\x03abc") is None


def test_the_meta_certificate_does_not_count() -> None:
    """Of what is presented only the meta certificate is left out."""
    meta = make_meta_certificate(bytes(32))
    assert own_chain([LEAF.der, CA.der, meta.der]) == (LEAF.der, CA.der)
