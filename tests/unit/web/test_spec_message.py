"""The first line and the Date of an answer."""

from __future__ import annotations

import pytest

from tailhub.web.message import date, reason


@pytest.mark.parametrize(
    ("unix_s", "expected"),
    [
        (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
        (784111777.9, b"Sun, 06 Nov 1994 08:49:37 GMT"),  # RFC 9110's example
        (1709164800, b"Thu, 29 Feb 2024 00:00:00 GMT"),
    ],
)
def test_date(unix_s: float, expected: bytes) -> None:
    """A date is written in the one form that RFC 9110 wants, in UTC."""
    assert date(unix_s) == expected


@pytest.mark.parametrize(("status", "words"), [(200, b"OK"), (426, b"Upgrade Required"), (599, b"")])
def test_reason(status: int, words: bytes) -> None:
    """A status has the words of its RFC, one that nobody defined has none."""
    assert reason(status) == words
