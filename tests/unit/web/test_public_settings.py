from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.web.public_settings import PublicSettings


@pytest.mark.parametrize("home", ["Blank", "example.com", "ftp://x", "https://", "https://a b", "http://a\r\nx: y"])
def test_home_refused(home: str) -> None:
    """A home page of another kind is refused when it is set, not when it is asked for."""
    with pytest.raises(LocalError, match="home page"):
        PublicSettings(home)
