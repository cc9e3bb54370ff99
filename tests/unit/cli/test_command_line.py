"""Values of the command line as people write them."""

from __future__ import annotations

import pytest

from tailhub.cli.command_line import duration
from tailhub.exceptions import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("360", 360), ("90s", 90), ("6m", 360), ("1.5h", 5400), ("0", 0), (" 5m ", 300), ("24h", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    """A time is a number of seconds, or has its unit behind it."""
    assert duration("--for", text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "5 m", "25h", "1d", "1e3", "m", "５m"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else, and more than a day, is refused."""
    with pytest.raises(UsageError, match="expected a time"):
        duration("--for", text)
