"""The dashboard's own files, from the package: read once, when somebody asks for the first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from tailhub.web.message import Header

__all__ = ["StaticFile", "load_files"]

_KINDS: Final = {
    "css": b"text/css; charset=utf-8",
    "html": b"text/html; charset=utf-8",
    "ico": b"image/vnd.microsoft.icon",
    "js": b"text/javascript; charset=utf-8",
    "json": b"application/json",
    "png": b"image/png",
    "svg": b"image/svg+xml",
    "txt": b"text/plain; charset=utf-8",
    "woff2": b"font/woff2",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file. Browsers ask each time whether it has changed: a newer tailhub must not meet an older one's script."""

    body: bytes
    headers: tuple[Header, ...]
    etag: bytes

    def is_known(self, if_none_match: bytes | None) -> bool:
        """Does the caller have it already (RFC 9110 section 13.1.2)?"""
        return if_none_match is not None and self.etag in (part.strip() for part in if_none_match.split(b","))


def load_files() -> dict[str, StaticFile]:
    """All files by their paths below ``static/``. Nothing of the caller's becomes part of a path."""
    found: dict[str, StaticFile] = {}
    _collect(files("tailhub.admin") / "static", "", found)
    return found


def _collect(directory: Traversable, prefix: str, found: dict[str, StaticFile]) -> None:
    for entry in directory.iterdir():
        kind = _KINDS.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            _collect(entry, f"{prefix}{entry.name}/", found)
        elif kind is not None:
            body = entry.read_bytes()
            etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
            headers = (b"content-type", kind), (b"etag", etag), (b"cache-control", b"no-cache")
            found[prefix + entry.name] = StaticFile(body, headers, etag)
