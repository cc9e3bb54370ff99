"""Where the configuration file is when nobody names one. It may be absent.

``/etc/tailhub/tailhub.toml`` for root; for a user what the XDG base directory specification says, on macOS and Windows
the system's own place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tailhub.server.state_place import own_home

__all__ = ["SYSTEM_FILE", "default_file"]

SYSTEM_FILE = Path("/etc/tailhub/tailhub.toml")
_NAME = Path("tailhub", "tailhub.toml")


def default_file(environ: Mapping[str, str], uid: int | None, platform: str) -> Path | None:
    """The path, None for a user without a home. `uid` is None on Windows; `platform` is ``sys.platform``."""
    if platform == "win32":
        data = environ.get("APPDATA")
        return Path(data) / _NAME if data else None
    if uid == 0:
        return SYSTEM_FILE
    xdg = Path(environ.get("XDG_CONFIG_HOME", ""))
    if xdg.is_absolute():  # the XDG specification: ignore a relative one
        return xdg / _NAME
    home = own_home(environ)
    if home is None:
        return None
    return home / ("Library/Application Support" if platform == "darwin" else ".config") / _NAME
