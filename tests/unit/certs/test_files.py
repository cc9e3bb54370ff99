"""Certificates and keys from PEM files, as people have them."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from support.refusals import finding_of
from tailhub.certs.dates import BUILD_DATE
from tailhub.certs.files import Certificate, date_findings, load_pair, read_file, use_findings
from tailhub.certs.meta import make_meta
from tailhub.certs.pin import pin_of_der
from tailhub.certs.self_signed import make_self_signed
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.findings.place import Place
from tailhub.keys import NodePublic

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
NOW = datetime(2027, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
CERT, KEY = make_self_signed(["Relay.example", "*.wild.example"], ["203.0.113.7", "2001:db8::7"], NOW)
ROOT = trustme.CA()
MIDDLE = ROOT.create_child_ca()
ISSUED = MIDDLE.issue_cert("relay.example")
LEAF, MIDDLE_PEM, *_ = (blob.bytes() for blob in ISSUED.cert_chain_pems)
ROOT_PEM = ROOT.cert_pem.bytes()


def pair(tmp_path: Path, cert: bytes, key: bytes) -> tuple[Path, Path]:
    """The two files."""
    (tmp_path / "a.crt").write_bytes(cert)
    (tmp_path / "a.key").write_bytes(key)
    return tmp_path / "a.crt", tmp_path / "a.key"


def load(tmp_path: Path, cert: bytes, key: bytes) -> Certificate:
    return load_pair(*pair(tmp_path, cert, key))


def refusal(tmp_path: Path, cert: bytes, key: bytes) -> Finding:
    """The finding with which a pair is refused."""
    return finding_of(lambda: load(tmp_path, cert, key), MachineError)


def signed_by_itself(key: Key) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "no SAN")])
    algorithm = None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, NOW, NOW + DAY)
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)


def test_a_pair_of_our_own(tmp_path: Path) -> None:
    """What a certificate says of itself: names in lower case, addresses, dates, pin, one self-signed certificate."""
    certificate = load(tmp_path, CERT, KEY)
    der = ssl.PEM_cert_to_DER_cert(CERT.decode())
    assert certificate.names == ("relay.example", "*.wild.example")
    assert certificate.ips == ("203.0.113.7", "2001:db8::7")
    assert (certificate.not_before, certificate.not_after) == (BUILD_DATE - DAY, NOW.replace(year=2037))
    assert (certificate.leaf_der, certificate.pin) == (der, pin_of_der(der))
    assert (certificate.chain_pem, certificate.key_pem) == (CERT, KEY)
    assert (certificate.self_signed, certificate.chain_length) == (True, 1)


def test_repr_has_no_key(tmp_path: Path) -> None:
    """A certificate can be logged: neither key nor PEM shows."""
    assert "PRIVATE" not in repr(load(tmp_path, CERT, KEY))


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("relay.example", True),
        ("RELAY.example.", True),
        ("a.wild.example", True),
        ("wild.example", False),
        ("a.b.wild.example", False),
        ("example", False),
    ],
)
def test_covers(tmp_path: Path, host: str, covered: bool) -> None:
    """A name is covered in any case, with a final dot, and by a wildcard for exactly one label."""
    assert load(tmp_path, CERT, KEY).covers(host) is covered


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        Ed25519PrivateKey.generate,
    ],
)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_kinds_of_keys(tmp_path: Path, make: type[Ed25519PrivateKey], form: PrivateFormat) -> None:
    """EC, RSA and Ed25519 keys are read in both usual forms; without SANs there are no names."""
    key = make()
    if isinstance(key, Ed25519PrivateKey):
        form = PrivateFormat.PKCS8  # the only one it has
    certificate = load(tmp_path, signed_by_itself(key), key.private_bytes(Encoding.PEM, form, NoEncryption()))
    assert (certificate.names, certificate.ips) == ((), ())


@pytest.mark.parametrize(
    "chain",
    [
        [LEAF, MIDDLE_PEM, ROOT_PEM],
        [ROOT_PEM, MIDDLE_PEM, LEAF],
        [MIDDLE_PEM, LEAF, LEAF, ROOT_PEM],
        [make_meta(NodePublic(bytes(32)), NOW).pem, LEAF, ROOT_PEM, MIDDLE_PEM],
    ],
)
def test_chain_in_any_order(tmp_path: Path, chain: list[bytes]) -> None:
    """A chain comes out leaf first and each issuer next, once each, and without an old meta certificate."""
    certificate = load(tmp_path, b"".join(chain), ISSUED.private_key_pem.bytes())
    assert x509.load_pem_x509_certificates(certificate.chain_pem) == x509.load_pem_x509_certificates(
        LEAF + MIDDLE_PEM + ROOT_PEM
    )
    assert (certificate.self_signed, certificate.chain_length) == (False, 3)
    assert certificate.names == ("relay.example",)


def test_a_stranger_in_the_chain_comes_last(tmp_path: Path) -> None:
    """A certificate that is nobody's issuer is kept, after the chain."""
    certificate = load(tmp_path, CERT + LEAF + MIDDLE_PEM, ISSUED.private_key_pem.bytes())
    assert x509.load_pem_x509_certificates(certificate.chain_pem)[2] == x509.load_pem_x509_certificate(CERT)


def test_all_in_one_file(tmp_path: Path) -> None:
    """Key and certificates may be one file, with other blocks and text between, and line ends of Windows."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    path = tmp_path / "all.pem"
    path.write_bytes((b"subject=\xe4\n" + KEY + b"---\n" + parameters + CERT).replace(b"\n", b"\r\n"))
    assert load_pair(path, path).chain_pem == CERT


def test_the_old_label(tmp_path: Path) -> None:
    """The label ``X509 CERTIFICATE`` of old programs is read too."""
    old = CERT.replace(b"CERTIFICATE", b"X509 CERTIFICATE")
    assert load(tmp_path, old, KEY).chain_pem == CERT


def test_missing(tmp_path: Path) -> None:
    """A file that is not there is named together with the option; so is the target of a link to nowhere."""
    cert, key = pair(tmp_path, CERT, KEY)
    key.unlink()
    with pytest.raises(MachineError, match=rf"--key: .*{key}"):
        load_pair(cert, key)
    key.symlink_to(tmp_path / "nowhere")
    with pytest.raises(MachineError, match=r"a link to .*nowhere") as caught:
        load_pair(cert, key)
    assert isinstance(caught.value.finding, Finding)
    assert caught.value.finding.name == "file-missing"


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that this user may not read is refused with the user and the file's mode."""
    cert, key = pair(tmp_path, CERT, KEY)
    key.chmod(0o640)
    real_open = os.open

    def no_open(path: str, flags: int) -> int:
        if path == str(key):
            raise PermissionError(13, "Permission denied")
        return real_open(path, flags)

    monkeypatch.setattr(os, "open", no_open)
    with pytest.raises(MachineError, match="0640") as caught:
        load_pair(cert, key)
    assert isinstance(caught.value.finding, Finding)
    assert caught.value.finding.name == "file-unreadable"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_for_real(tmp_path: Path) -> None:
    """The same with the system's own refusal, behind a closed directory."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    try:
        with pytest.raises(MachineError) as caught:
            read_file(closed / "a.key", "--key")
    finally:
        closed.chmod(0o700)
    assert isinstance(caught.value.finding, Finding)
    assert caught.value.finding.name == "file-unreadable"


def test_a_directory(tmp_path: Path) -> None:
    """A directory in place of a file is refused in the system's words."""
    with pytest.raises(MachineError, match=r"(?i)directory"):
        load_pair(tmp_path, tmp_path)


def test_too_long(tmp_path: Path) -> None:
    """A file of more than a mebibyte is no certificate, and is not read to its end."""
    assert refusal(tmp_path, b"x" * (1 << 20) + b"x", KEY).name == "file-trouble"


def test_encrypted_key(tmp_path: Path) -> None:
    """An encrypted key is refused as such in both forms."""
    key = load_pem_private_key(KEY, None)
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        encrypted = key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret"))
        assert refusal(tmp_path, CERT, encrypted).name == "key-encrypted"


@pytest.mark.parametrize(("cert", "key"), [(CERT, b""), (b"", KEY), (KEY, CERT), (b"\x30\x82\x01\xff\xff", KEY)])
def test_not_pem(tmp_path: Path, cert: bytes, key: bytes) -> None:
    """Empty files, exchanged files and DER are refused as not the PEM that was expected."""
    assert refusal(tmp_path, cert, key).name == "not-pem"


def test_damaged(tmp_path: Path) -> None:
    """A damaged certificate or key is named with its file, without a piece of the key."""
    lines = KEY.splitlines(keepends=True)
    finding = refusal(tmp_path, CERT, lines[0] + lines[2] + lines[-1])
    assert finding.name == "file-trouble"
    assert "a.key" in str(finding)
    assert lines[2][:8].decode() not in str(finding)
    lines = CERT.splitlines(keepends=True)
    for body in (lines[1] + lines[3], b"!?!\n", b"AAA\n"):
        assert "a.crt" in str(refusal(tmp_path, lines[0] + body + lines[-1], KEY))


def test_wrong_key(tmp_path: Path) -> None:
    """A key that belongs to none of the certificates is refused with both files."""
    finding = refusal(tmp_path, CERT, ISSUED.private_key_pem.bytes())
    assert finding.name == "key-mismatch"
    assert "a.crt" in str(finding)
    assert "a.key" in str(finding)


def test_openssl_has_the_last_word(tmp_path: Path) -> None:
    """A pair that fits and that OpenSSL cannot serve is refused here, not at the first client."""
    key = rsa.generate_private_key(65537, 1024)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    strict = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        strict.load_cert_chain(*pair(tmp_path, signed_by_itself(key), pem))
    except ssl.SSLError:
        assert refusal(tmp_path, signed_by_itself(key), pem).name == "file-trouble"
    else:
        pytest.skip("this OpenSSL serves keys of 1024 bits")


@pytest.mark.parametrize(
    ("now", "pinned", "found"),
    [
        (NOW, True, []),
        (NOW.replace(year=2037), True, ["pin-expires-soon"]),
        (NOW.replace(year=2037) - 365 * DAY, True, []),
        (NOW.replace(year=2037) - 364 * DAY, True, ["pin-expires-soon"]),
        (NOW.replace(year=2037) - 89 * DAY, False, []),
        (NOW.replace(year=2037) + DAY, True, ["certificate-expired"]),
        (NOW.replace(year=2037) + DAY, False, ["certificate-expired"]),
        (BUILD_DATE - 2 * DAY, False, ["clock-before-build", "certificate-not-yet-valid"]),
    ],
)
def test_dates(tmp_path: Path, now: datetime, pinned: bool, found: list[str]) -> None:
    """Dates give findings, not errors; the end of a pin is told a year before."""
    cert, key = pair(tmp_path, CERT, KEY)
    result = date_findings(load_pair(cert, key), cert, now, key if pinned else None)
    assert [finding.name for finding in result] == found


@pytest.mark.parametrize(
    ("cert", "key", "found"),
    [
        (b"", KEY, "found an empty file. Bring it back"),
        (KEY, KEY, "found `-----BEGIN PRIVATE KEY-----`. Perhaps `--cert` and `--key` are the wrong way round"),
        (CERT, CERT, "found `-----BEGIN CERTIFICATE-----`. Perhaps `--cert` and `--key` are the wrong way round"),
        (CERT[:300], KEY, "the certificate in it is damaged or of an unknown kind. To look at it: `openssl x509"),
        (b"\x30\x82\x01\x00", KEY, "found something else. From DER: `openssl x509 -inform der"),
    ],
)
def test_what_is_there_instead(tmp_path: Path, cert: bytes, key: bytes, found: str) -> None:
    """A file that is not what it should be is answered by what it is."""
    assert found in str(refusal(tmp_path, cert, key))


@pytest.mark.parametrize(
    ("cert", "key", "host", "names"),
    [
        (LEAF + MIDDLE_PEM, ISSUED.private_key_pem.bytes(), "relay.example", []),
        (LEAF + MIDDLE_PEM, ISSUED.private_key_pem.bytes(), "", []),
        (LEAF + MIDDLE_PEM, ISSUED.private_key_pem.bytes(), "other.example", ["certificate-lacks-name"]),
        (LEAF, ISSUED.private_key_pem.bytes(), "relay.example", ["chain-missing"]),
        (CERT, KEY, "x.wild.example", []),
        (CERT, KEY, "other.example", ["certificate-lacks-name"]),
    ],
)
def test_what_clients_will_refuse(tmp_path: Path, cert: bytes, key: bytes, host: str, names: list[str]) -> None:
    """A name that is not in the certificate and a chain that is missing are told at the start."""
    cert_file, key_file = pair(tmp_path, cert, key)
    result = use_findings(load_pair(cert_file, key_file), cert_file, host)
    assert [finding.name for finding in result] == names


def test_needs_pin(tmp_path: Path) -> None:
    """A certificate of its own making, or without a name, can only be pinned; one of a CA's is checked by its name."""
    nameless = MIDDLE.issue_cert("203.0.113.7")
    chain = b"".join(blob.bytes() for blob in nameless.cert_chain_pems)
    assert load(tmp_path, CERT, KEY).needs_pin
    assert load(tmp_path, chain, nameless.private_key_pem.bytes()).needs_pin
    assert not load(tmp_path, LEAF + MIDDLE_PEM, ISSUED.private_key_pem.bytes()).needs_pin


def test_alone(tmp_path: Path) -> None:
    """Without its chain a certificate is the same, and the only one that is served."""
    certificate = load(tmp_path, LEAF + MIDDLE_PEM, ISSUED.private_key_pem.bytes())
    alone = certificate.alone()
    assert (alone.chain_length, alone.chain_pem.count(b"BEGIN CERTIFICATE")) == (1, 1)
    assert alone.pin == certificate.pin
    assert ssl.PEM_cert_to_DER_cert(alone.chain_pem.decode()) == alone.leaf_der


def test_file_in_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is told to be missing when the current directory is, too."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(MachineError, match=r"there is no file a\.crt"):
        read_file(Path("a.crt"), "--cert")


def test_a_missing_file_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    """What a configuration file names counts from its directory, what a flag names from where one is; so it is said."""
    config = tmp_path / "etc" / "tailhub.toml"
    for place, directory in (
        (Place.key("mesh_key_file", 2, str(config)), str(config.parent)),
        (Place.flag("mesh_key_file"), str(Path.cwd())),
    ):
        with pytest.raises(MachineError) as error:
            read_file(tmp_path / "none", place)
        assert f"counts from {directory}." in str(error.value)
