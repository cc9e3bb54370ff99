"""What a relay has kept in its state directory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tailhub import box
from tailhub.keys import NodePrivate


def is_kept(state_dir: Path, private: NodePrivate) -> bool:
    """Is the admission of the client with this key in the store?"""
    try:
        with closing(sqlite3.connect(f"file:{state_dir / 'tailhub.db'}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT key FROM tailhub_admissions").fetchall()
    except sqlite3.OperationalError:  # not there yet
        return False
    return (box.public_key(private).raw,) in rows
