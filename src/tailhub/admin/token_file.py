"""The operator's token: who has it may see and do everything over TCP. A text in a file of the state directory.

The relay makes it at its first start (`tailhub.server.state`); it may be replaced at any time, and the next request is
judged by the new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["TOKEN_FILE", "TokenFile"]

TOKEN_FILE: Final = "operator.token"  # noqa: S105  a name
LEAST_LEN: Final = 16  # characters; a shorter one could be guessed, and counts as none
_MOST_BYTES: Final = 4096

_Trace = tuple[int, int, int]


class TokenFile:
    """The token in the file `path`, read again when that has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._trace: _Trace | None = None
        self._token = b""

    def fits(self, offered: bytes) -> bool:
        """Is this the token? It takes as long for any other of the same length."""
        import hmac  # the relay only wants to know the file's name

        self._refresh()
        return bool(self._token) and hmac.compare_digest(offered, self._token)

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            trace = status.st_ino, status.st_mtime_ns, status.st_size
            if trace != self._trace:
                with self._path.open("rb") as file:
                    token = file.read(_MOST_BYTES).strip()
                self._token = token if len(token) >= LEAST_LEN else b""
                self._trace = trace
        except OSError:  # no token: nobody has it
            self._trace, self._token = None, b""
