"""The original relay as a process: its own certificate, which clients pin, and STUN if a test wants it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support import require
from support.relay_process import RelayProcess, until
from support.server_process import LIMIT_S, ServerProcess
from tailhub.tailcfg.derpmap import DERPNode

HOST = "127.0.0.1"
# Only loopback is told what it counts.
_ASK = """
import http.client, socket, ssl, sys
host, port, name, target = sys.argv[1:]
sock = socket.create_connection((host, int(port)), 20, source_address=("127.0.0.1", 0))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
if target:
    connection = http.client.HTTPSConnection(name)
    connection.sock = context.wrap_socket(sock, server_hostname=name)
    connection.request("GET", target)
    print(connection.getresponse().read().decode())
"""
_PIN = re.compile(r"sha256-raw:[0-9a-f]{64}")


@dataclass(frozen=True)
class Derper:
    """A running original; `stun_port` is -1 without STUN."""

    port: int
    pin: str
    log: Path
    stun_port: int = -1

    def node(self, name: str, port: int = 0) -> DERPNode:
        """As a map would have it; `port`: of what stands before it."""
        return DERPNode(
            name=name, host_name=HOST, derp_port=port or self.port, stun_port=self.stun_port, cert_name=self.pin
        )


class DerperProcess:
    """Started at once. Its files are in `directory`, where ``HOSTNAME.crt`` and ``.key`` may be. End it with `stop`."""

    def __init__(
        self,
        directory: Path,
        *options: object,
        hostname: str = HOST,
        listen: tuple[str, int],
        stun_port: int = -1,
        environ: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        words = (
            *(*prefix, require.go_program("derper"), "-a", f"{listen[0]}:{listen[1]}", "-http-port", "-1"),
            *(("-stun-port", str(stun_port)) if stun_port > 0 else ("-stun=false",)),
            *("-certmode", "manual", "-certdir", directory, "-c", directory / "derper.key", "-hostname", hostname),
            *options,
        )
        self.log_file = directory / "derper.log"
        self._listen, self._hostname, self._prefix = listen, hostname, prefix
        self._process = ServerProcess(
            [str(word) for word in words], self.log_file, environ=os.environ | (environ or {})
        )
        self.pid, self.log, self.stop = self._process.pid, self._process.log, self._process.stop

    def wait_until_it_listens(self) -> None:
        """Go on when somebody would be let in."""
        self._process.wait_until(lambda: self._ask("") is not None, "derper listens")

    def variables(self) -> dict[str, float]:
        """What it counts, from ``/debug/vars``."""
        counted: dict[str, float] = json.loads(self._ask("/debug/vars") or "")["derp"]
        return counted

    def _ask(self, target: str) -> str | None:
        """A page of it, asked where it is; None when it does not listen."""
        host, port = self._listen
        words = (*self._prefix, sys.executable, "-S", "-c", _ASK, host, str(port), self._hostname, target)
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        return done.stdout if done.returncode == 0 else None


@contextlib.contextmanager
def derper(
    directory: Path, *options: object, stun: bool = False, environ: dict[str, str] | None = None
) -> Iterator[Derper]:
    """Start it, with its files in `directory`."""
    port = _free(socket.SOCK_STREAM)
    stun_port = _free(socket.SOCK_DGRAM) if stun else -1
    process = DerperProcess(directory, *options, listen=(HOST, port), stun_port=stun_port, environ=environ)
    try:
        pin = until(lambda: _PIN.search(process.log()), "derper tells its pin", process.log)
        process.wait_until_it_listens()
        yield Derper(port, pin[0], process.log_file, stun_port)
    finally:
        process.stop()


@contextlib.contextmanager
def derper_beside(relay: RelayProcess, mesh_key_file: Path, directory: Path) -> Iterator[Derper]:
    """Start it as another node of the region, with a link to our relay."""
    # A mesh link of the original goes by name and CA; our certificate is its own CA.
    environ = {"SSL_CERT_FILE": str(relay.state_dir / "pinned.crt")}
    options = ("-mesh-psk-file", mesh_key_file, "-mesh-with", f"localhost:{relay.port}")
    with derper(directory, *options, environ=environ) as running:
        until(lambda: relay.metric("tailhub_mesh_watchers") == 1, "derper watches our relay", running.log.read_text)
        yield running


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as taken:
        taken.bind((HOST, 0))
        port: int = taken.getsockname()[1]
        return port
