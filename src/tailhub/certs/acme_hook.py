"""Runs somebody's command that writes a record into the DNS, and the one that takes it away: certbot's manual hooks.

Contract (certbot's documentation, "Pre and Post Validation Hooks"): the shell runs the command with ``CERTBOT_DOMAIN``,
``CERTBOT_VALIDATION`` and ``CERTBOT_REMAINING_CHALLENGES``; what it prints is ``CERTBOT_AUTH_OUTPUT`` for the one that
cleans up. Stricter than certbot in one thing: a command that fails ends the attempt, and its last line is the reason.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from typing import IO

from tailhub.certs.acme_errors import AcmeError

__all__ = ["hook_environment", "run_hook"]

LIMIT_S = 600.0  # a DNS provider may take minutes
LAST_WORDS_S = 1.0  # for what it has printed to be read, once it has ended
MAX_PRINTED = 1 << 20  # bytes, in each of both streams
_MAX_SHOWN = 300  # characters of its last line
_OWN_PREFIX = "TAILHUB_"


def hook_environment(
    environ: Mapping[str, str], domain: str, validation: str, token: str, left: int = 0, output: str | None = None
) -> dict[str, str]:
    """The variables of a hook; `output` is what the first one printed. Ours stay out: one of them may be a secret."""
    variables = {name: value for name, value in environ.items() if not name.startswith(_OWN_PREFIX)}
    variables |= {
        "CERTBOT_DOMAIN": domain,
        "CERTBOT_VALIDATION": validation,
        "CERTBOT_TOKEN": token,
        "CERTBOT_REMAINING_CHALLENGES": str(left),
        "CERTBOT_ALL_DOMAINS": domain,
    }
    if output is not None:
        variables["CERTBOT_AUTH_OUTPUT"] = output
    return variables


def run_hook(command: str, environ: Mapping[str, str]) -> str:
    """Run it to its end; what it printed. Blocks. Raises `AcmeError`.

    It is ended, with all that it has started, when it takes or prints too much. What it leaves running is left alone.
    """
    try:
        process = subprocess.Popen(  # noqa: S602  it is the operator's own command line, as certbot takes it
            command,
            shell=True,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, which can be ended as a whole
        )
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise AcmeError(f"the command `{command}` cannot be run: {reason}") from exc
    with process:
        output, errors = _Printed(process, process.stdout), _Printed(process, process.stderr)
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired as exc:
            _end(process)
            raise AcmeError(f"the command `{command}` has not ended within {LIMIT_S:.0f} s") from exc
        printed, said = output.text(), errors.text()
    if output.is_too_much or errors.is_too_much:
        raise AcmeError(f"the command `{command}` has printed more than {MAX_PRINTED >> 20} MiB, and was ended")
    if code:
        lines = (said or printed).splitlines()
        last = f": {lines[-1][:_MAX_SHOWN]}" if lines else ""
        raise AcmeError(f"the command `{command}` ended with code {code}{last}")
    return printed


class _Printed:
    """What a process prints into one pipe, read in a thread; more than `MAX_PRINTED` ends it."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes] | None) -> None:
        self._process = process
        self._descriptor = os.dup(pipe.fileno()) if pipe is not None else -1
        self._kept = bytearray()
        self.is_too_much = False
        self._thread = threading.Thread(target=self._read, name="hook", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All of it, once the process has ended; what it has left running may hold the pipe open."""
        self._thread.join(LAST_WORDS_S)
        return bytes(self._kept).decode("utf-8", "replace").strip()

    def _read(self) -> None:
        try:
            while data := os.read(self._descriptor, 1 << 16):
                if not self.is_too_much:
                    self._kept += data
                    if len(self._kept) > MAX_PRINTED:
                        self.is_too_much = True
                        _end(self._process)
        finally:
            os.close(self._descriptor)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it and its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
