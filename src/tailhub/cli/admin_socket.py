"""Asks the running relay over the unix socket in its state directory, for commands."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tailhub import findings
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.findings import CATALOGUE, Finding
from tailhub.server.state_place import ADMIN_SOCKET, locate

__all__ = ["UnixConnection", "call", "get", "is_relay_running", "state_directory"]

TIMEOUT_S = 10.0  # verifiers may be asked meanwhile
API = "/api/v1/"


def state_directory(state_dir: Path | None, config_file: str | None = None) -> Path:
    """The relay's state directory: `state_dir` (``--state-dir``), else that of its configuration or the usual one.

    Raises `FindingError` only for a `config_file` that was named.
    """
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    if state_dir is None:
        from tailhub.settings.merge import load

        try:
            state_dir = load({"config": config_file}, os.environ, uid, sys.platform).config().state_dir
        except FindingError:  # what is wrong with it is not this command's matter
            if config_file is not None:
                raise
            state_dir = None
    return locate(state_dir, os.environ, uid)


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


def call(state_dir: Path, method: str, target: str, fields: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Call the operator's API with these fields; what it answers. Raises `FindingError`, the relay's findings too."""
    path = state_dir / ADMIN_SOCKET
    body = json.dumps(fields).encode() if fields is not None else None
    status, answered = _request(path, method, API + target, body)
    try:
        value = json.loads(answered)
        error = value.get("error", {})
        if status == 200:
            return dict(value)
        if error.get("code") in CATALOGUE:
            finding = Finding(error["code"], error["values"])
            raise (UsageError if status == 409 else MachineError)(finding)
        reason = str(error.get("what", status))
    except (ValueError, TypeError, KeyError, AttributeError):  # a relay that has no such call
        reason = answered.decode("utf-8", "replace").strip()
    raise MachineError(findings.relay_not_found(path, reason))


def get(path: Path, target: str) -> tuple[int, bytes]:
    """Status and body of a page on the socket at `path`. Raises `MachineError`."""
    return _request(path, "GET", target)


def _request(path: Path, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
    if not hasattr(socket, "AF_UNIX"):
        raise MachineError(findings.platform_unsupported(sys.platform))
    connection = UnixConnection(str(path))
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

    def __init__(self, path: str) -> None:
        super().__init__("tailhub", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
