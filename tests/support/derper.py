"""The original relay as a process: its own certificate, which clients pin, and STUN if a test wants it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import require
from support.relay_process import RelayProcess, until
from tailhub.tailcfg.derpmap import DERPNode

HOST = "127.0.0.1"
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


@contextlib.contextmanager
def derper(
    directory: Path, *options: object, stun: bool = False, environ: dict[str, str] | None = None
) -> Iterator[Derper]:
    """Start it, with its files in `directory`."""
    program = require.go_program("derper")
    log = directory / "derper.log"
    port = _free(socket.SOCK_STREAM)
    stun_port = _free(socket.SOCK_DGRAM) if stun else -1
    command = (
        *(program, "-a", f"{HOST}:{port}", "-http-port", "-1", "-hostname", HOST),
        *(("-stun-port", str(stun_port)) if stun else ("-stun=false",)),
        *("-certmode", "manual", "-certdir", directory, "-c", directory / "derper.key"),
        *options,
    )
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=os.environ | (environ or {})
        )
    try:
        pin = until(lambda: _PIN.search(log.read_text()), "derper tells its pin", log.read_text)
        until(lambda: _listens(port), "derper listens", log.read_text)
        yield Derper(port, pin[0], log, stun_port)
    finally:
        process.terminate()
        process.wait()


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


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port)).close()
    except OSError:
        return False
    return True
