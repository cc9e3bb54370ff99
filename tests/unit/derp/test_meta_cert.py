from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.certificates import make_certificate, make_meta_certificate
from tailhub.derp.meta_cert import is_meta_cert, server_key_from_meta

KEY = bytes(range(32))
META = make_meta_certificate(KEY).der


def test_the_key_is_found() -> None:
    """The key in the CN of a meta certificate is the relay's."""
    der = make_meta_certificate(KEY).der
    assert server_key_from_meta(der) == KEY
    assert is_meta_cert(der)


def test_an_ordinary_certificate_is_none() -> None:
    """Other certificates are no meta certificates, with or without a CN, whatever else they contain."""
    text = "derpkey" + KEY.hex()
    for der in (
        make_certificate(dns_names=["derp.example.com"]).der,
        make_certificate(common_name="").der,
        make_certificate(common_name="not-derpkey").der,
        make_certificate(dns_names=[text[:60]], common_name="x").der,
        make_certificate(issuer_name=text, common_name="derp.example.com").der,
    ):
        assert server_key_from_meta(der) is None
        assert not is_meta_cert(der)


def test_a_meta_certificate_of_another_making_gives_no_key() -> None:
    """With a serial number of 0 or over one byte, or a CN of another length, there is nothing to build on."""
    for der in (
        make_meta_certificate(KEY, serial=256).der,
        make_meta_certificate(KEY, common_name="derpkey" + KEY.hex()[:-2]).der,
        make_meta_certificate(KEY, common_name="derpkey" + KEY.hex() + "00").der,
        make_meta_certificate(KEY, common_name="derpkey" + "g" * 64).der,
    ):
        assert server_key_from_meta(der) is None
        assert is_meta_cert(der)
    zero = bytearray(make_meta_certificate(KEY, serial=2).der)
    at = zero.index(b"\x02\x01\x02", zero.index(b"\xa0\x03") + 5)
    zero[at + 2] = 0
    assert server_key_from_meta(bytes(zero)) is None


def test_parts_of_a_certificate_are_none() -> None:
    """A certificate that is cut short raises nothing and gives no key."""
    der = make_meta_certificate(KEY).der
    assert all(server_key_from_meta(der[:end]) is None for end in range(len(der)))


@given(st.binary(max_size=300), st.integers(0, 250), st.binary(min_size=1, max_size=4))
def test_junk_raises_nothing(junk: bytes, at: int, change: bytes) -> None:
    """Neither junk nor a meta certificate with some bytes changed raises anything."""
    der = bytearray(META)
    der[at : at + len(change)] = change
    for data in (junk, bytes(der)):
        is_meta_cert(data)
        server_key_from_meta(data)
