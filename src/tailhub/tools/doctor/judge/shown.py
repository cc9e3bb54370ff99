"""What stands in the certificates that a relay shows: the facts that a judge goes by. Bytes in, plain values out.

Not here: whether clients take them (`tailhub.client.peer_certificate` has a client's rules, `certificate` asks it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tailhub.certs.pin import pin_of_der
from tailhub.derp.meta_cert import is_meta_cert

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

__all__ = ["Shown", "own_chain", "read_certificate"]

_MAX_NAME = 253  # characters, as many as a DNS name may have


@dataclass(frozen=True, slots=True)
class Shown:
    """One certificate. Dates are aware of their time zone (UTC)."""

    pin: str
    names: tuple[str, ...]
    """Its DNS names, then its addresses; a CN does not count."""
    common_name: str
    issuer: str
    issuer_organization: str
    issuer_is_fetchable: bool
    """Does it say where its issuer's certificate can be fetched (AIA)? Those of public CAs do."""
    is_self_signed: bool
    not_before: datetime
    not_after: datetime


def own_chain(chain: Sequence[bytes]) -> tuple[bytes, ...]:
    """What was presented without meta certificates, the relay's own certificate first."""
    return tuple(der for der in chain if not is_meta_cert(der))


def read_certificate(der: bytes) -> Shown | None:
    """Read one, None if it cannot be read: clients cannot then, either."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    unreadable = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm)
    try:
        certificate = x509.load_der_x509_certificate(der)
        return Shown(
            pin=pin_of_der(der),
            names=_names(certificate),
            common_name=_attribute(certificate.subject, x509.NameOID.COMMON_NAME),
            issuer=_called(certificate.issuer),
            issuer_organization=_attribute(certificate.issuer, x509.NameOID.ORGANIZATION_NAME),
            issuer_is_fetchable=_issuer_is_fetchable(certificate),
            is_self_signed=_is_self_signed(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
        )
    except (ValueError, *unreadable):
        return None


def _names(certificate: Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = san.get_values_for_type(x509.IPAddress)
    names = [name[:_MAX_NAME] for name in san.get_values_for_type(x509.DNSName)]
    return (*names, *(str(address) for address in addresses))


def _attribute(name: Name, oid: object) -> str:
    return next((str(attribute.value)[:_MAX_NAME] for attribute in name if attribute.oid == oid), "")


def _called(name: Name) -> str:
    """What people call a CA: its CN, or all of its name."""
    from cryptography import x509

    return _attribute(name, x509.NameOID.COMMON_NAME) or name.rfc4514_string()[:_MAX_NAME]


def _issuer_is_fetchable(certificate: Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return False
    return any(one.access_method == AuthorityInformationAccessOID.CA_ISSUERS for one in access)


def _is_self_signed(certificate: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True
