"""Faults of TLS and certificates as `tailhub doctor` tells them apart from outside.

=====  ====================================================  ========================================  ======
fault  what                                                  produced by                               code
=====  ====================================================  ========================================  ======
10     expired                                               a CA's certificate, expired               TH017
10     expired above                                         an intermediate, expired                  TH017
10     not yet valid                                         a CA's certificate of tomorrow            TH018
10     expires within 14 days                                a CA's, a pinned one                      TH019
10     the client's clock is wrong                           a server three years ahead, its           TH020
                                                             certificate of then (a web server with
                                                             a written Date stands in for the relay)
11     name mismatch, in its kinds                           made certificates                         TH021
12     intermediate missing                                  a chain, its leaf alone                   TH022
12     unknown private CA                                    a leaf of a CA that nobody knows          TH392
13     self-signed, not pinned                               a map without CertName                    TH023
14     pin differs; written otherwise                        another certificate; upper case …         TH014
14     pin with chain                                        leaf and CA                               TH015
14     pinned certificate expired                            a self-signed one, expired                TH016
15     InsecureForTests                                      a map with it (said by the map's check)   (none)
16     TLS below 1.2 only                                    openssl s_server -tls1_1                  TH024
-      the name is refused by an alert                       openssl s_server -servername_fatal        TH390
-      no handshake                                          openssl s_server with ADH alone           TH391
-      a leaf that signed another, and the like              made certificates                         TH394
=====  ====================================================  ========================================  ======

All relays are tailhub's own, in this process, unless said; certificates are made on the spot.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path

import pytest

from support import require
from support.certificates import Made, make_certificate, make_meta_certificate, server_context
from support.outside import Said, examined, hosted, mapped
from support.ports import free_ports
from support.served import PRIVATE_KEY, serving
from support.waiting import run, until
from support.web_answers import answering, page
from tailhub import box
from tailhub.findings import Severity
from tailhub.tools.doctor.outside import examine
from tailhub.tools.doctor.seen import Options
from tailhub.tools.report import Report
from tailhub.tools.target import Target

NAME = "derp.example.com"
PUBLIC_KEY = box.public_key(PRIVATE_KEY).raw


@dataclass(frozen=True)
class Authorities:
    """A CA that this machine knows, and one that it does not; each with an intermediate."""

    root: Made
    middle: Made
    old_middle: Made
    stranger: Made


@cache
def authorities() -> Authorities:
    root = make_certificate(common_name="Test Root", organization="Test Authority", is_ca=True)
    return Authorities(
        root,
        make_certificate(common_name="Test R1", organization="Test Authority", is_ca=True, issuer=root),
        make_certificate(common_name="Test R0", is_ca=True, issuer=root, valid_from_days=-90, valid_to_days=-1),
        make_certificate(common_name="Home CA", is_ca=True),
    )


@pytest.fixture(autouse=True)
def known_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine know the test's CA, and no other."""
    store = tmp_path / "roots.pem"
    store.write_bytes(authorities().root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))


@cache
def meta() -> Made:
    return make_meta_certificate(PUBLIC_KEY)


def examine_relay(target: Callable[[int], Target], leaf: Made, *others: Made) -> Said:
    """What is said of a relay that shows these, and its meta certificate."""

    async def scenario() -> Said:
        async with serving(tls=server_context(leaf, *others, meta())) as relay:
            return await examined(target(relay.port))

    return run(scenario)


def issued(
    days: float = 60, *, since: float = -1, names: tuple[str, ...] = (NAME,), issuer: Made | None = None
) -> Made:
    """A certificate of the intermediate CA that this machine knows by its root."""
    issuer = issuer or authorities().middle
    return make_certificate(dns_names=names, issuer=issuer, valid_from_days=since, valid_to_days=days)


@cache
def own() -> Made:
    """As tailhub makes its own: self-signed, for a name and an address."""
    return make_certificate(dns_names=["relay.test"], ips=["127.0.0.1"], valid_to_days=3650)


# --- nothing is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "relay.test"])
def test_a_pinned_relay_is_well(host: str) -> None:
    """A relay with its own certificate, and a map that pins it, gives no finding."""
    said = examine_relay(lambda port: mapped(port, host, own().pin), own())
    assert said.codes == []
    assert said.seen.tls.is_trusted
    assert said.step("pin") == ("ok", "")
    assert said.remark("tls") == "1.3, one certificate and the meta certificate"
    assert said.remark("upgrade") == "101, fast start offered"


def test_a_relay_without_a_map_is_well() -> None:
    """Of a host that somebody named no pin is known: that it is self-signed is no fault, and its pin is said."""
    said = examine_relay(hosted, own())
    assert said.codes == []
    assert said.seen.tls.is_trusted
    assert own().pin in said.remark("certificate")
    assert "compare on the relay" in said.remark("certificate")


@pytest.mark.parametrize(
    ("host", "cert_name"),
    [(NAME, ""), (NAME.upper() + ".", ""), ("127.0.0.1", NAME), ("127.0.0.1", "")],
    ids=["by name", "by name, written otherwise", "by address and CertName", "by address, with any name"],
)
def test_a_relay_with_a_certificate_of_a_ca_is_well(host: str, cert_name: str) -> None:
    """A CA's certificate for the name is good; where clients dial an address they take that of any name."""
    said = examine_relay(lambda port: mapped(port, host, cert_name), issued(), authorities().middle)
    assert said.codes == []
    assert said.remark("certificate") == f"for {NAME}, from Test R1"


def test_a_short_lived_certificate_is_well() -> None:
    """A CA's certificate that is made for six days does not expire soon on its second day."""
    said = examine_relay(lambda port: mapped(port, NAME), issued(4.5, since=-1.5), authorities().middle)
    assert said.codes == []


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_another_certificate_than_the_pinned_one() -> None:
    """Both pins are whole, and a new one is not offered without comparing on the relay."""
    other = make_certificate()
    said = examine_relay(lambda port: mapped(port, cert_name=other.pin), own())
    assert said.codes == ["TH014"]
    text = said.text()
    assert other.pin in text
    assert own().pin in text
    assert f"tailhub derpmap set policy.hujson 912 --cert-name {own().pin}" in text
    assert text.index("tailhub cert show") < text.index("derpmap set")
    assert not said.seen.tls.is_trusted
    assert said.step("upgrade") == ("ok_beyond", "")


@pytest.mark.parametrize(
    "write",
    [
        str.upper,
        lambda pin: pin.replace("sha256-raw", "sha256"),
        lambda pin: "sha256-raw:" + ":".join(pin[11:][i : i + 2] for i in range(0, 64, 2)),
        lambda pin: pin[:11] + pin[11:].upper(),
        lambda pin: pin[11:],
    ],
    ids=["all in capitals", "sha256:", "colons", "digits in capitals", "digits alone"],
)
def test_a_pin_that_is_written_otherwise(write: Callable[[str], str]) -> None:
    """Clients compare the text of a pin: the right hash in another writing is told as that."""
    said = examine_relay(lambda port: mapped(port, cert_name=write(own().pin)), own())
    assert said.codes == ["TH014"]
    assert "Only the writing differs" in said.text()
    assert "lost" not in said.text()


def test_a_pinned_certificate_with_a_chain() -> None:
    """The pinned certificate and a CA's beside it: clients take one only."""
    leaf = issued()
    said = examine_relay(lambda port: mapped(port, cert_name=leaf.pin), leaf, authorities().middle)
    assert said.codes == ["TH015"]
    assert "The first is the pinned one" in said.text()


def test_a_new_certificate_with_a_chain_and_the_old_pin() -> None:
    """Another certificate with a chain, as after a change to a CA's: the chain is the reason clients give."""
    said = examine_relay(lambda port: mapped(port, cert_name=own().pin), issued(), authorities().middle)
    assert said.codes == ["TH015"]
    assert "is not the pinned one either" in said.text()


def test_a_pinned_relay_by_a_name_that_its_certificate_lacks() -> None:
    """A pin does not replace the name that clients go by."""
    said = examine_relay(lambda port: mapped(port, "other.test", own().pin), own())
    assert said.codes == ["TH021"]
    assert "It is for relay.test, 127.0.0.1." in said.text()


@pytest.mark.parametrize(
    ("host", "cert_name"),
    [("www.example.com", ""), ("127.0.0.1", "www.example.com")],
    ids=["HostName", "CertName"],
)
def test_a_certificate_for_another_name(host: str, cert_name: str) -> None:
    """A CA's certificate for another name than clients look for, and which names it has."""
    said = examine_relay(lambda port: mapped(port, host, cert_name), issued(), authorities().middle)
    assert said.codes == ["TH021"]
    assert f"It is for {NAME}." in said.text()


def test_a_name_in_the_cn_only() -> None:
    """A CN is not looked at, which is said."""
    leaf = make_certificate(common_name=NAME, issuer=authorities().middle)
    said = examine_relay(lambda port: mapped(port, NAME), leaf, authorities().middle)
    assert said.codes == ["TH021"]
    assert "stands in its CN" in said.text()


@pytest.mark.parametrize("issuer_url", ["", "http://ca.example/r1.der"], ids=["by the CA's organisation", "AIA"])
def test_a_missing_intermediate(issuer_url: str) -> None:
    """The leaf alone, of an intermediate whose CA this machine knows."""
    middle = authorities().middle
    if issuer_url:
        middle = make_certificate(common_name="Test R1", is_ca=True, issuer=authorities().root)
    leaf = make_certificate(dns_names=[NAME], issuer=middle, issuer_url=issuer_url)
    said = examine_relay(lambda port: mapped(port, NAME), leaf)
    assert said.codes == ["TH022"]
    assert "Test R1" in said.text()


@pytest.mark.parametrize("with_root", [False, True], ids=["leaf alone", "with the CA"])
def test_a_ca_that_nobody_knows(with_root: bool) -> None:
    """A private CA is not a missing intermediate."""
    stranger = authorities().stranger
    leaf = make_certificate(dns_names=[NAME], issuer=stranger)
    said = examine_relay(lambda port: mapped(port, NAME), leaf, *([stranger] if with_root else []))
    assert said.codes == ["TH392"]
    assert "Home CA" in said.text()


def test_self_signed_and_not_pinned() -> None:
    """A map without a pin, and nobody else who vouches for it."""
    said = examine_relay(lambda port: mapped(port, "relay.test"), own())
    assert said.codes == ["TH023"]
    text = said.text()
    assert text.index("tailhub cert show") < text.index("put it into the map")


def test_insecure_for_tests() -> None:
    """InsecureForTests makes everything work: that it is unsafe is said, and the fault is the map's."""
    expired = make_certificate(valid_from_days=-9, valid_to_days=-1)
    said = examine_relay(lambda port: mapped(port, insecure=True), expired)
    assert said.codes == []
    assert said.seen.tls.is_trusted
    assert "unsafe" in said.remark("certificate")


def test_a_certificate_name_wins_over_insecure_for_tests() -> None:
    """As for clients, InsecureForTests means nothing beside a pin."""
    said = examine_relay(lambda port: mapped(port, cert_name=make_certificate().pin, insecure=True), own())
    assert said.codes == ["TH014"]


def test_a_certificate_that_is_not_for_servers(tmp_path: Path) -> None:
    """Whatever else OpenSSL has against a certificate is said in its words: here that a leaf has signed another."""
    no_ca = make_certificate(common_name="No CA", issuer=authorities().root)
    leaf = make_certificate(dns_names=[NAME], issuer=no_ca)
    said = examine_relay(lambda port: mapped(port, NAME), leaf, no_ca)
    assert said.codes == ["TH394"]
    assert "invalid CA certificate" in said.text()


def test_a_machine_without_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no CAs cannot say anything against a certificate of one."""
    (tmp_path / "roots.pem").write_bytes(b"")
    said = examine_relay(lambda port: mapped(port, NAME), issued(), authorities().middle)
    assert said.codes == []
    assert said.step("certificate") == ("untested", "")


# --- dates ------------------------------------------------------------------------------------------------------------


def test_expired() -> None:
    """A CA's certificate of the past."""
    said = examine_relay(lambda port: mapped(port, NAME), issued(-2, since=-90), authorities().middle)
    assert said.codes == ["TH017"]


def test_expired_in_the_chain() -> None:
    """An intermediate of the past above a good leaf is told by its name."""
    old = authorities().old_middle
    said = examine_relay(lambda port: mapped(port, NAME), issued(issuer=old), old)
    assert said.codes == ["TH017"]
    assert "Test R0" in said.text()


def test_expired_and_pinned() -> None:
    """A pin does not replace the dates."""
    old = make_certificate(valid_from_days=-90, valid_to_days=-1)
    assert examine_relay(lambda port: mapped(port, cert_name=old.pin), old).codes == ["TH016"]


def test_not_yet_valid() -> None:
    """A certificate of tomorrow, by a relay whose clock is right."""
    said = examine_relay(lambda port: mapped(port, NAME), issued(90, since=1), authorities().middle)
    assert said.codes == ["TH018"]


def test_expires_soon() -> None:
    """A warning that is another one for a pinned certificate; clients still come."""
    said = examine_relay(lambda port: mapped(port, NAME), issued(10, since=-80), authorities().middle)
    assert said.codes == ["TH019"]
    assert said.seen.tls.is_trusted
    own_one = make_certificate(valid_to_days=13)
    pinned = examine_relay(lambda port: mapped(port, cert_name=own_one.pin), own_one)
    assert pinned.codes == ["TH019"]
    assert "cert renew" in pinned.text()
    assert "cert renew" not in said.text()


@pytest.mark.parametrize(("since", "until_days"), [(1000, 2000), (-2000, -1000)], ids=["behind", "ahead"])
def test_the_clock_of_this_machine(since: float, until_days: float) -> None:
    """Where the relay's clock is another and its certificate is good by that, the clock is the cause, not the dates."""
    leaf = make_certificate(valid_from_days=since, valid_to_days=until_days)
    then = datetime.now(UTC) + timedelta(days=(since + until_days) / 2)
    plain = page("204 No Content", Date=format_datetime(then, usegmt=True))

    async def scenario() -> Said:
        async with answering(server_context(leaf), {"*": plain}) as port:
            return await examined(mapped(port, cert_name=leaf.pin))

    said = run(scenario)
    assert said.step("dates") == ("fail", "TH020")
    assert f"{then:%Y-%m-%d}" in said.text()


def test_clocks_that_differ() -> None:
    """A relay whose clock is hours off, with a certificate that is good for years: a warning."""
    then = datetime.now(UTC) - timedelta(hours=5)
    plain = page("204 No Content", Date=format_datetime(then, usegmt=True))

    async def scenario() -> Said:
        async with answering(server_context(own()), {"*": plain}) as port:
            return await examined(mapped(port, cert_name=own().pin))

    said = run(scenario)
    assert said.step("dates") == ("warning", "TH393")
    assert said.seen.tls.is_trusted


# --- the handshake ----------------------------------------------------------------------------------------------------


def examine_openssl(tmp_path: Path, target: Callable[[int], Target], *options: str) -> Said:
    """What is said of OpenSSL's own server with these options."""
    program, port, file = require.openssl(), free_ports(), tmp_path / "server.pem"
    file.write_bytes(own().key_pem + own().pem)
    command = (program, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(file), "-www", *options)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path
    )

    async def scenario() -> Said:
        await until(lambda: _listens(port))
        return await examined(target(port))

    try:
        return run(scenario)
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_tls_that_is_too_old(version: str, tmp_path: Path) -> None:
    """A server that knows no TLS 1.2 is seen all the same, and told."""
    options = (f"-{version}", "-cipher", "ALL:@SECLEVEL=0")
    said = examine_openssl(tmp_path, lambda port: mapped(port, cert_name=own().pin), *options)
    assert said.step("tls") == ("fail", "TH024")
    assert said.step("pin") == ("untested", "TH024")
    assert not said.seen.tls.is_trusted


def test_a_relay_behind_old_tls() -> None:
    """A relay is seen behind old TLS as far as a login, which clients cannot speak it for: one error."""
    context = server_context(own(), meta())
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    async def scenario() -> Report:
        async with serving(tls=context) as relay:
            return await examine(mapped(relay.port, cert_name=own().pin), Options(timeout_s=2))

    report = run(scenario)
    assert [one.code for one in report.findings if one.severity is Severity.ERROR] == ["TH024"]
    ends = {step.name: (step.outcome.value, step.code) for step in report.steps}
    assert ends["upgrade"] == ("ok_beyond", "")
    assert ends["login"] == ("untested", "TH024")


def test_tls_1_2_is_well() -> None:
    """TLS 1.2 works, without fast start."""

    async def scenario() -> Said:
        async with serving(tls=server_context(own(), meta(), tls_1_2=True)) as relay:
            return await examined(mapped(relay.port, cert_name=own().pin))

    said = run(scenario)
    assert said.codes == []
    assert said.remark("upgrade") == "101, no fast start with TLS 1.2"


def test_a_name_that_the_server_refuses(tmp_path: Path) -> None:
    """A server that answers a name with an alert, as derper does, and serves who asks for none."""
    options = ("-servername", "relay.test", "-servername_fatal", "-cert2", "server.pem")
    said = examine_openssl(tmp_path, lambda port: mapped(port, NAME), *options)
    assert said.codes == ["TH390"]
    assert "TLSV1_UNRECOGNIZED_NAME" in said.text()
    assert said.step("upgrade")[0] == "untested"


def test_no_handshake(tmp_path: Path) -> None:
    """A server that has no cipher in common with clients breaks off every handshake."""
    options = ("-tls1_2", "-cipher", "ADH-AES128-SHA256:@SECLEVEL=0")
    said = examine_openssl(tmp_path, lambda port: mapped(port, NAME), *options)
    assert said.codes == ["TH391"]
    assert "HANDSHAKE_FAILURE" in said.text()


def test_nothing_is_said_in_the_handshake() -> None:
    """A server that takes connections and says nothing is waited for once, with a limit."""

    async def scenario() -> Said:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            return await examined(mapped(server.sockets[0].getsockname()[1]), timeout_s=0.2)

    said = run(scenario)
    assert said.codes == ["TH391"]
    assert said.seen.tls.failure == "timeout"
