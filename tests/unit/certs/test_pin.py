"""The pin: SHA-256 of the whole certificate, in the one form that clients accept."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import sys

import pytest

from tailhub.certs.pin import pin_of_der, pin_of_pem
from tailhub.exceptions import LocalError


def test_form() -> None:
    """A pin is ``sha256-raw:`` and 64 lower-case hexadecimal digits of the SHA-256 of the DER bytes."""
    assert pin_of_der(b"abc") == "sha256-raw:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_of_pem_is_of_the_first_certificate() -> None:
    """Text before it, line ends of Windows and further certificates do not change the pin of a PEM text."""
    first, second = b"first certificate" * 9, b"second"
    pem = f"subject=\xe9 whatever\n{ssl.DER_cert_to_PEM_cert(first)}{ssl.DER_cert_to_PEM_cert(second)}"
    for text in (pem, pem.replace("\n", "\r\n")):
        assert pin_of_pem(text.encode()) == "sha256-raw:" + hashlib.sha256(first).hexdigest()


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"\xff\x00",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_no_certificate(pem: bytes) -> None:
    """What is no PEM certificate is refused with a local error."""
    with pytest.raises(LocalError, match="expected"):
        pin_of_pem(pem)


def test_is_cheap() -> None:
    """A pin needs no import of cryptography."""
    code = "import sys, tailhub.certs.pin; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
