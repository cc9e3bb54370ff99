"""The pin of a certificate: ``sha256-raw:<64 lower-case hex>``, as ``CertName`` in a DERP map.

Source: ``tailcfg.DERPNode.CertName`` and ``tlsdial.SetConfigExpectedCertHash`` of the reference. It is the SHA-256 of
the whole certificate in DER, not of its public key: any new certificate has a new pin. Clients compare the text
exactly, so upper case or colons never match.
"""

from __future__ import annotations

import hashlib
import ssl

from tailhub.exceptions import LocalError

__all__ = ["PIN_PREFIX", "pin_of_der", "pin_of_pem"]

PIN_PREFIX = "sha256-raw:"
_END = "-----END CERTIFICATE-----"


def pin_of_der(der: bytes) -> str:
    """The pin of one certificate in DER."""
    return PIN_PREFIX + hashlib.sha256(der).hexdigest()


def pin_of_pem(pem: bytes) -> str:
    """The pin of the first certificate in a PEM text; raises `LocalError` when there is none."""
    text = pem.decode("ascii", "replace")
    start = text.find("-----BEGIN CERTIFICATE-----")
    end = text.find(_END, start)
    if start < 0 or end < 0:
        raise LocalError("expected a certificate in PEM form (-----BEGIN CERTIFICATE-----), found none")
    try:
        der = ssl.PEM_cert_to_DER_cert(text[start : end + len(_END)])
    except ValueError as exc:
        raise LocalError(f"expected base64 between the lines of a PEM certificate: {exc}") from exc
    return pin_of_der(der)
