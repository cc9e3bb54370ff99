"""What a relay notes in its state about its listeners: ports, names, and where each one's certificate comes from.

Beside them stand the files of the relay that are not in its state, by name of the setting: an export asks for them.

Read by commands that look at the state while no relay runs (``tailhub cert show``), and by a start elsewhere that must
not make a new pin for the same port. It is a note, not a setting: a relay never reads its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from tailhub.server.config import ListenerConfig

__all__ = [
    "LISTENERS",
    "ListenerRecord",
    "Origin",
    "describe_listeners",
    "origin_of",
    "read_elsewhere",
    "read_listeners",
]

LISTENERS = "listeners.json"
_MAX_LEN = 1 << 20  # bytes

Origin = Literal["pinned", "files", "directory", "acme", "none"]
"""Where a listener's certificate comes from; "none": a proxy in front ends TLS."""


@dataclass(frozen=True, slots=True)
class ListenerRecord:
    """One listener. `port` is 0 where there is none (a unix socket); `public_port` is what clients use.

    `cert`, `key` and `cert_dir` are absolute paths, empty where they do not apply; `pin` is the pair's name.
    """

    listen: str
    port: int
    public_port: int
    hostname: str
    origin: Origin
    pin: str = ""
    cert: str = ""
    key: str = ""
    cert_dir: str = ""


def origin_of(listener: ListenerConfig) -> Origin:
    """Where the certificate of this listener comes from."""
    if not listener.tls:
        return "none"
    if listener.cert is not None:
        return "files"
    if listener.cert_dir is not None:
        return "directory"
    return "acme" if listener.acme else "pinned"


def describe_listeners(
    listeners: Sequence[ListenerConfig], ports: Sequence[int], elsewhere: Mapping[str, Path] | None = None
) -> bytes:
    """The file's content for these listeners, which were given these ports, and files that are `elsewhere`."""
    records = [_record(listener, port) for listener, port in zip(listeners, ports, strict=True)]
    paths = {name: _absolute(path) for name, path in (elsewhere or {}).items()}
    return (
        json.dumps({"listeners": [asdict(record) for record in records], "elsewhere": paths}, indent=1).encode() + b"\n"
    )


def read_listeners(directory: Path) -> list[ListenerRecord]:
    """What the relay with this state directory noted when it last started; empty if it cannot be told."""
    entries = _read(directory).get("listeners")
    found = (_parse(entry) for entry in entries) if isinstance(entries, list) else ()
    return [record for record in found if record is not None]


def read_elsewhere(directory: Path) -> dict[str, Path]:
    """The relay's files that are not in this state directory, by name of the setting, as of its last start."""
    paths = _read(directory).get("elsewhere")
    if not isinstance(paths, dict):
        return {}
    return {name: Path(path) for name, path in paths.items() if isinstance(path, str) and path}


def _read(directory: Path) -> dict[str, Any]:
    try:
        with (directory / LISTENERS).open("rb") as file:
            value = json.loads(file.read(_MAX_LEN))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _record(listener: ListenerConfig, port: int) -> ListenerRecord:
    origin = origin_of(listener)
    return ListenerRecord(
        listen=listener.listen,
        port=port,
        public_port=listener.public_port or port,
        hostname=listener.hostname,
        origin=origin,
        pin=listener.pin if origin == "pinned" else "",
        cert=_absolute(listener.cert) if origin == "files" else "",
        key=_absolute(listener.key) if origin == "files" else "",
        cert_dir=_absolute(listener.cert_dir) if origin == "directory" else "",
    )


def _absolute(path: Path | None) -> str:
    try:
        return str(path.absolute()) if path is not None else ""
    except OSError:  # the current directory is gone
        return str(path)


def _parse(entry: Any) -> ListenerRecord | None:
    """A record from JSON; None for what is none, as a later version may write it."""
    if not isinstance(entry, dict):
        return None
    values: dict[str, Any] = {}
    for field in fields(ListenerRecord):
        value = entry.get(field.name)
        if not isinstance(value, int if field.name.endswith("port") else str):
            return None
        values[field.name] = value
    return ListenerRecord(**values) if values["origin"] in get_args(Origin) else None
