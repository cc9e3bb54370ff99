"""Certificates for tests, good and bad, made on the spot; and TLS contexts that present them."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pin(self) -> str:
        return "sha256-raw:" + hashlib.sha256(self.der).hexdigest()


def make_certificate(
    *,
    dns_names: Sequence[str] = (),
    ips: Sequence[str] = (),
    common_name: str = "relay",
    issuer_name: str = "",
    valid_from_days: float = -1,
    valid_to_days: float = 365,
    is_ca: bool = False,
    issuer: Made | None = None,
    serial: int = 0,
    ed25519_key: bool = False,
    organization: str = "",
    issuer_url: str = "",
) -> Made:
    """Make a certificate, self-signed unless there is an `issuer`; times are days from now.

    `issuer_url` says where that of the issuer could be fetched (AIA), as those of public CAs do.
    """
    key: Key = ed25519.Ed25519PrivateKey.generate() if ed25519_key else ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = _name(common_name, organization)
    signer = issuer.key if issuer is not None else key
    issued_by = issuer.certificate.subject if issuer is not None else _name(issuer_name or common_name, organization)
    builder = x509.CertificateBuilder(
        issued_by,
        subject,
        key.public_key(),
        serial or x509.random_serial_number(),
        now + timedelta(days=valid_from_days),
        now + timedelta(days=valid_to_days),
    ).add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    sans: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    sans += [x509.IPAddress(ip_address(ip)) for ip in ips]
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    if issuer_url:
        where = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(issuer_url)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Made(builder.sign(signer, algorithm), key)


def make_meta_certificate(server_key: bytes, *, serial: int = 2, common_name: str = "") -> Made:
    """Make a meta certificate, or one that is nearly so."""
    return make_certificate(
        common_name=common_name or "derpkey" + server_key.hex(),
        valid_from_days=-30,
        valid_to_days=30,
        serial=serial,
        ed25519_key=True,
    )


def server_context(leaf: Made, *others: Made, tls_1_2: bool = False) -> ssl.SSLContext:
    """A server's context that presents `leaf` and behind it the others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls_1_2:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "all.pem"
        file.write_bytes(leaf.key_pem + leaf.pem + b"".join(other.pem for other in others))
        context.load_cert_chain(file)
    return context


def _name(common_name: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, organization)] if organization else []
    if common_name:
        with warnings.catch_warnings():  # a meta certificate's CN is longer than X.509 allows
            warnings.simplefilter("ignore", UserWarning)
            attributes.append(x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name, _validate=False))
    return x509.Name(attributes)
