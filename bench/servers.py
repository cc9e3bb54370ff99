"""The relays under test: how each is started on loopback, found and recognised, and stopped.

The original is measured only when it is the original: a native executable that was built from its source, never a
script of that name (tailhub can stand in for derper under that very name).
"""

from __future__ import annotations

import mmap
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import tailhub

HOST = "127.0.0.1"
GET_DERPER = "go install tailscale.com/cmd/derper@v1.102.5"
# The first four bytes of native executables: ELF; Mach-O in both byte orders and as a universal file.
_NATIVE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe")
_BUILT_FROM = b"path\ttailscale.com/cmd/derper\n"  # stands in what Go stores of a build (`go version -m`)
_VERSION = re.compile(r"1\.\d+\.\d+([-.+\s]|$)")  # Tailscale's, with what a build of one's own adds
_START_LIMIT_S = 20.0
_STOP_LIMIT_S = 5.0


class ServerError(Exception):
    """A relay under test did not start. Says what it printed."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """What makes a relay one of a region of two, on this machine."""

    directory: Path  # of the certificate of both: ``HOST.crt``, ``HOST.key``
    key_file: Path
    peer_port: int  # where the other one listens

    @property
    def certificate(self) -> Path:
        """PEM."""
        return self.directory / f"{HOST}.crt"


class Server(Protocol):
    """A kind of relay."""

    @property
    def name(self) -> str:
        """Its name in the table."""

    @property
    def version(self) -> str:
        """Its version, as it says itself."""

    @property
    def origin(self) -> str:
        """What is run: a path."""

    def command(self, port: int, stun_port: int, directory: Path, mesh: Mesh | None = None) -> list[str]:
        """The command that starts it on loopback with its state in `directory`, alone or in a region."""


@dataclass(frozen=True, slots=True)
class Tailhub:
    """The relay of this project, run by this Python."""

    name: str = "tailhub"
    version: str = tailhub.__version__
    origin: str = f"{sys.executable} -m tailhub"
    admin: str = "off"  # where the operator's pages listen
    workers: int = 1

    def command(self, port: int, stun_port: int, directory: Path, mesh: Mesh | None = None) -> list[str]:
        """See `Server`."""
        region = (
            []
            if mesh is None
            else [
                *("--mesh-key-file", str(mesh.key_file), "--mesh-with", f"{HOST}:{mesh.peer_port}"),
                *("--cert", str(mesh.certificate), "--key", str(mesh.certificate.with_suffix(".key"))),
            ]
        )
        return [
            *(sys.executable, "-m", "tailhub", "relay", "--no-discover"),
            *("--listen", f"{HOST}:{port}", "--stun-listen", f"{HOST}:{stun_port}", "--admin-listen", self.admin),
            *("--state-dir", str(directory)),
            *region,
            *(("--workers", str(self.workers)) if self.workers > 1 else ()),
        ]


@dataclass(frozen=True, slots=True)
class Derper:
    """The original."""

    origin: str
    version: str
    name: str = "derper"

    def command(self, port: int, stun_port: int, directory: Path, mesh: Mesh | None = None) -> list[str]:
        """See `Server`. With an IP address as its name it makes a certificate of its own, if it finds none."""
        region = (
            []
            if mesh is None
            else [
                *("-mesh-psk-file", str(mesh.key_file), "-mesh-with", f"{HOST}:{mesh.peer_port}"),
            ]
        )
        return [
            *(self.origin, "-a", f"{HOST}:{port}", "-stun", "-stun-port", str(stun_port), "-http-port", "-1"),
            *("-hostname", HOST, "-certmode", "manual"),
            *("-certdir", str(mesh.directory if mesh is not None else directory)),
            *("-c", str(directory / "derper.key")),
            *region,
        ]


def recognise_derper(path: Path) -> Derper | str:
    """The original at `path`, or a sentence that says why it is not."""
    try:
        with path.open("rb") as file:
            if file.read(4) not in _NATIVE:
                return f"{path} is no native executable (a script?), so not the original"
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(_BUILT_FROM) < 0:
                    return f"{path} was not built from tailscale.com/cmd/derper, so it is not the original"
    except OSError as exc:
        return f"{path} cannot be read: {exc.strerror}"
    try:
        done = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as exc:
        return f"{path} -version failed: {exc}"
    version = (done.stdout or done.stderr).strip().partition("\n")[0]
    if not _VERSION.match(version):
        return f"{path} -version: expected a version of Tailscale such as 1.102.5, found {version[:60]!r}"
    return Derper(origin=str(path), version=version)


def find_derper(environ: Mapping[str, str] = os.environ) -> Derper | str:
    """The original that ``DERPER`` names, else the one on ``PATH``; or a sentence that says why there is none."""
    named = environ.get("DERPER")
    found = named or shutil.which("derper", path=environ.get("PATH"))
    if not found:
        return "derper is not installed"
    return recognise_derper(Path(found).resolve())


class Running:
    """A relay process with a state directory of its own. Use it in a ``with``; of a region: `bench.region`."""

    def __init__(self, server: Server, core: int | None = None, *, port: int = 0, mesh: Mesh | None = None) -> None:
        """`core`: the one that it keeps to; `port`: where it listens, 0 for any that is free."""
        self.server = server
        self.port, self.stun_port = port or free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self._directory = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        state = Path(self._directory.name)
        self._log = state / "log"

        def pin() -> None:
            if core is not None:  # before the program starts, for a Go program counts its cores then
                os.sched_setaffinity(0, {core})

        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                server.command(self.port, self.stun_port, state, mesh),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=pin,  # safe: one thread here
                env=os.environ if mesh is None else os.environ | {"SSL_CERT_FILE": str(mesh.certificate)},
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        try:
            self._wait_until_listening()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + _START_LIMIT_S
        while not is_listening(self.port):
            if self._process.poll() is not None:
                raise ServerError(
                    f"{self.server.name} ended with code {self._process.returncode}:\n{self.last_lines()}"
                )
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.server.name} does not listen after {_START_LIMIT_S:.0f} s:\n{self.last_lines()}"
                )
            time.sleep(0.002)

    def last_lines(self, count: int = 12) -> str:
        """The end of what it has printed."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-count:])

    def stop(self) -> None:
        """End it, kindly first, and remove its state."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()


def is_listening(port: int) -> bool:
    """Whether a TCP connection to `port` succeeds."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free_port(kind: socket.SocketKind) -> int:
    """A port that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
