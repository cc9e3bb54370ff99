"""Where a store is: the setting ``store`` as the relay and ``tailhub usage`` understand it. Without SQLAlchemy."""

from __future__ import annotations

from pathlib import Path

from tailhub.exceptions import LocalError

__all__ = ["BACKUPS", "FILE", "OFF", "parse_location", "public_location"]

OFF = "off"
FILE = "tailhub.db"  # in the state directory
BACKUPS = "backups"  # beside it

_SCHEMES = ("postgresql", "postgres")  # as libpq


def parse_location(text: str, state_dir: Path) -> Path | str | None:
    """A SQLite file (empty text), the URL of a PostgreSQL database, or None (``off``). Raises `LocalError`.

    The error never carries the text, which may have a password.
    """
    if text == OFF:
        return None
    if not text:
        return state_dir / FILE
    from urllib.parse import urlsplit  # a start that needs none does without

    try:
        parts = urlsplit(text)
        _ = parts.port  # read only now, and refused if it is none
    except ValueError:
        raise LocalError("it is no URL") from None
    if parts.scheme not in _SCHEMES or not text.startswith(f"{parts.scheme}://"):
        raise LocalError("it does not begin with postgresql://")
    if not parts.path.strip("/") and "dbname=" not in parts.query:
        raise LocalError("it names no database")
    return text


def public_location(place: Path | str) -> str:
    """The place as it may be shown: a URL without user, password and options."""
    if isinstance(place, Path):
        return str(place)
    scheme, _, rest = place.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
