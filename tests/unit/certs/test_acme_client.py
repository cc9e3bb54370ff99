from __future__ import annotations

import gzip
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from support.certificates import make_certificate
from support.odd_acme import Answer, OddAcme, as_json
from tailhub.certs.acme_challenge import Challenge
from tailhub.certs.acme_client import AcmeClient, Server, make_key, renewal_path
from tailhub.certs.acme_errors import AcmeError
from tailhub.certs.acme_network import MAX_ANSWER_LEN


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


class Noted:
    """Notes what it is to answer, and for whom."""

    def __init__(self) -> None:
        self.identifiers: list[str] = []

    def put(self, challenge: Challenge, identifier: str, token: str, key_authorization: str, left: int) -> None:
        self.identifiers.append(identifier)

    def remove(self) -> None:
        pass


def refusal(server: OddAcme, answers: Noted | None = None) -> AcmeError:
    """The error with which an order at this server ends."""
    client = AcmeClient(Server(server.directory, ca_file=str(server.ca_file)), make_key(), "", lambda uri: None)
    with pytest.raises(AcmeError) as caught:
        client.obtain(["relay.example"], make_key(), "http-01", answers or Noted())
    return caught.value


@pytest.mark.parametrize("name", ["../../../../etc/ssl/x", "other.example", "relay.example;reboot", "127.0.0.1", ""])
def test_only_what_was_asked_for_is_proved(name: str) -> None:
    """A server that wants another name proved gets nothing: no file is called so, and no command hears of it."""
    with OddAcme() as server:
        server.pending({"type": "dns", "value": name})
        answers = Noted()
        assert "which nobody asked a certificate for" in str(refusal(server, answers))
        assert answers.identifiers == []


LONG = b" " * (MAX_ANSWER_LEN + 1)
ODD: dict[str, tuple[dict[str, Answer], str]] = {
    "html": ({"/dir": (200, {}, b"<html>")}, "not one of an ACME server"),
    "a list": ({"/dir": as_json([])}, "not one of an ACME server"),
    "nothing": ({"/dir": as_json({})}, "not one of an ACME server"),
    "404": ({"/dir": (404, {}, b"")}, "not one of an ACME server"),
    "long": ({"/dir": (200, {}, LONG)}, "more than 1 MiB"),
    "packed": ({"/dir": (200, {"Content-Encoding": "gzip"}, gzip.compress(LONG))}, "more than 1 MiB"),
    "badly packed": ({"/dir": (200, {"Content-Encoding": "gzip"}, b"no gzip")}, "cannot be reached"),
    "redirects": ({"/dir": (302, {"Location": "/dir"}, b"")}, "one redirect to the next"),
    "numbers": ({"/new-order": as_json({"status": 7, "identifiers": 7}, 201)}, "not one of an ACME server"),
    "no document": ({"/new-order": as_json({"type": 7, "detail": [1], "subproblems": 3}, 400)}, "."),
    "control characters": ({"/new-order": as_json({"type": "x", "detail": "a\x1b[2J\nb"}, 400)}, r"^a \[2J b$"),
}


@pytest.mark.parametrize(("answers", "said"), ODD.values(), ids=ODD)
def test_a_server_that_answers_nonsense(answers: dict[str, Answer], said: str) -> None:
    """Whatever a server answers is an error in one printable sentence, within bounds."""
    with OddAcme(answers) as server:
        error = refusal(server)
    assert error.args[0].isprintable()
    with pytest.raises(AcmeError, match=said):
        raise error


@pytest.mark.parametrize("challenges", [7, [{}], [{"type": "http-01"}], [None]])
def test_an_authorization_that_is_none(challenges: object) -> None:
    """So is an authorization that breaks the rules."""
    with OddAcme() as server:
        server.pending({"type": "dns", "value": "relay.example"}, challenges)
        assert str(refusal(server))


def test_how_long_the_server_wants_to_be_left_alone() -> None:
    """What an error says in Retry-After is kept."""
    problem = as_json({"type": "urn:ietf:params:acme:error:serverInternal", "detail": "later"}, 503, Retry_After="7200")
    with OddAcme({"/new-order": problem}) as server:
        assert refusal(server).wait == timedelta(hours=2)
