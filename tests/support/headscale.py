"""Runs headscale on loopback: a control server, with a tailnet of a user of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support import require
from support.relay_process import until

HOST = "127.0.0.1"
LIMIT_S = 20.0
_CONFIG = """
server_url: http://{listen}
listen_addr: {listen}
metrics_listen_addr: {metrics}
grpc_listen_addr: {grpc}
noise: {{private_key_path: {directory}/noise.key}}
prefixes: {{v4: 100.64.0.0/10, v6: "fd7a:115c:a1e0::/48"}}
database: {{type: sqlite, sqlite: {{path: {directory}/db.sqlite}}}}
derp: {{server: {{enabled: false}}, urls: {urls}, paths: {paths}, {looking}}}
dns: {{magic_dns: false, base_domain: tailnet.example, override_local_dns: false}}
disable_check_updates: true
unix_socket: {directory}/headscale.sock
"""


class Headscale:
    """A running headscale. `url` is where nodes log in, `metrics` the address of its debug pages."""

    def __init__(
        self, program: str, directory: Path, port: int, urls: Sequence[str], paths: Sequence[str], looks_every_s: int
    ) -> None:
        self._program = program
        self._config = directory / "headscale.yaml"
        self._log = directory / "headscale.log"
        self._environment = os.environ | {"HOME": str(directory)}
        listen = f"{HOST}:{port}"
        self.url = f"http://{listen}"
        self.pid = 0
        self.metrics, grpc = free_addresses(2)
        self._config.write_text(
            _CONFIG.format(
                listen=listen,
                metrics=self.metrics,
                grpc=grpc,
                directory=directory,
                urls=json.dumps(list(urls)),
                paths=json.dumps(list(paths)),
                looking=f"auto_update_enabled: {bool(looks_every_s)}, update_frequency: {looks_every_s}s".lower(),
            )
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start it."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                (self._program, "--config", self._config, "serve"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
            )
        self.pid = process.pid
        return process

    def regions(self) -> dict[str, Any] | None:
        """What it has made of its maps, as its debug page shows it; None while that does not answer."""
        url = f"http://{self.metrics}/debug/derp"
        page = urllib.request.Request(url, headers={"Accept": "application/json"})
        try:
            with urllib.request.urlopen(page, timeout=LIMIT_S) as answer:
                regions = json.load(answer)["regions"]
        except OSError:
            return None
        assert isinstance(regions, dict)
        return regions

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text("utf-8", "replace")

    def write_command(self, file: Path) -> None:
        """Make `file` a ``headscale`` that speaks to this one."""
        words = shlex.join((self._program, "--config", str(self._config)))
        file.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        file.chmod(0o755)

    def make_key(self) -> str:
        """A key by which nodes may join the tailnet of a new user."""
        self._call("users", "create", "somebody")
        return self._call("preauthkeys", "create", "--user", "1", "--reusable").splitlines()[-1].strip()

    def make_api_key(self, expiration: str = "90d") -> str:
        """A key for its API, good for so long."""
        return self._call("apikeys", "create", "--expiration", expiration).split()[-1]

    def register(self, name: str) -> bytes:
        """A node of the user that `make_key` has made, which nobody runs; its raw key."""
        identity = f"hskey-authreq-{secrets.token_hex(12)}"
        self._call("debug", "create-node", "--name", name, "--user", "somebody", "--key", identity)
        self._call("auth", "register", "--auth-id", identity, "--user", "somebody")
        node = next(node for node in self._nodes() if node["given_name"] == name)
        return bytes.fromhex(node["node_key"].removeprefix("nodekey:"))

    def delete(self, name: str) -> None:
        """Delete a node."""
        node = next(node for node in self._nodes() if node["given_name"] == name)
        self._call("nodes", "delete", "--identifier", str(node["id"]), "--force")

    def expire(self, name: str) -> None:
        """Log a node out."""
        node = next(node for node in self._nodes() if node["given_name"] == name)
        self._call("nodes", "expire", "--identifier", str(node["id"]))

    def _nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = json.loads(self._call("nodes", "list", "--output", "json"))
        return nodes

    def is_up(self) -> bool:
        """Does it answer?"""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=LIMIT_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            (self._program, "--config", self._config, *words),
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def free_addresses(count: int) -> list[str]:
    """Addresses with ports that nobody had a moment ago."""
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [f"{HOST}:{probe.getsockname()[1]}" for probe in sockets]


@contextlib.contextmanager
def running_headscale(
    directory: Path, port: int, urls: Sequence[str] = (), paths: Sequence[str] = (), looks_every_s: int = 0
) -> Iterator[Headscale]:
    """A headscale on `port` whose DERP map comes from `urls` and `paths`, while the ``with`` lasts.

    It looks at them again every so many seconds; 0: never.
    """
    headscale = Headscale(require.go_program("headscale"), directory, port, urls, paths, looks_every_s)
    process = headscale.start()
    try:
        until(headscale.is_up, "headscale answers", headscale.log)
        yield headscale
    finally:
        process.terminate()
        process.wait()
