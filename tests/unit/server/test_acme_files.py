from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.certificates import make_certificate
from tailhub.certs.acme_errors import AcmeError
from tailhub.certs.acme_schedule import Progress
from tailhub.certs.acme_source import AcmeSource
from tailhub.certs.tls_alpn import make_answer
from tailhub.findings import Finding
from tailhub.server.acme_files import Account, AcmeFiles, Pending, challenge_context

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SERVER = "https://acme.example/dir"
NAMES = ("relay.example",)


def test_an_account_is_kept(tmp_path: Path) -> None:
    """The key of an account is made once for each server; the account's URL is kept with it, for the owner alone."""
    files = AcmeFiles(tmp_path)
    account = files.account(SERVER)
    assert files.account(SERVER) == account
    assert files.account(SERVER + "2").key != account.key
    files.keep_account(SERVER, Account(account.key, "https://acme.example/1"))
    assert AcmeFiles(tmp_path).account(SERVER).uri == "https://acme.example/1"
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))


def test_an_order_is_kept(tmp_path: Path) -> None:
    """An order on its way is found again by the next start; a damaged note is as good as none."""
    files = AcmeFiles(tmp_path)
    pending = Pending(SERVER, b"key", "https://acme.example/order", Progress(3, NOW + timedelta(hours=1)))
    files.keep_pending(NAMES, pending)
    assert files.pending(NAMES) == pending
    (note,) = (tmp_path / "acme" / "keys").iterdir()
    for damaged in ("", "[]", '{"failures": "x"}', '{"retry_at_unix_s": 1e300}'):
        note.write_text(damaged)
        assert files.pending(NAMES) == Pending()


def test_no_key_is_shown() -> None:
    """Neither an account's key nor a certificate's is in the text of what holds it."""
    assert "secret" not in repr(Account(b"secret")) + repr(Pending(key=b"secret"))


@pytest.mark.parametrize("name", [None, "", "other.example", "..", "../relay.example", "a/b", ".hidden", "x" * 300])
def test_challenges_are_answered_for_names_that_wait(tmp_path: Path, name: str | None) -> None:
    """There is a context for the name whose challenge is on its way, and for no other, whatever a client asks for."""
    AcmeFiles(tmp_path).put_challenge("relay.example", make_answer("relay.example", "token.print", NOW))
    assert isinstance(challenge_context(tmp_path, "relay.example"), ssl.SSLContext)
    assert challenge_context(tmp_path, name) is None
    AcmeFiles(tmp_path).clear_challenges()
    assert challenge_context(tmp_path, "relay.example") is None


def test_what_is_served(tmp_path: Path) -> None:
    """Nothing yet: a self-made certificate and a note. Then what was issued, with its chain; half a pair is nothing."""
    source = AcmeSource(tmp_path / "acme", ("192.0.2.7",), "tailhub-1", SERVER)
    (made,) = source.load(NOW).certificates
    (note,) = source.load(NOW).notes
    assert isinstance(note, Finding)
    assert (note.code, made.self_signed, made.needs_pin, made.names, made.ips) == (
        "TH115",
        True,
        False,
        (),
        ("192.0.2.7",),
    )
    ca = make_certificate(common_name="A CA", is_ca=True)
    issued = make_certificate(ips=["192.0.2.7"], issuer=ca)
    before = source.traces()
    AcmeFiles(tmp_path).issued(source, issued.pem + ca.pem, issued.key_pem)
    (served,) = source.load(NOW).certificates
    assert (served.leaf_der, served.chain_length, served.needs_pin) == (issued.der, 2, False)
    assert source.traces() != before
    source.key.write_bytes(make_certificate().key_pem)
    assert source.issued() is None
    assert source.load(NOW).certificates[0].self_signed


def test_what_may_take_the_place_of_the_old_one() -> None:
    """An issued certificate is looked at before any file is touched: is it one, for our key and all our names?"""
    source = AcmeSource(Path("nowhere"), (*NAMES, "192.0.2.7"), "own", SERVER)
    good = make_certificate(dns_names=NAMES, ips=["192.0.2.7"])
    source.check(good.pem, good.key_pem)
    other = make_certificate(dns_names=["other.example"])
    for chain, key in ((b"", good.key_pem), (b"<html>", good.key_pem), (other.pem, other.key_pem)):
        with pytest.raises(AcmeError, match="the server has issued"):
            source.check(chain, key)
    with pytest.raises(AcmeError, match="cannot be served"):
        source.check(good.pem, other.key_pem)
