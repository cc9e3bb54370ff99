"""Drives ``tailcat`` (PyPI pytailcat): Tailscale's data plane, with no account and no control server."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.server_process import until

JOIN_LIMIT_S = 60.0  # it gives its address before it has joined its relay
PING_LIMIT_S = 3  # of one try
PIPE_LIMIT_S = 120.0

_NO_PONG = b"tailcat Ping: context deadline exceeded"
_PONG = re.compile(r"pong in \S+ via (.+)")


@dataclass(frozen=True)
class Listener:
    """A tailcat that waits for one peer and writes what comes into `received`."""

    address: str
    received: Path


class Tailcat:
    """Runs tailcat with a home of its own below `directory`, so that no key and no cached map comes from elsewhere.

    All go through the relay: the direct path between two of them is switched off. Each run has a key of its own, unless
    it is to have the one that `make_key` has put into the file `key`.
    """

    def __init__(
        self, program: str, map_url: str, directory: Path, prefix: Sequence[str] = (), key: Path | str = "new"
    ) -> None:
        self._command = (*prefix, program, "--derpmap-url", map_url, "--key", str(key))
        self._directory = directory
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TS_"))}
        self._environment = environment | {"HOME": str(directory), "TS_DEBUG_NEVER_DIRECT_UDP": "1"}

    @staticmethod
    def make_key(program: str, file: Path) -> str:
        """Make a client's key in `file`, which must end with ``.private.json``; the public one: ``nodekey:…``."""
        words = (program, "genkey", "--client", f"--key={file}")
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=JOIN_LIMIT_S)
        return done.stdout.strip()

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        """Start one that waits for a peer."""
        address, received, said = (self._directory / name for name in ("address", "received", "listener.log"))
        environment = self._environment | {"TAILCAT_ADDR_FILE": str(address)}
        with received.open("wb") as stdout, said.open("wb") as stderr:
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=environment
            )
        try:
            until(lambda: address.exists() and address.read_text().strip(), "tailcat gives its address", said.read_text)
            yield Listener(address.read_text().strip(), received)
        finally:
            process.terminate()
            process.wait()

    def ping(self, address: str) -> str | None:
        """One try; by which way the answer came, None without an answer."""
        done = subprocess.run(
            (*self._command, "ping", f"--timeout={PING_LIMIT_S}s", address),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=10 * PING_LIMIT_S,
            check=False,
        )
        pong = _PONG.search(done.stdout)
        assert (pong is not None) == (done.returncode == 0), done
        return pong[1] if pong is not None else None

    def first_pong(self, address: str) -> str:
        """Ping until an answer comes; by which way it came."""
        return until(lambda: self.ping(address), "a pong", limit_s=JOIN_LIMIT_S)

    def send(self, address: str, content: Path) -> None:
        """Pipe a file to the listener at `address`.

        Before it sends anything tailcat waits for one pong, not for long: on a busy machine it is asked again.
        """

        def sent() -> bool:
            with content.open("rb") as stdin:
                done = subprocess.run(
                    (*self._command, address),
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=self._environment,
                    timeout=PIPE_LIMIT_S,
                    check=False,
                )
            assert done.returncode == 0 or _NO_PONG in done.stderr, done
            return done.returncode == 0

        until(sent, "tailcat to reach the listener", limit_s=JOIN_LIMIT_S)
