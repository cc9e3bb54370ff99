"""Runs a tailscaled without privileges, which joins a tailnet of a test's headscale."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import require
from support.headscale import Headscale
from support.relay_process import until

LIMIT_S = 30.0


class Tailscaled:
    """A tailscaled of a headscale's tailnet, without privileges. `environ` is added to what it inherits."""

    def __init__(self, directory: Path, environ: Mapping[str, str] | None = None) -> None:
        self._program, self._command = require.go_program("tailscaled"), require.go_program("tailscale")
        self._directory = directory
        self._environ = dict(environ or {})
        self.socket = directory / "tailscaled.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it has its socket."""
        words = ("--no-logs-no-support", "--tun=userspace-networking", "--port=0", f"--socket={self.socket}")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TS_"))}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                (self._program, *words, f"--statedir={self._directory}/ts"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment | {"HOME": str(self._directory)} | self._environ,
            )
        until(self.socket.exists, "tailscaled has its socket", self.log)

    def stop(self) -> None:
        """End it; it removes its socket."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def join(self, headscale: Headscale) -> None:
        """Join its tailnet."""
        words = ("up", f"--login-server={headscale.url}", f"--authkey={headscale.make_key()}", "--hostname=member")
        command = (self._command, f"--socket={self.socket}", *words)
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + self.log()

    def status(self) -> str:
        """What ``tailscale status`` prints, whatever it thinks of its state."""
        command = (self._command, f"--socket={self.socket}", "status")
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        return done.stdout + done.stderr

    @property
    def key(self) -> str:
        """Its public node key: ``nodekey:…``."""
        command = (self._command, f"--socket={self.socket}", "status", "--json")
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        return str(json.loads(done.stdout)["Self"]["PublicKey"])

    @property
    def log_file(self) -> Path:
        """Where it prints."""
        return self._directory / "tailscaled.log"

    def log(self) -> str:
        """All that it has printed."""
        return self.log_file.read_text("utf-8", "replace")
