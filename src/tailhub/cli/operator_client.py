"""Reads a relay's operator's API for commands that look again and again: over its unix socket, or by URL with a token.

One connection is kept as long as the relay does. For actions see `admin_socket`.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from tailhub import findings
from tailhub.cli.admin_socket import API, TIMEOUT_S, UnixConnection
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import CATALOGUE, Finding
from tailhub.server.state_place import ADMIN_SOCKET

__all__ = ["Operator", "by_socket", "by_url"]

T = TypeVar("T")


class Operator:
    """The API of one relay. Not for several threads at once."""

    def __init__(
        self, place: str, connect: Callable[[], http.client.HTTPConnection], token: str = "", *, is_local: bool = False
    ) -> None:
        """`place` is what people call it; `is_local`: asked over its unix socket."""
        self.place = place
        self._connect = connect
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._is_local = is_local
        self._connection: http.client.HTTPConnection | None = None

    def get(self, target: str) -> bytes:
        """What ``/api/v1/TARGET`` answers. Raises `MachineError`."""
        try:
            status, body = self._ask(API + target)
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise MachineError(self._away(exc)) from exc
        if status == http.HTTPStatus.OK:
            return body
        raise MachineError(self._refusal(status, body))

    def read(self, target: str, kind: type[T]) -> T:
        """The same, as one of `tailhub.admin.api_types`. Raises `MachineError`."""
        body = self.get(target)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, ValueError) as exc:
            raise MachineError(findings.operator_unusable(self.place, str(exc))) from exc

    def close(self) -> None:
        """Close the connection; the next question opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, target: str) -> tuple[int, bytes]:
        """One question, once more on a new connection if the kept one turns out to be closed."""
        kept = self._connection
        try:
            return self._ask_once(target)
        except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
            if kept is None:
                raise
            self.close()
            return self._ask_once(target)

    def _ask_once(self, target: str) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("GET", target, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.will_close:
            self.close()
        return response.status, body

    def _away(self, exc: Exception) -> Finding:
        if self._is_local:
            return findings.relay_not_found(self.place, exc)
        return findings.operator_unreachable(self.place, exc)

    def _refusal(self, status: int, body: bytes) -> Finding:
        """What it says is wrong, if it is a relay that says so."""
        if status == http.HTTPStatus.UNAUTHORIZED:
            return findings.operator_refuses(self.place)
        try:
            error = json.loads(body)["error"]
            if error["code"] in CATALOGUE:
                return Finding(error["code"], error["values"])
        except (ValueError, TypeError, KeyError):
            pass
        return findings.operator_unusable(self.place, f"{status} {http.client.responses.get(status, '')}".strip())


def by_socket(state_dir: Path) -> Operator:
    """The relay with this state directory, on this machine."""
    path = str(state_dir / ADMIN_SOCKET)
    return Operator(path, lambda: UnixConnection(path), is_local=True)


def by_url(url: str, token_file: Path | None) -> Operator:
    """The relay whose operator's pages are at `url`; the token is in a file. Raises `UsageError`, `MachineError`."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.path not in ("", "/")
        or parts.query
        or parts.username
    ):
        raise UsageError(findings.bad_operator_url(url))
    token = ""
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as exc:
            raise MachineError(findings.file_trouble(str(token_file), _words(exc))) from exc

    def connect() -> http.client.HTTPConnection:
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    return Operator(f"{parts.scheme}://{parts.netloc}", connect, token)


def _words(exc: Exception) -> str:
    return (exc.strerror or str(exc)) if isinstance(exc, OSError) else "not a text of ASCII characters"
