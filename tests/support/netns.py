"""A Linux network namespace of a test's own: only loopback is in it, so any port is free and nothing leaves."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

LIMIT_S = 20.0
_numbers = itertools.count(1)


class NamespaceError(Exception):
    """It could not be made; says why."""


class NetworkNamespace:
    """Made at once, removed at the end of a ``with``. Raises `NamespaceError`."""

    def __init__(self) -> None:
        self.name = f"tailhub-{os.getpid()}-{next(_numbers)}"
        self._etc = Path("/etc/netns") / self.name  # ip-netns(8)
        _ip("netns", "add", self.name)
        try:
            self.ip("link", "set", "lo", "up")
        except NamespaceError:
            self.remove()
            raise

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command so that it runs in here, as the same process."""
        return ("ip", "netns", "exec", self.name)

    def ip(self, *arguments: str) -> None:
        """Run ``ip`` for this namespace."""
        _ip("-n", self.name, *arguments)

    def run(self, *command: str, stdin: str = "") -> str:
        """Run a command in here; what it says."""
        return _run((*self.prefix, *command), stdin)

    def etc_file(self, name: str, text: str) -> None:
        """What commands that are run in here from now on find as ``/etc/NAME``; the machine's own file stays."""
        self._etc.mkdir(parents=True, exist_ok=True)
        (self._etc / name).write_text(text)

    def cable(self, interface: str, other: NetworkNamespace, its_interface: str) -> None:
        """Lay a virtual cable to another namespace, up at both ends and without addresses."""
        peer = ("peer", "name", its_interface, "netns", other.name)
        self.ip("link", "add", interface, "type", "veth", *peer)
        self.ip("link", "set", interface, "up")
        other.ip("link", "set", its_interface, "up")

    def remove(self) -> None:
        """Take it away. Processes in it must have ended."""
        shutil.rmtree(self._etc, ignore_errors=True)
        _ip("netns", "del", self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def _ip(*arguments: str) -> None:
    _run(("ip", *arguments))


def _run(command: tuple[str, ...], stdin: str = "") -> str:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NamespaceError(str(error)) from error
    if done.returncode:
        raise NamespaceError(done.stderr.strip() or f"{command[0]} ended with code {done.returncode}")
    return done.stdout
