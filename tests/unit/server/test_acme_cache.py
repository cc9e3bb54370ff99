"""What Go's autocert has left: the files of its ``DirCache`` as it writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from support.certificates import Made, make_certificate
from tailhub.certs.acme_client import make_key
from tailhub.certs.acme_source import AcmeSource
from tailhub.findings import Finding
from tailhub.server.acme_cache import take_over
from tailhub.server.acme_files import Account, AcmeFiles

NOW = datetime.now(UTC)
NAME = "derp.example.com"
SERVER = "https://acme.example/dir"
CA = make_certificate(common_name="A CA", is_ca=True)


def as_go_writes(key_pem: bytes) -> bytes:
    """A private key as autocert has it: ``EC PRIVATE KEY`` or ``RSA PRIVATE KEY``."""
    key = load_pem_private_key(key_pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def put(cache: Path, name: str, *, dns: str = NAME, days: int = 60) -> Made:
    """A certificate in the cache, valid for so many days from now."""
    made = make_certificate(dns_names=[dns], issuer=CA, valid_from_days=days - 90, valid_to_days=days)
    cache.mkdir(exist_ok=True)
    (cache / name).write_bytes(as_go_writes(made.key_pem) + made.pem + CA.pem)
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def taken(tmp_path: Path, cache: Path, name: str = NAME) -> tuple[AcmeSource, list[Finding]]:
    source = AcmeSource(tmp_path / "state" / "acme", (name,), "tailhub-1", SERVER)
    return source, take_over(AcmeFiles(tmp_path / "state"), source, cache, "--acme-cache", NOW)


def test_its_certificate_is_served(tmp_path: Path, cache: Path) -> None:
    """The certificate is served with its chain and never pinned; the cache stays as it was, our copy is private."""
    made = put(cache, NAME)
    before = {path.name: path.read_bytes() for path in cache.iterdir()}
    source, (note,) = taken(tmp_path, cache)
    (served,) = source.load(NOW).certificates
    assert (served.leaf_der, served.chain_length, served.needs_pin) == (made.der, 2, False)
    assert (note.name, note.values["name"]) == ("acme-cache-taken-over", NAME)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "state").rglob("*"))
    assert taken(tmp_path, cache)[1] == []


def test_our_own_renewal_counts(tmp_path: Path, cache: Path) -> None:
    """What we have renewed is not replaced by the older one in the cache; a newer one there is, after a way back."""
    put(cache, NAME, days=20)
    source, _ = taken(tmp_path, cache)
    ours = make_certificate(dns_names=[NAME], issuer=CA, valid_to_days=50)
    AcmeFiles(tmp_path / "state").issued(source, ours.pem + CA.pem, ours.key_pem)
    assert taken(tmp_path, cache)[1] == []
    assert source.load(NOW).certificates[0].leaf_der == ours.der
    newer = put(cache, NAME, days=80)
    taken(tmp_path, cache)
    assert source.load(NOW).certificates[0].leaf_der == newer.der


@pytest.mark.parametrize(("dns", "days"), [(NAME, -1), ("other.example.com", 60)])
def test_what_nobody_would_accept_is_left(tmp_path: Path, cache: Path, dns: str, days: int) -> None:
    """An expired certificate, and one for another name, are not taken: a new one is asked for at once."""
    put(cache, NAME, dns=dns, days=days)
    source, found = taken(tmp_path, cache)
    assert (source.issued(), found) == (None, [])


def test_the_longest_of_two(tmp_path: Path, cache: Path) -> None:
    """Of the ECDSA certificate and the RSA one the one that is valid for longer is taken."""
    put(cache, NAME, days=10)
    longer = put(cache, f"{NAME}+rsa", days=30)
    assert taken(tmp_path, cache)[0].load(NOW).certificates[0].leaf_der == longer.der


def test_files_that_cannot_be_read(tmp_path: Path, cache: Path) -> None:
    """A damaged file and a directory that is not there are told of as long as we have no certificate of our own."""
    _, (missing,) = taken(tmp_path, cache)
    assert (missing.name, missing.values["option"]) == ("directory-missing", "--acme-cache")
    cache.mkdir()
    assert taken(tmp_path, cache)[1] == []
    (cache / NAME).write_bytes(b"-----BEGIN EC PRIVATE KEY-----\ncut off")
    _, (damaged,) = taken(tmp_path, cache)
    assert str(cache / NAME) in damaged.render()


@pytest.mark.parametrize("name", ["acme_account+key", "acme_account.key"])
def test_its_account_is_ours(tmp_path: Path, cache: Path, name: str) -> None:
    """The account goes on, under either of its names, until we have one."""
    put(cache, NAME)
    key = as_go_writes(make_key())
    (cache / name).write_bytes(key)
    taken(tmp_path, cache)
    files = AcmeFiles(tmp_path / "state")
    assert files.account(SERVER).key.strip() == key.strip()
    files.keep_account(SERVER, Account(make_key(), "https://acme.example/1"))
    taken(tmp_path, cache)
    assert files.account(SERVER).uri == "https://acme.example/1"


@pytest.mark.parametrize(("address", "stem"), [("203.0.113.7", "203.0.113.7"), ("2001:db8::7", "2001.db8..7")])
def test_a_certificate_for_an_address(tmp_path: Path, cache: Path, address: str, stem: str) -> None:
    """What the original got with ``-acme-ip-certs`` is taken over as well, with the account that it has for that."""
    made, key = make_certificate(ips=[address], issuer=CA, valid_to_days=4), as_go_writes(make_key())
    cache.mkdir()
    (cache / f"{stem}.crt").write_bytes(made.pem + CA.pem)
    (cache / f"{stem}.key").write_bytes(as_go_writes(made.key_pem))
    (cache / "acme-account.key").write_bytes(key)
    source, _ = taken(tmp_path, cache, address)
    (served,) = source.load(NOW).certificates
    assert (served.leaf_der, served.needs_pin) == (made.der, False)
    assert AcmeFiles(tmp_path / "state").account(SERVER).key.strip() == key.strip()


def test_accounts_of_another_kind(tmp_path: Path, cache: Path) -> None:
    """An account with an RSA or a P-384 key, or a damaged one, is left: we begin a new one."""
    cache.mkdir()
    odd = [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())]
    texts = [key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()) for key in odd]
    for text in (*texts, b"", b"-----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----\n"):
        (cache / "acme_account+key").write_bytes(text)
        taken(tmp_path, cache)
        assert not AcmeFiles(tmp_path / "state").has_account(SERVER)
