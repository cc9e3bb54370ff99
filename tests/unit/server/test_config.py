"""The flags of ``tailhub relay`` before anything is opened."""

from __future__ import annotations

import pytest

from tailhub.server.config import split_hostname


@pytest.mark.parametrize(
    ("hostname", "addresses", "expected"),
    [
        ("derp.example.com", (), ("derp.example.com", ())),
        ("derp.example.com", ("203.0.113.7",), ("derp.example.com", ("203.0.113.7",))),
        ("", ("203.0.113.7",), ("", ("203.0.113.7",))),
        ("203.0.113.7", (), ("", ("203.0.113.7",))),
        ("203.0.113.7", ("203.0.113.7",), ("", ("203.0.113.7",))),
        ("2001:db8::7", ("203.0.113.7",), ("", ("203.0.113.7", "2001:db8::7"))),
        ("[2001:db8::7]", (), ("", ("2001:db8::7",))),
        ("203.0.113", (), ("203.0.113", ())),
    ],
)
def test_split_hostname(hostname: str, addresses: tuple[str, ...], expected: tuple[str, tuple[str, ...]]) -> None:
    """An IP address in place of the host name becomes one more address."""
    assert split_hostname(hostname, addresses) == expected
