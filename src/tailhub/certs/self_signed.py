"""Make the certificate that clients pin: one self-signed P-256 leaf, no chain.

Source: what real clients were seen to accept. A client that dials by IP address checks the pin and the dates only; one
that dials by a name also wants that name as a DNS SAN (a CN is not enough). So all names and addresses known at the
first start go in: adding one later means a new certificate, hence a new pin in every DERP map.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from tailhub.certs.dates import self_signed_validity
from tailhub.exceptions import LocalError

__all__ = ["make_self_signed"]

_MAX_CN = 64  # characters, RFC 5280's ub-common-name; SANs may be longer


def make_self_signed(dns_names: Sequence[str], ips: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """Make a key and its self-signed certificate; gives ``(certificate PEM, key PEM)``.

    `dns_names` are ASCII names (an internationalised one in its ``xn--`` form), at least one; the first that fits is
    the CN. `ips` are addresses in text form. Raises `LocalError` for a name or address that is none.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    if not dns_names:
        raise LocalError("a certificate of our own needs at least one DNS name")
    not_before, not_after = self_signed_validity(now)
    key = ec.generate_private_key(ec.SECP256R1())
    common_name = next((name for name in dns_names if len(name) <= _MAX_CN), "relay")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    try:
        sans: list[x509.GeneralName] = [x509.DNSName(dns_name) for dns_name in dns_names]
    except ValueError as exc:
        raise LocalError(f"expected ASCII DNS names, found {', '.join(dns_names)!r}") from exc
    sans += [x509.IPAddress(_address(ip)) for ip in ips]
    signing_only = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), not_before, not_after)
        .add_extension(x509.SubjectAlternativeName(sans), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(signing_only, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key_pem


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError as exc:
        raise LocalError(f"expected an IP address, found {text!r}") from exc
