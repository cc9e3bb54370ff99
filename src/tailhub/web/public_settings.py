"""What an operator chooses about the public pages. Apart from them: a configuration is checked before there are any."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tailhub.exceptions import LocalError

__all__ = ["PublicSettings"]

_URL = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x7e]+")  # visible ASCII without quotes and angle brackets


@dataclass(frozen=True, slots=True)
class PublicSettings:
    """What the operator chose. `home`: empty for the default page, ``blank``, or a URL to redirect to.

    `quiet`: nothing tells scanners what this is; what clients ask for is answered all the same.
    Raises `LocalError` when `home` is something else.
    """

    home: str = ""
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.home not in ("", "blank") and not _URL.fullmatch(self.home):
            raise LocalError(f"home page: expected nothing, 'blank' or an http(s) URL, found {self.home!r}")
