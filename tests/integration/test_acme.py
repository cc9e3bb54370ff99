"""Certificates from a real ACME server (pebble): issued by each challenge, renewed, and kept when it fails."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from support import require
from support.certificates import make_certificate
from support.odd_acme import OddAcme
from support.pebble import SHORT_LIVED_S, Pebble
from support.ports import free_ports
from support.relay_process import LOOPBACK, RelayProcess, until
from support.waiting import run
from tailhub.certs.acme_client import AcmeClient, Server, make_key
from tailhub.certs.acme_errors import AcmeError
from tailhub.client import DERPClient, ReceivedPacket
from tailhub.server.acme_answers import RelayAnswers
from tailhub.server.acme_files import AcmeFiles

NAME = "relay.acme.example"
IP = "127.0.0.1"
EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(scope="module")
def pebble() -> Iterator[Pebble]:
    with Pebble(require.pebble()) as server:
        yield server


def options(pebble: Pebble, challenge: str, *identity: str) -> tuple[str, ...]:
    """Flags for a relay that meets this challenge where this server looks."""
    ways = {
        "tls-alpn-01": ("--listen", f"127.0.0.1:{pebble.tls_port}"),
        "http-01": ("--http-listen", f"127.0.0.1:{pebble.http_port}"),
        "dns-01": pebble.hooks,
    }
    return (*pebble.options, "--acme-challenge", challenge, *ways[challenge], *identity)


def served(relay: RelayProcess, name: str = NAME, port: int | None = None) -> x509.Certificate:
    """The certificate that a client gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port or relay.port), 10) as sock,
        context.wrap_socket(sock, server_hostname=name) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def is_issued(certificate: x509.Certificate) -> bool:
    return "Pebble" in certificate.issuer.rfc4514_string()


def issued(relay: RelayProcess, name: str = NAME) -> x509.Certificate:
    """Wait for a certificate of the server's."""

    def look() -> x509.Certificate | None:
        certificate = served(relay, name)
        return certificate if is_issued(certificate) else None

    return until(look, "the relay serves an issued certificate", relay.log)


def names_of(certificate: x509.Certificate) -> list[str]:
    sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(san.value) for san in sans]


@pytest.mark.parametrize("challenge", ["tls-alpn-01", "http-01", "dns-01"])
def test_a_name_by_each_challenge(pebble: Pebble, challenge: str) -> None:
    """A name gets its certificate by each of the three challenges, and a client that trusts the CA works by name."""
    with RelayProcess(*options(pebble, challenge, "--hostname", NAME)) as relay:
        certificate = issued(relay)
        assert names_of(certificate) == [NAME]
        assert "CertName" not in relay.node()
        assert relay.node()["HostName"] == NAME
        for path in (relay.state_dir / "acme").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
        assert not list((relay.state_dir / "acme" / "challenges").glob("*"))
        assert "PRIVATE" not in relay.log()
    if challenge == "dns-01":
        assert [path.name for path in pebble.txt.iterdir()] == [f"{NAME}.put-and-taken"]


@pytest.mark.parametrize("challenge", ["tls-alpn-01", "http-01"])
def test_an_address_by_two_challenges(pebble: Pebble, challenge: str) -> None:
    """An address gets its certificate by tls-alpn-01 and by http-01; it comes with its chain, and no map pins it."""
    with RelayProcess(*options(pebble, challenge, "--hostname", IP)) as relay:
        certificate = issued(relay)
        assert names_of(certificate) == [IP]
        assert "CertName" not in relay.node()
        assert relay.node()["HostName"] == IP


def test_until_then_a_self_made_certificate(pebble: Pebble) -> None:
    """Before the first certificate the listener speaks TLS with one of its own, says so, and no map has a pin."""
    with RelayProcess(*options(pebble, "dns-01", "--hostname", "blocked.example")) as relay:
        until(lambda: "TH116" in relay.log() or "No new certificate" in relay.log(), "it is refused", relay.log)
        assert not is_issued(served(relay))
        assert "CertName" not in relay.node()
        assert "There is no certificate for blocked.example yet" in " ".join(relay.log().split())


def test_two_workers_answer_for_one(pebble: Pebble) -> None:
    """With several workers any of them answers tls-alpn-01 and serves what comes of it."""
    with RelayProcess(*options(pebble, "tls-alpn-01", "--hostname", NAME, "--workers", "2")) as relay:
        issued(relay)


def test_the_server_knows_the_account(tmp_path: Path) -> None:
    """External account binding: the CA's key id and key open the account; the key is in no log."""
    key = tmp_path / "relay.toml"
    key.write_text(f'acme_eab_kid = "kid-1"\nacme_eab_key = "{EAB_KEY}"\n')
    with (
        Pebble(require.pebble(), eab={"kid-1": EAB_KEY}) as pebble,
        RelayProcess(*options(pebble, "dns-01", "--hostname", NAME), "--config", str(key)) as relay,
    ):
        issued(relay)
        assert EAB_KEY not in relay.log()


def test_renewed_while_connections_stay_open_then_kept() -> None:
    """Renewal at two thirds of the lifetime drops nobody; when the server is gone the old certificate stays."""
    with Pebble(require.pebble(), validity_s=12) as pebble:
        port = free_ports()
        flags = options(pebble, "http-01", "--hostname", NAME, "--listen", f"127.0.0.1:{port}")

        async def scenario(relay: RelayProcess) -> None:
            first = await asyncio.to_thread(issued, relay)
            context = ssl.create_default_context(cadata=pebble.root())

            async def connected() -> DERPClient:
                return await DERPClient.connect(IP, port, server_name=NAME, ssl_context=context)

            async with await connected() as one, await connected() as other:

                def renewed() -> bool:
                    return served(relay).serial_number not in (first.serial_number, 0)

                await asyncio.to_thread(until, renewed, "it is renewed", relay.log, 40.0)
                await one.send(other.public_key, b"still here")
                message = await other.recv()
                assert isinstance(message, ReceivedPacket)
                assert message.packet == b"still here"
            pebble.pause()
            second = served(relay)
            failed = "No new certificate"
            await asyncio.to_thread(until, lambda: failed in relay.log(), "it fails", relay.log, 40.0)
            assert served(relay).serial_number == second.serial_number
            said = relay.log()[relay.log().index(failed) :]
            assert "cannot be reached" in said
            assert re.search(r"old one is still served; it is valid to \d{4}-", said)

        with RelayProcess(*flags, defaults=LOOPBACK) as relay:
            run(lambda: scenario(relay), 90.0)


def test_renewed_when_the_server_says_so(tmp_path: Path) -> None:
    """A server with renewal windows is asked for them; one that is open means a new certificate, long before the end.

    For addresses the short-lived profile is asked for where there is one.
    """
    with Pebble(require.pebble_with_windows()) as pebble:
        flags = options(pebble, "tls-alpn-01", "--hostname", IP)
        with RelayProcess(*flags, state_dir=tmp_path) as relay:
            first = issued(relay)
            assert first.not_valid_after_utc - first.not_valid_before_utc < timedelta(seconds=SHORT_LIVED_S)
        now = datetime.now(UTC)
        window = [f"{now - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (2, 1)]
        pebble.set_renewal_window((tmp_path / "acme" / f"{IP}.crt").read_bytes(), *window)
        with RelayProcess(*flags, state_dir=tmp_path) as relay:
            assert is_issued(served(relay))
            until(lambda: served(relay).serial_number != first.serial_number, "it is renewed", relay.log)
        assert pebble.log().count("There are now 1 accounts in memory") == 1


class Broken:
    """Answers of a relay that dies on the way."""

    def put(self, challenge: str, identifier: str, token: str, key_authorization: str, left: int) -> None:
        raise AcmeError("gone")

    def remove(self) -> None:
        pass


def test_an_order_is_carried_on(pebble: Pebble, tmp_path: Path) -> None:
    """An order that was not carried to its end is, after a new start; no second one is placed."""
    server = Server(pebble.directory, ca_file=str(pebble.ca_file))
    account_key, key = make_key(), make_key()
    accounts: list[str] = []
    orders: list[str] = []
    with pytest.raises(AcmeError, match="gone"):
        AcmeClient(server, account_key, "", accounts.append).obtain(
            ["again.acme.example"], key, "dns-01", Broken(), on_order=orders.append
        )
    hook, cleanup = pebble.hooks[1::2]
    answers = RelayAnswers(AcmeFiles(tmp_path), {}, hook, cleanup)
    for _ in range(2):  # what has been issued is fetched again
        client = AcmeClient(server, account_key, accounts[0], accounts.append)
        chain = client.obtain(["again.acme.example"], key, "dns-01", answers, orders[0], orders.append)
        assert names_of(x509.load_pem_x509_certificates(chain)[0]) == ["again.acme.example"]
    assert (len(accounts), len(orders)) == (1, 1)


def put_in_cache(cache: Path, account_key: bytes, days_left: int) -> bytes:
    """What Go's autocert leaves: a certificate for `NAME`, of 90 days, and an account; the certificate in DER."""
    ca = make_certificate(common_name="A CA", is_ca=True)
    made = make_certificate(dns_names=[NAME], issuer=ca, valid_from_days=days_left - 90, valid_to_days=days_left)
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(made.key_pem + made.pem + ca.pem)
    (cache / "acme_account+key").write_bytes(account_key)
    return made.der


def test_what_autocert_left_is_served_and_renewed(pebble: Pebble, tmp_path: Path) -> None:
    """A certificate of derper's own is served while it is good, and renewed by its account when it is time."""
    server, account_key = Server(pebble.directory, ca_file=str(pebble.ca_file)), make_key()
    accounts: list[str] = []
    with pytest.raises(AcmeError, match="gone"):
        AcmeClient(server, account_key, "", accounts.append).obtain([NAME], make_key(), "dns-01", Broken())
    flags = options(pebble, "tls-alpn-01", "--hostname", NAME, "--acme-cache")
    good = put_in_cache(tmp_path / "good", account_key, 80)
    with RelayProcess(*flags, str(tmp_path / "good")) as relay:
        assert served(relay).public_bytes(Encoding.DER) == good
        assert "CertName" not in relay.node()
    put_in_cache(tmp_path / "old", account_key, 1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    with RelayProcess(*flags, str(tmp_path / "old")) as relay:
        issued(relay)
        (account,) = (relay.state_dir / "acme" / "accounts").iterdir()
        assert json.loads(account.read_bytes())["uri"] == accounts[0]
        assert f"The certificate for {NAME} in" in " ".join(relay.log().split())
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before


def test_nonsense_never_takes_the_place_of_a_certificate(tmp_path: Path) -> None:
    """What a server issues is served only if it can be: the old pair stays in its files, and is served."""
    ca = make_certificate(common_name="A CA", is_ca=True)
    old = make_certificate(dns_names=[NAME], issuer=ca, valid_from_days=-89, valid_to_days=1)
    directory = tmp_path / "acme"
    directory.mkdir()
    (directory / f"{NAME}.crt").write_bytes(old.pem + ca.pem)
    (directory / f"{NAME}.key").write_bytes(old.key_pem)
    with OddAcme(certificate=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") as server:
        directory_flags = "--acme", "--acme-directory", server.directory, "--acme-ca-file", str(server.ca_file)
        ways = "--acme-challenge", "http-01", "--http-listen", "127.0.0.1:0", "--hostname", NAME
        with RelayProcess(*directory_flags, *ways, state_dir=tmp_path) as relay:
            until(lambda: "cannot be served" in " ".join(relay.log().split()), "it is refused", relay.log)
            assert served(relay) == old.certificate
            assert (directory / f"{NAME}.crt").read_bytes() == old.pem + ca.pem
            assert "Traceback" not in relay.log()
