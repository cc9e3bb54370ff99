"""The pin: SHA-256 of the whole certificate, in the one form that clients accept."""

from __future__ import annotations

from tailhub.certs.pin import pin_of_der


def test_form() -> None:
    """A pin is ``sha256-raw:`` and 64 lower-case hexadecimal digits of the SHA-256 of the DER bytes."""
    assert pin_of_der(b"abc") == "sha256-raw:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
