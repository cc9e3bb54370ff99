"""Where a store is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.exceptions import LocalError
from tailhub.store.location import parse_location, public_location

STATE = Path("/var/lib/tailhub")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", STATE / "tailhub.db"),
        ("off", None),
        ("postgresql://u:p@db.example.com/tailhub", "postgresql://u:p@db.example.com/tailhub"),
        (
            "postgres://db.example.com:5433/tailhub?sslmode=require",
            "postgres://db.example.com:5433/tailhub?sslmode=require",
        ),
        ("postgresql:///tailhub?host=/run/postgresql", "postgresql:///tailhub?host=/run/postgresql"),
        ("postgresql://db.example.com?dbname=tailhub", "postgresql://db.example.com?dbname=tailhub"),
    ],
)
def test_a_location_is_a_file_a_database_or_none(text: str, expected: Path | str | None) -> None:
    """Nothing is a file of the state directory, ``off`` is none, and a URL of PostgreSQL is itself."""
    assert parse_location(text, STATE) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Off",
        "tailhub.db",
        "sqlite:///x.db",
        "mysql://u:secret@db/x",
        "postgresql:u:secret@db/x",
        "postgresql://u:secret@db",
        "postgresql://u:secret@db/",
        "postgresql://u:secret@db:99999/x",
        "postgresql://[u:secret@db/x",
    ],
)
def test_what_is_no_location_is_refused_without_its_text(text: str) -> None:
    """Anything else is refused, and the refusal has no part of what may be a password."""
    with pytest.raises(LocalError) as caught:
        parse_location(text, STATE)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (STATE / "tailhub.db", "/var/lib/tailhub/tailhub.db"),
        ("postgresql://u:secret@db.example.com:5433/x", "postgresql://db.example.com:5433/x"),
        ("postgresql://u:secret/secret@db/x", "postgresql://db/x"),
        ("postgresql://u:secret?secret@db/x", "postgresql://db/x"),
        ("postgresql://u:secret@secret@db/x", "postgresql://db/x"),
        ("postgresql://db/x?password=secret&sslmode=require", "postgresql://db/x"),
        ("postgresql:///x?host=/run/postgresql&user=u&password=secret", "postgresql:///x"),
    ],
)
def test_a_password_is_not_shown(place: Path | str, shown: str) -> None:
    """Neither user nor password, wherever they stand, is in what is shown."""
    assert public_location(place) == shown
