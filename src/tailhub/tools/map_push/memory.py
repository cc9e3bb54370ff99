"""What was pushed last, by place: a file in the relay's state directory. One that cannot be read is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import msgspec

from tailhub.server.file_edit import replace_file
from tailhub.tailcfg.derpmap import DERPRegion

__all__ = ["FILE", "last_pushed", "note_pushed"]

FILE: Final = "pushed-map.json"


def last_pushed(state_dir: Path, place: str) -> DERPRegion | None:
    """The region as it was pushed there."""
    try:
        return msgspec.convert(_read(state_dir).get(place), DERPRegion)
    except msgspec.ValidationError:
        return None


def note_pushed(state_dir: Path, place: str, region: DERPRegion) -> None:
    """Remember it. Raises `OSError`."""
    known = _read(state_dir)
    new = known | {place: msgspec.to_builtins(region)}
    if new != known:
        replace_file(state_dir / FILE, (json.dumps(new, indent=1) + "\n").encode())


def _read(state_dir: Path) -> dict[str, object]:
    try:
        value = json.loads((state_dir / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
