"""How long a server wants to be left alone: the header ``Retry-After`` (RFC 9110 section 10.2.3)."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta


def retry_after(text: str, now: datetime) -> timedelta | None:
    """The header's value, seconds or a date; None for what is neither."""
    text = text.strip()
    try:
        if text.isascii() and text.isdigit():
            return timedelta(seconds=int(text[:9]))
        return max(timedelta(0), email.utils.parsedate_to_datetime(text).astimezone(UTC) - now)
    except (ValueError, OverflowError):
        return None
