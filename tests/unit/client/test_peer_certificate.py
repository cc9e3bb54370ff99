from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

from support.certificates import Made, make_certificate, make_meta_certificate
from tailhub.client.peer_certificate import check_cert_name, check_chain, make_context
from tailhub.exceptions import CertificateError, LocalError

NOW = datetime.now(UTC)
META = make_meta_certificate(bytes(32))
OLD_META = make_meta_certificate(bytes(32), serial=300)  # gives no key, and is left out all the same
LEAF = make_certificate(dns_names=["derp.example.com", "*.example.org"])
NAMELESS = make_certificate(common_name="derp.example.com")

# What a real client was seen to say to each case decides "accepted" or the reason of the refusal here.
CASES: list[tuple[str, list[Made], str, str, str]] = [
    ("by address", [LEAF], "192.0.2.1", LEAF.pin, ""),
    ("by IPv6 address", [LEAF], "2001:db8::1", LEAF.pin, ""),
    ("by address, no name at all", [NAMELESS], "192.0.2.1", NAMELESS.pin, ""),
    ("by name", [LEAF], "derp.example.com", LEAF.pin, ""),
    ("by name in capitals", [LEAF], "DERP.Example.COM", LEAF.pin, ""),
    ("by name with the last dot", [LEAF], "derp.example.com.", LEAF.pin, ""),
    ("by a name under a wildcard", [LEAF], "a.example.org", LEAF.pin, ""),
    ("two labels under a wildcard", [LEAF], "a.b.example.org", LEAF.pin, "cert_name"),
    ("the wildcard's own domain", [LEAF], "example.org", LEAF.pin, "cert_name"),
    ("by another name", [LEAF], "other.example.com", LEAF.pin, "cert_name"),
    ("a CN only", [NAMELESS], "derp.example.com", NAMELESS.pin, "cert_name"),
    ("with the meta certificate", [LEAF, META], "192.0.2.1", LEAF.pin, ""),
    ("with a meta certificate first", [META, LEAF], "192.0.2.1", LEAF.pin, ""),
    ("with an unusable meta certificate", [LEAF, OLD_META], "192.0.2.1", LEAF.pin, ""),
    ("with a chain", [LEAF, NAMELESS], "192.0.2.1", LEAF.pin, "cert_count"),
    ("the meta certificate alone", [META], "192.0.2.1", META.pin, "cert_count"),
    ("another certificate", [NAMELESS], "192.0.2.1", LEAF.pin, "cert_pin"),
    ("any certificate, no pin", [NAMELESS], "192.0.2.1", "", ""),
    ("another name as CertName", [LEAF], "192.0.2.1", "derp.example.com", ""),
    ("another name as CertName, with a chain", [LEAF, NAMELESS], "192.0.2.1", "derp.example.com", ""),
    ("a wrong name as CertName", [LEAF], "192.0.2.1", "other.example.com", "cert_name"),
]


@pytest.mark.parametrize(
    ("chain", "name", "cert_name", "reason"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_chains_are_judged_as_by_a_real_client(chain: list[Made], name: str, cert_name: str, reason: str) -> None:
    """A pinned relay presents the pinned certificate, good for the name it was dialled by, and else meta ones only."""
    ders = [made.der for made in chain]
    if not reason:
        check_chain(ders, name, cert_name or None, NOW)
        return
    with pytest.raises(CertificateError) as caught:
        check_chain(ders, name, cert_name or None, NOW)
    assert caught.value.reason == reason


def test_dates_of_a_pinned_certificate_count() -> None:
    """A pinned certificate that has expired or is not valid yet is refused, and the error says when."""
    day = timedelta(days=1)
    check_chain([LEAF.der], "192.0.2.1", LEAF.pin, NOW + 364 * day)
    with pytest.raises(CertificateError, match=r"expired on \d{4}-\d\d-\d\d \d\d:\d\d UTC") as caught:
        check_chain([LEAF.der], "192.0.2.1", LEAF.pin, NOW + 366 * day)
    assert caught.value.reason == "cert_expired"
    with pytest.raises(CertificateError, match="is the clock of this machine right") as caught:
        check_chain([LEAF.der], "192.0.2.1", LEAF.pin, NOW - 2 * day)
    assert caught.value.reason == "cert_not_yet_valid"


def test_a_wrong_pin_names_both() -> None:
    """The error of a wrong pin shows what was expected and what was found."""
    with pytest.raises(CertificateError) as caught:
        check_chain([NAMELESS.der], "192.0.2.1", LEAF.pin, NOW)
    assert LEAF.pin in str(caught.value)
    assert NAMELESS.pin in str(caught.value)


def test_a_wrong_name_tells_the_right_ones() -> None:
    """The error of a wrong name lists the names that would be good, or says that there are none."""
    with pytest.raises(CertificateError, match=r"is for derp.example.com, \*.example.org"):
        check_chain([LEAF.der], "other.example", LEAF.pin, NOW)
    with pytest.raises(CertificateError, match="a subject's CN does not count"):
        check_chain([NAMELESS.der], "derp.example.com", NAMELESS.pin, NOW)


def test_junk_for_a_certificate_is_a_remote_fault() -> None:
    """Bytes that are no certificate are refused as the relay's fault, even if their hash is the pin."""
    import hashlib

    pin = "sha256-raw:" + hashlib.sha256(b"junk").hexdigest()
    with pytest.raises(CertificateError, match="cannot be read") as caught:
        check_chain([b"junk"], "192.0.2.1", pin, NOW)
    assert caught.value.reason == "cert_form"


@pytest.mark.parametrize("name", ["", "derp.example.com", "sha256-raw:" + "0f" * 32])
def test_good_cert_names(name: str) -> None:
    """A DNS name and a pin in the one form that clients compare are fine."""
    check_cert_name(name)


@pytest.mark.parametrize(
    "name", ["sha256-raw:", "sha256:" + "0f" * 32, "sha256-raw:" + "0F" * 32, "SHA256-RAW:" + "0f" * 32, "a:b"]
)
def test_pins_that_can_never_match(name: str) -> None:
    """Another prefix, capitals, colons between the digits: real clients would never match them either."""
    with pytest.raises(LocalError, match="expected 'sha256-raw:' and 64 lower-case"):
        check_cert_name(name)


@pytest.mark.parametrize(
    ("cert_name", "insecure", "verifies", "checks_name"),
    [
        (None, False, True, True),
        (None, True, False, False),
        (LEAF.pin, False, False, False),
        (LEAF.pin, True, False, False),
        ("derp.example.com", False, True, True),
        ("other.example.com", False, True, False),
        ("other.example.com", True, True, False),
    ],
    ids=["no name", "insecure", "pin", "pin, insecure", "own name", "other name", "other name, insecure"],
)
def test_what_is_left_to_the_handshake(
    cert_name: str | None, insecure: bool, verifies: bool, checks_name: bool
) -> None:
    """The handshake checks CA and name unless there is a pin or `insecure`, which means nothing beside a CertName."""
    context = make_context("derp.example.com", cert_name, insecure=insecure)
    assert context.verify_mode is (ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
    assert context.check_hostname is checks_name
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
