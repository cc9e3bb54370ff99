"""Headscale's ``/verify`` and a real tailscaled say who may relay, and real clients obey or are kept out."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.headscale import Headscale, running_headscale
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from support.tailcat import Tailcat

pytestmark = pytest.mark.go

LIMIT_S = 30.0


class Tailscaled:
    """A tailscaled in a tailnet of a headscale, without privileges and without a state that lasts."""

    def __init__(self, directory: Path) -> None:
        self._program, self._command = require.go_program("tailscaled"), require.go_program("tailscale")
        self._directory = directory
        self.socket = directory / "tailscaled.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ("--no-logs-no-support", "--tun=userspace-networking", "--port=0", f"--socket={self.socket}")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "TS_"))}
        with (self._directory / "tailscaled.log").open("ab") as log:
            self._process = subprocess.Popen(
                (self._program, *words, f"--statedir={self._directory}/ts"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment | {"HOME": str(self._directory)},
            )
        until(self.socket.exists, "tailscaled has its socket", self.log)

    def log(self) -> str:
        return (self._directory / "tailscaled.log").read_text("utf-8", "replace")

    def call(self, *words: str) -> str:
        done = subprocess.run(
            (self._command, f"--socket={self.socket}", *words),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout

    def join(self, headscale: Headscale) -> str:
        """Join its tailnet; the node's key."""
        self.call("up", f"--login-server={headscale.url}", f"--authkey={headscale.make_key()}", "--hostname=member")
        return str(json.loads(self.call("status", "--json"))["Self"]["PublicKey"])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


@pytest.fixture
def tailscaled(tmp_path: Path) -> Iterator[Tailscaled]:
    daemon = Tailscaled(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()


def short(relay: RelayProcess, word: str) -> list[str]:
    return [line for line in relay.log().splitlines() if f"  {word} " in line]


@pytest.mark.parametrize("verifier", ["headscale", "tailscaled"])
def test_members_may_relay_and_strangers_may_not(verifier: str, tailscaled: Tailscaled, tmp_path: Path) -> None:
    """A node of the tailnet logs in by the word of headscale, or of a tailscaled; a tailcat, which is in none, is not let in."""
    tailcat = require.tailcat()
    port = free_ports()
    url = f"http://127.0.0.1:{port}/verify"
    words = ("--verify-url", url) if verifier == "headscale" else (
        "--verify-tailscaled", "--verify-socket", str(tailscaled.socket)
    )
    with RelayProcess("--address", "127.0.0.1", *words) as relay:
        with running_headscale(tmp_path, port, [f"{relay.map_url}?view=public"]) as headscale:
            tailscaled.join(headscale)
            until(lambda: relay.metric("tailhub_logins_total") >= 1, "the member logs in", lambda: relay.log() + tailscaled.log(), LIMIT_S)
            with Tailcat(tailcat, relay.map_url, tmp_path).listen():
                until(lambda: "refused [" in relay.log(), "the stranger is refused", relay.log, LIMIT_S)
            assert relay.metric('tailhub_logins_total') >= 1
        print(relay.log())
