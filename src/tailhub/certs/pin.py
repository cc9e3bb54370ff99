"""The pin of a certificate: ``sha256-raw:<64 lower-case hex>``, as ``CertName`` in a DERP map.

Source: ``tailcfg.DERPNode.CertName`` and ``tlsdial.SetConfigExpectedCertHash`` of the reference. It is the SHA-256 of
the whole certificate in DER, not of its public key: any new certificate has a new pin. Clients compare the text
exactly, so upper case or colons never match.
"""

from __future__ import annotations

import hashlib

__all__ = ["pin_of_der"]

_PIN_PREFIX = "sha256-raw:"  # as tailcfg.derpmap.PIN_PREFIX, whose imports a relay does not need before it listens


def pin_of_der(der: bytes) -> str:
    """The pin of one certificate in DER."""
    return _PIN_PREFIX + hashlib.sha256(der).hexdigest()
