"""Asks the running relay over the unix socket in its state directory."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailhub import findings
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import CATALOGUE, Finding
from tailhub.server.state_place import ADMIN_SOCKET

__all__ = ["API", "TIMEOUT_S", "UnixConnection", "call", "get", "is_relay_running", "told_finding"]

TIMEOUT_S = 10.0  # verifiers may be asked meanwhile
API = "/api/v1/"


def is_relay_running(state_dir: Path) -> bool:
    """Does a relay answer there? Raises `MachineError` where this user may not ask."""
    connection = UnixConnection(str(state_dir / ADMIN_SOCKET))
    try:
        connection.connect()
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return False
    except OSError as exc:
        raise MachineError(findings.relay_not_found(state_dir / ADMIN_SOCKET, exc)) from exc
    finally:
        connection.close()
    return True


def call(
    state_dir: Path,
    method: str,
    target: str,
    fields: Mapping[str, object] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, Any]:
    """Call the operator's API with these fields; what it answers. Raises `FindingError`, the relay's findings too."""
    path = state_dir / ADMIN_SOCKET
    body = json.dumps(fields).encode() if fields is not None else None
    status, answered = _request(path, method, API + target, body, timeout_s)
    if (finding := told_finding(answered)) is not None:
        raise (UsageError if status == http.HTTPStatus.CONFLICT else MachineError)(finding)
    try:
        value = json.loads(answered)
        if status == http.HTTPStatus.OK:
            return dict(value)
        reason = str(value["error"]["what"])
    except (ValueError, TypeError, KeyError):  # a relay that has no such call
        reason = answered.decode("utf-8", "replace").strip()
    raise MachineError(findings.relay_not_found(path, reason))


def told_finding(body: bytes) -> Finding | None:
    """The finding that a relay's API answers with, if this is one that is known here."""
    try:
        error = json.loads(body)["error"]
        return Finding(error["code"], error["values"]) if error["code"] in CATALOGUE else None
    except (ValueError, TypeError, KeyError):
        return None


def get(path: Path, target: str, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes]:
    """Status and body of a page on the socket at `path`. Raises `MachineError`."""
    return _request(path, "GET", target, None, timeout_s)


def _request(path: Path, method: str, target: str, body: bytes | None, timeout_s: float) -> tuple[int, bytes]:
    if not hasattr(socket, "AF_UNIX"):
        raise MachineError(findings.platform_unsupported(sys.platform))
    connection = UnixConnection(str(path), timeout_s)
    try:
        connection.request(method, target, body)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as exc:
        raise MachineError(findings.relay_not_found(path, exc)) from exc
    finally:
        connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__("tailhub", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
