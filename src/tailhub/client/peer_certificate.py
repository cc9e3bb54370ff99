"""Whether a relay's certificate is good enough, by the rules of a real client.

Three ways to be sure (`CertName` of a DERP map decides): a pin, ``sha256-raw:<hex>``; another DNS name that the
certificate must be for; or none of both, the plain rules of the web. What the `ssl` module cannot check by itself is
checked here, on the chain that the relay presented, before a byte is sent. Source: the reference's
``net/tlsdial/tlsdial.go``.
"""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from tailhub.derp.meta_cert import is_meta_cert, server_key_from_meta
from tailhub.exceptions import CertificateError, LocalError
from tailhub.tailcfg.map_words import PIN_PREFIX

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["Presented", "check_cert_name", "check_chain", "judge", "make_context", "peer_chain"]

_HEX = frozenset("0123456789abcdef")
_ENCODING_DER = 2  # _ssl.ENCODING_DER


def check_cert_name(cert_name: str) -> None:
    """Raises `LocalError` for a pin that could never match, for a real client either. Clients compare the text."""
    prefix, colon, digest = cert_name.partition(":")
    if not colon:
        return
    if f"{prefix}:" == PIN_PREFIX and len(digest) == 64 and _HEX.issuperset(digest):
        return
    raise LocalError(
        f"cert_name: expected {PIN_PREFIX!r} and 64 lower-case hexadecimal digits without colons, or a DNS name;"
        f" found {cert_name!r}"
    )


def make_context(server_name: str, cert_name: str | None, *, insecure: bool) -> ssl.SSLContext:
    """What the `ssl` module shall check in the handshake; `check_chain` does the rest.

    As a real client, `insecure` means nothing beside a `cert_name`.
    """
    is_pinned = cert_name is not None and cert_name.startswith(PIN_PREFIX)
    if is_pinned or (insecure and cert_name is None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
        # Python 3.13 asks more of a private CA than real clients do: let all versions judge alike.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = cert_name is None or cert_name == server_name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Presented(NamedTuple):
    """What a relay has shown: its own certificate in DER, and its DERP key out of the meta certificate."""

    certificate_der: bytes | None
    meta_key: bytes | None


def judge(tls: ssl.SSLObject, server_name: str, cert_name: str | None) -> Presented:
    """What the other side shows, once the handshake is done and if it is good. Raises `CertificateError`."""
    chain = peer_chain(tls)
    check_chain(chain, server_name, cert_name, datetime.now(UTC))
    leaf = next((der for der in chain if not is_meta_cert(der)), None)
    # Before TLS 1.3 certificates travel in the clear, where a box in the middle may tamper; real clients look no
    # further then, and neither do we.
    keys = (server_key_from_meta(der) for der in chain) if tls.version() == "TLSv1.3" else ()
    return Presented(leaf, next((key for key in keys if key is not None), None))


def peer_chain(ssl_object: ssl.SSLObject) -> list[bytes]:
    """The certificates that the other side presented, in DER, its own first; unverified."""
    public: Any = getattr(ssl_object, "get_unverified_chain", None)  # Python 3.13
    if public is not None:
        return [bytes(der) for der in public()]
    inner: Any = ssl_object._sslobj  # type: ignore[attr-defined]  # the only way before 3.13
    return [bytes(cert.public_bytes(_ENCODING_DER)) for cert in inner.get_unverified_chain() or ()]


def check_chain(chain: list[bytes], server_name: str, cert_name: str | None, now: datetime) -> None:
    """Check what `make_context` left open. Raises `CertificateError`. `now` is aware of its time zone."""
    if cert_name is None:
        return
    if not cert_name.startswith(PIN_PREFIX):
        if cert_name != server_name:
            _check_name(_load(chain[0]), cert_name)
        return
    leaves = [der for der in chain if not is_meta_cert(der)]
    if len(leaves) != 1:
        raise CertificateError(
            f"expected one certificate beside the meta certificate, found {len(leaves)}:"
            " a relay whose certificate is pinned must present it alone, without a chain",
            "cert_count",
        )
    found = PIN_PREFIX + hashlib.sha256(leaves[0]).hexdigest()
    if found != cert_name:
        raise CertificateError(
            f"expected the certificate {cert_name}, found {found}: either the relay has a new certificate"
            " (then take the new pin from the relay itself into the DERP map), or this is not the relay",
            "cert_pin",
        )
    certificate = _load(leaves[0])
    if not _is_ip(server_name):
        _check_name(certificate, server_name)
    _check_dates(certificate, now)


def _load(der: bytes) -> Certificate:
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as exc:
        raise CertificateError(f"the certificate cannot be read: {exc}", "cert_form") from exc


def _check_dates(certificate: Certificate, now: datetime) -> None:
    if now > certificate.not_valid_after_utc:
        raise CertificateError(
            f"the certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC:"
            " the relay needs a new one (and the DERP map its new pin)",
            "cert_expired",
        )
    if now < certificate.not_valid_before_utc:
        raise CertificateError(
            f"the certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC:"
            " is the clock of this machine right?",
            "cert_not_yet_valid",
        )


def _check_name(certificate: Certificate, name: str) -> None:
    from cryptography import x509

    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = san.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    except ValueError as exc:
        raise CertificateError(f"the names in the certificate cannot be read: {exc}", "cert_form") from exc
    if not any(_matches(pattern, name) for pattern in names):
        found = f"is for {', '.join(names)}" if names else "has no DNS name (a subject's CN does not count)"
        raise CertificateError(f"expected a certificate for the name {name}, but it {found}", "cert_name")


def _matches(pattern: str, name: str) -> bool:
    """Whether a DNS name of a certificate covers `name`; ``*`` stands for the whole first label only."""
    wanted = name.rstrip(".").lower().split(".")
    given = pattern.lower().split(".")
    if given[0] == "*" and len(given) > 1:
        return wanted[1:] == given[1:] and wanted[0] != ""
    return wanted == given


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
