"""How long a server wants to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tailhub.net.retry_after import retry_after


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", timedelta(minutes=2)),
        ("Fri, 27 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Fri, 27 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("Fri, 99 Nov 2026 12:01:00 GMT", None),
        ("9" * 5000, timedelta(seconds=999999999)),
    ],
)
def test_retry_after(text: str, expected: timedelta | None) -> None:
    """Seconds or a date, and None for anything else."""
    assert retry_after(text, datetime(2026, 11, 27, 12, tzinfo=UTC)) == expected
