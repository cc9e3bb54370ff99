from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from support.certificates import make_certificate
from tailhub.certs.acme_client import AcmeClient, Server, make_key, renewal_path
from tailhub.certs.acme_errors import AcmeError


def test_how_a_certificate_is_called() -> None:
    """RFC 9773 section 4.1: the authority's key identifier and the serial as it is in DER, in base64 for URLs."""
    made = make_certificate(serial=0x8765432100)
    builder = x509.CertificateBuilder(
        made.certificate.issuer,
        made.certificate.subject,
        made.key.public_key(),
        0x8765432100,
        made.certificate.not_valid_before_utc,
        made.certificate.not_valid_after_utc,
    )
    key_id = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
    authority = x509.AuthorityKeyIdentifier(key_id, None, None)
    leaf = builder.add_extension(authority, critical=False).sign(made.key, hashes.SHA256())  # type: ignore[arg-type]
    assert renewal_path(leaf) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyEA"


def test_a_server_that_is_not_there() -> None:
    """A server that cannot be reached is an error in plain words with its URL, and no key is in it."""
    server = Server("https://127.0.0.1:1/dir", eab_kid="kid", eab_key="geheim")
    client = AcmeClient(server, make_key(), "", lambda uri: None)
    with pytest.raises(AcmeError, match=r"^https://127\.0\.0\.1:1/dir cannot be reached$"):
        client.obtain(["relay.example"], make_key(), "http-01", answers=None)  # type: ignore[arg-type]
    assert "geheim" not in repr(server)
